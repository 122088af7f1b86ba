//! Box drawing as geometry, so that lines meet their neighbours without a gap at every size.
//!
//! A line lies on the middle of three strips, each as thick as a light line. A heavy line fills all
//! three, a double one the outer two.

use super::shapes::{Cell, Shape};

const LIGHT: u8 = 1;
const HEAVY: u8 = 2;
const DOUBLE: u8 = 3;

/// Where a cell's line goes: up, right, down, left.
const UP: usize = 0;
const RIGHT: usize = 1;
const DOWN: usize = 2;
const LEFT: usize = 3;

/// The weights of the four arms of U+2500 to U+257F, a digit each: up, right, down, left. Those that
/// have none are dashes, arcs and diagonals.
#[rustfmt::skip]
const ARMS: [u16; 128] = [
    0x0101, 0x0202, 0x1010, 0x2020, 0x0000, 0x0000, 0x0000, 0x0000,
    0x0000, 0x0000, 0x0000, 0x0000, 0x0110, 0x0210, 0x0120, 0x0220,
    0x0011, 0x0012, 0x0021, 0x0022, 0x1100, 0x1200, 0x2100, 0x2200,
    0x1001, 0x1002, 0x2001, 0x2002, 0x1110, 0x1210, 0x2110, 0x1120,
    0x2120, 0x2210, 0x1220, 0x2220, 0x1011, 0x1012, 0x2011, 0x1021,
    0x2021, 0x2012, 0x1022, 0x2022, 0x0111, 0x0112, 0x0211, 0x0212,
    0x0121, 0x0122, 0x0221, 0x0222, 0x1101, 0x1102, 0x1201, 0x1202,
    0x2101, 0x2102, 0x2201, 0x2202, 0x1111, 0x1112, 0x1211, 0x1212,
    0x2111, 0x1121, 0x2121, 0x2112, 0x2211, 0x1122, 0x1221, 0x2212,
    0x1222, 0x2122, 0x2221, 0x2222, 0x0000, 0x0000, 0x0000, 0x0000,
    0x0303, 0x3030, 0x0310, 0x0130, 0x0330, 0x0013, 0x0031, 0x0033,
    0x1300, 0x3100, 0x3300, 0x1003, 0x3001, 0x3003, 0x1310, 0x3130,
    0x3330, 0x1013, 0x3031, 0x3033, 0x0313, 0x0131, 0x0333, 0x1303,
    0x3101, 0x3303, 0x1313, 0x3131, 0x3333, 0x0000, 0x0000, 0x0000,
    0x0000, 0x0000, 0x0000, 0x0000, 0x0001, 0x1000, 0x0100, 0x0010,
    0x0002, 0x2000, 0x0200, 0x0020, 0x0201, 0x1020, 0x0102, 0x2010,
];

/// The shapes of a box drawing character.
pub(super) fn shapes(c: char, cell: Cell) -> Option<Vec<Shape>> {
    let index = u32::from(c).checked_sub(0x2500).filter(|index| *index < 128)?;
    let arms = ARMS[index as usize];
    let arms = [arms >> 12, arms >> 8 & 15, arms >> 4 & 15, arms & 15].map(|weight| weight as u8);
    Some(match c {
        '┄' | '┅' | '┈' | '┉' | '╌' | '╍' | '┆' | '┇' | '┊' | '┋' | '╎' | '╏' => {
            dashes(c, cell)
        }
        '╭' | '╮' | '╯' | '╰' => arc(c, cell),
        '╱' | '╲' | '╳' => diagonals(c, cell),
        // The left one first: it continues the cell before.
        _ => [LEFT, UP, DOWN, RIGHT].into_iter().flat_map(|arm| rails(arms, arm, cell)).collect(),
    })
}

/// The lines of one arm: none, one or, if it is double, two.
fn rails(arms: [u8; 4], arm: usize, cell: Cell) -> Vec<Shape> {
    let line = cell.line;
    // Strips count away from the middle, across the arm and along it.
    let (opposite, [before, after]) = match arm {
        UP | DOWN => (arms[DOWN + UP - arm], [arms[LEFT], arms[RIGHT]]),
        _ => (arms[LEFT + RIGHT - arm], [arms[UP], arms[DOWN]]),
    };
    let lanes: &[(i32, i32)] = match arms[arm] {
        LIGHT => &[(0, 1)],
        HEAVY => &[(-1, 3)],
        DOUBLE => &[(-1, 1), (1, 1)],
        _ => &[],
    };
    let rail = |&(lane, thickness): &(i32, i32)| {
        // At which strip it begins: the others are crossed by what runs across it.
        let begin = if before != DOUBLE && after != DOUBLE {
            if before == HEAVY || after == HEAVY { -1 } else { 0 }
        } else {
            let turns = match lane {
                -1 if arms[arm] == DOUBLE => before == DOUBLE,
                1 => after == DOUBLE,
                _ => opposite == 0 && before == after,
            };
            if turns {
                1
            } else if opposite > 0 {
                0
            } else {
                -1
            }
        };
        let (x, y) = cell.middle();
        let (across, thick, along) = (lane * line, thickness * line, begin * line);
        match arm {
            UP => Shape::rect(x + across, 0, thick, y + line - along),
            RIGHT => Shape::rect(x + along, y + across, cell.width - x - along, thick),
            DOWN => Shape::rect(x + across, y + along, thick, cell.height - y - along),
            _ => Shape::rect(0, y + across, x + line - along, thick),
        }
    };
    lanes.iter().map(rail).collect()
}

/// Two, three or four pieces of a line with gaps between.
fn dashes(c: char, cell: Cell) -> Vec<Shape> {
    let count = match c {
        '┄' | '┅' | '┆' | '┇' => 3,
        '┈' | '┉' | '┊' | '┋' => 4,
        _ => 2,
    };
    let strips = if matches!(c, '┅' | '┉' | '╍' | '┇' | '┋' | '╏') { 3 } else { 1 };
    let thick = strips * cell.line;
    let (x, y) = cell.middle();
    let (x, y) = (x - (strips - 1) / 2 * cell.line, y - (strips - 1) / 2 * cell.line);
    let is_level = matches!(c, '┄' | '┅' | '┈' | '┉' | '╌' | '╍');
    let length = if is_level { cell.width } else { cell.height };
    let pieces = (0..count).map(|piece| {
        let begin = length * piece / count;
        let end = length * (piece + 1) / count;
        (begin, ((end - begin + 1) / 2).max(1))
    });
    let piece = |(begin, size)| {
        if is_level { Shape::rect(begin, y, size, thick) } else { Shape::rect(x, begin, thick, size) }
    };
    pieces.map(piece).collect()
}

/// A quarter of a circle from the middle of one edge to that of the next, and what is left of the line.
fn arc(c: char, cell: Cell) -> Vec<Shape> {
    const PIECES: u8 = 6;
    let line = cell.line;
    let (x, y) = cell.middle();
    let (to_right, to_bottom) = (matches!(c, '╭' | '╰'), matches!(c, '╭' | '╮'));
    // The cell is higher than wide: the circle ends at the edge beside it, a straight line goes on.
    let radius = if to_right { cell.width - x } else { x + line };
    let straight = if to_bottom {
        Shape::rect(x, y + radius, line, cell.height - y - radius)
    } else {
        Shape::rect(x, 0, line, y + line - radius)
    };
    let (sign_x, sign_y) = (if to_right { -1.0 } else { 1.0 }, if to_bottom { -1.0 } else { 1.0 });
    let half = line as f32 / 2.0;
    let radius = radius as f32 - half;
    let centre = (x as f32 + half - sign_x * radius, y as f32 + half - sign_y * radius);
    let point = |radius: f32, piece: u8| {
        let angle = f32::from(piece) / f32::from(PIECES) * std::f32::consts::FRAC_PI_2;
        (centre.0 + sign_x * radius * angle.cos(), centre.1 + sign_y * radius * angle.sin())
    };
    let outer = (0..=PIECES).map(|piece| point(radius + half, piece));
    let inner = (0..=PIECES).rev().map(|piece| point(radius - half, piece));
    let edge = if to_right { cell.width as f32 } else { 0.0 };
    let rest = Shape::Polygon(vec![
        (centre.0, y as f32),
        (edge, y as f32),
        (edge, (y + line) as f32),
        (centre.0, (y + line) as f32),
    ]);
    let quarter = Shape::Polygon(outer.chain(inner).collect());
    if (centre.0 - edge).abs() < f32::EPSILON {
        vec![straight, quarter]
    } else {
        vec![straight, quarter, rest]
    }
}

fn diagonals(c: char, cell: Cell) -> Vec<Shape> {
    let (width, height, half) = (cell.width as f32, cell.height as f32, cell.line as f32 * 0.6);
    let rising =
        Shape::Polygon(vec![(width - half, 0.0), (width + half, 0.0), (half, height), (-half, height)]);
    let falling =
        Shape::Polygon(vec![(-half, 0.0), (half, 0.0), (width + half, height), (width - half, height)]);
    match c {
        '╱' => vec![rising],
        '╲' => vec![falling],
        _ => vec![rising, falling],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cell of 9×11, its lines one thick, as text.
    fn drawn(c: char) -> Vec<String> {
        let cell = Cell { width: 9, height: 11, line: 1 };
        let mut pixels = vec![vec!['.'; 9]; 11];
        for shape in shapes(c, cell).unwrap() {
            let Shape::Rect { x, y, width, height, .. } = shape else { panic!("{c} is not of rectangles") };
            for row in &mut pixels[y as usize..(y + height) as usize] {
                row[x as usize..(x + width) as usize].fill('#');
            }
        }
        pixels.into_iter().map(|row| row.into_iter().collect()).collect()
    }

    #[test]
    fn lines_reach_the_edges_and_each_other() {
        assert_eq!(drawn('─')[5], "#########");
        assert!(drawn('│').iter().all(|row| row == "....#...."));
        assert_eq!(drawn('┌')[4..7], [".........", "....#####", "....#...."]);
        assert_eq!(drawn('┏')[3..8], [".........", "...######", "...######", "...######", "...###..."]);
        assert_eq!(drawn('┻')[3..8], ["...###...", "#########", "#########", "#########", "........."]);
        assert_eq!(drawn('╼')[4..7], ["....#####", "#########", "....#####"]);
    }

    #[test]
    fn double_lines_meet_as_they_should() {
        assert_eq!(drawn('╔')[3..8], [".........", "...######", "...#.....", "...#.####", "...#.#..."]);
        assert_eq!(drawn('╬')[3..8], ["...#.#...", "####.####", ".........", "####.####", "...#.#..."]);
        assert_eq!(drawn('╠')[3..8], ["...#.#...", "...#.####", "...#.....", "...#.####", "...#.#..."]);
        assert_eq!(drawn('╟')[4..7], ["...#.#...", "...#.####", "...#.#..."]);
        assert_eq!(drawn('╤')[3..8], [".........", "#########", ".........", "#########", "....#...."]);
        assert_eq!(drawn('╪')[3..8], ["....#....", "#########", "....#....", "#########", "....#...."]);
        assert_eq!(drawn('╓')[4..7], [".........", "...######", "...#.#..."]);
    }

    #[test]
    fn every_one_of_them_has_a_shape() {
        for c in '\u{2500}'..='\u{257f}' {
            for (width, height, line) in [(9, 20, 1), (8, 18, 1), (5, 11, 1), (24, 53, 3)] {
                let shapes = shapes(c, Cell { width, height, line }).unwrap();
                assert!(!shapes.is_empty(), "{c}");
                for shape in shapes {
                    if let Shape::Rect { x, y, width: w, height: h, .. } = shape {
                        assert!(x >= 0 && y >= 0 && w > 0 && h > 0, "{c}: {shape:?}");
                        assert!(x + w <= width && y + h <= height, "{c}: {shape:?}");
                    }
                }
            }
        }
        assert!(shapes('a', Cell { width: 9, height: 20, line: 1 }).is_none());
    }
}
