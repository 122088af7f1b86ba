//! Pages: their own script shows what was drawn, and they hold nothing but what they say.

use lockscope::record::frames::{Cut, Frame, Look, Pace, Viewer};
use lockscope::record::html::{DECODE, Head, Html};
use lockscope::record::{Recording, Sink};
use lockscope::view::ThemeName;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use rquickjs::CatchResultExt as _;
use serde_json::Value as Json;
use unicode_width::UnicodeWidthStr;

use super::runs;
use super::truth::LONG;

fn page(recording: &Recording, look: &Look, cut: &Cut) -> (String, Vec<Frame>) {
    let viewer = Viewer::new(recording, look, cut.speed);
    let frames: Vec<Frame> = viewer.frames(cut).unwrap().collect();
    (page_of(recording, look, cut, &frames), frames)
}

fn page_of(recording: &Recording, look: &Look, cut: &Cut, frames: &[Frame]) -> String {
    let telling = Viewer::new(recording, look, cut.speed).telling_rows();
    let head = Head { size: look.size, theme: look.theme, pace: cut.pace, speed: cut.speed, telling };
    let mut bytes = Vec::new();
    let mut sink = Box::new(Html::new(&mut bytes, recording, head).unwrap());
    for frame in frames {
        sink.frame(frame).unwrap();
    }
    sink.finish().unwrap();
    String::from_utf8(bytes).unwrap()
}

/// What the page's player is given.
fn data(page: &str) -> &str {
    let (_, behind) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    behind.split_once("</script>").unwrap().0
}

fn color(color: Color) -> String {
    let index = match color {
        Color::Reset => return String::new(),
        Color::Rgb(r, g, b) => return format!("{r} {g} {b}"),
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::DarkGray => 8,
        Color::LightGreen => 10,
        other => panic!("no theme has {other}"),
    };
    index.to_string()
}

/// A cell as the script has it: text, look and width.
fn cell(cell: &Cell) -> String {
    let modes = [(Modifier::BOLD, "b"), (Modifier::REVERSED, "r")];
    let modes: String =
        modes.iter().filter(|(mode, _)| cell.modifier.contains(*mode)).map(|(_, name)| *name).collect();
    format!(
        "{}|{},{},{modes}|{}",
        cell.symbol(),
        color(cell.fg),
        color(cell.bg),
        cell.symbol().width().max(1)
    )
}

fn cells(picture: &Buffer) -> String {
    let mut all = Vec::new();
    for y in 0..picture.area.height {
        let mut x = 0;
        while x < picture.area.width {
            all.push(cell(&picture[(x, y)]));
            x += picture[(x, y)].symbol().width().max(1) as u16;
        }
    }
    all.join("\n")
}

/// Runs the page's script on the page's data and compares every picture.
fn check(recording: &Recording, look: &Look, cut: &Cut) {
    let (page, frames) = page(recording, look, cut);
    let runtime = rquickjs::Runtime::new().unwrap();
    let context = rquickjs::Context::full(&runtime).unwrap();
    context.with(|js| {
        js.globals().set("text", data(&page)).unwrap();
        let begin = format!(
            "{DECODE}; globalThis.decode = decode; globalThis.data = JSON.parse(text);
            globalThis.s = decode.start(data.cols, data.rows);"
        );
        js.eval::<(), _>(begin).catch(&js).unwrap_or_else(|error| panic!("{error}"));
        let count: usize = js.eval("data.frames.length").unwrap();
        assert_eq!(count, frames.len());
        for (index, frame) in frames.iter().enumerate() {
            let next = format!(
                "decode.tell(s, [].concat(data.frames[{index}])[0]);
                 s.cells.filter((cell) => cell[2]).map((cell) => cell.join('|')).join('\\n')"
            );
            let shown: String = js.eval(next).unwrap();
            let drawn = cells(&frame.buffer);
            if shown != drawn {
                let differs = shown.lines().zip(drawn.lines()).enumerate().find(|(_, (a, b))| a != b);
                panic!("picture {index}: {differs:?}");
            }
        }
        let length: f64 = js
            .eval(
                "data.frames.reduce((sum, frame) => sum + (Array.isArray(frame) ? frame[1] : data.step), 0)",
            )
            .unwrap();
        let last = frames.last().unwrap();
        assert!((length - (last.at + last.length).as_secs_f64() * 1000.0).abs() < 1e-6, "{length} ms");
    });
}

#[test]
fn a_page_shows_what_was_drawn() {
    let lecture = runs::lecture(None);
    check(&lecture, &runs::look(), &runs::cut(runs::grid(25)));
    for theme in [ThemeName::Mono, ThemeName::Ansi] {
        check(&lecture, &Look { theme, ..runs::look() }, &runs::cut(Pace::Events));
    }
    check(&runs::odd(), &runs::look(), &runs::cut(Pace::Events));
    check(&runs::odd(), &runs::look(), &runs::cut(runs::grid(20)));
}

#[test]
fn it_is_hardly_larger_than_the_cast() {
    let cast = &LONG.cast;
    let page = page_of(&LONG.recording, &runs::look(), &runs::cut(runs::grid(25)), &LONG.frames);
    assert!(page.len() <= cast.len() + 8_000, "{} and {} bytes", page.len(), cast.len());
}

/// The notes of a page: what is read out, and what is asked.
fn notes(page: &str) -> Vec<Json> {
    let data: Json = serde_json::from_str(data(page)).unwrap();
    let frames = data["frames"].as_array().unwrap();
    frames.iter().filter_map(|frame| frame.get(2).cloned()).collect()
}

#[test]
fn it_asks_at_the_marker_and_reads_out_what_happens() {
    let (page, _) = page(&runs::lecture(None), &runs::look(), &runs::cut(runs::grid(25)));
    let notes = notes(&page);
    let asked: Vec<_> = notes.iter().filter(|note| note.get("ask").is_some()).collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["label"], "the first handoff");
    assert_eq!(asked[0]["answers"].as_array().unwrap().len(), 2);
    assert!(asked[0]["say"].as_str().unwrap().starts_with("The writer"));
    assert!(
        notes.iter().any(|note| note["why"].as_str().is_some_and(|why| why.contains("first in the queue")))
    );
    for needs in ["aria-live=\"polite\"", "prefers-reduced-motion", "PageDown", "PageUp", "ArrowLeft"] {
        assert!(page.contains(needs), "{needs}");
    }
}

#[test]
fn nothing_from_a_scenario_becomes_part_of_the_page() {
    let (page, _) = page(&runs::odd(), &runs::look(), &runs::cut(Pace::Events));
    assert_eq!(page.matches("<script").count(), 3);
    assert_eq!(page.matches("</script>").count(), 3);
    assert!(page.contains("<title>&lt;/script&gt;: 漢字"));
    assert!(!page.contains('\u{1b}') && !page.contains("<i>") && !page.contains("<b>漢"));
    // No address but names: nothing is fetched.
    assert!(!page.contains("://") && !page.contains("src="), "it needs nothing else");
}

/// As much of a browser as the player needs. Time passes when it is told to.
const BROWSER: &str = r#"
    const element = () => ({ style: {}, children: [], textContent: "", hidden: true, tagName: "DIV",
        append(...more) { this.children.push(...more); },
        replaceChildren(...all) { this.children = all; }, replaceWith() {} });
    const elements = {}, keys = [];
    let frame = null, now = 0;
    globalThis.document = {
        getElementById: (id) => (elements[id] ??= Object.assign(element(), { id })),
        createElement: element,
        documentElement: { style: { setProperty() {} } },
    };
    globalThis.matchMedia = () => ({ matches: still });
    globalThis.performance = { now: () => now };
    globalThis.requestAnimationFrame = (act) => { frame = act; };
    globalThis.addEventListener = (kind, act) => { if (kind == "keydown") keys.push(act); };
    [globalThis.innerWidth, globalThis.innerHeight] = [1920, 1080];
    document.getElementById("data").textContent = text;
    document.getElementById("quiz").hidden = true;
    const press = (key, shiftKey = false) => keys.forEach((act) => act({ key, shiftKey, target: {}, preventDefault() {} }));
    const pass = (ms) => { for (let i = 0; i < ms; i += 10) { now += 10; const act = frame; frame = null; act?.(now); } };
    const state = () => [elements.time.textContent, elements.play.ariaLabel, elements.quiz.hidden ? "" : elements.ask.textContent,
        elements.caption.textContent].join(" | ") + veiled();
    const veiled = () => {
        const rows = elements.screen.children.filter((row) => row.style.visibility == "hidden").length;
        return rows ? ` | ${rows} rows veiled` : "";
    };
"#;

/// What the player shows after each of some acts in the browser.
fn acts(still: bool, acts: &[&str]) -> Vec<String> {
    let (page, _) = page(&runs::lecture(None), &runs::look(), &runs::cut(runs::grid(25)));
    let player = page.rsplit_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
    let runtime = rquickjs::Runtime::new().unwrap();
    let context = rquickjs::Context::full(&runtime).unwrap();
    context.with(|js| {
        js.globals().set("text", data(&page)).unwrap();
        js.globals().set("still", still).unwrap();
        let script =
            format!("{DECODE} {BROWSER} globalThis.act = (what) => (what && eval(what), state()); {player}");
        let run = |script: String| js.eval::<rquickjs::Value, _>(script).catch(&js).map(|_| ());
        run(script).unwrap_or_else(|error| panic!("{error}"));
        let act = |what: &&str| js.eval::<String, _>(format!("act(`{what}`)")).catch(&js);
        acts.iter().map(|what| act(what).unwrap_or_else(|error| panic!("{what}: {error}"))).collect()
    })
}

#[test]
fn its_player_stops_at_the_question_and_answers_it() {
    let seen = acts(false, &["", "pass(500)", "pass(1000)", "pass(1000)", "press(' ')", "pass(4000)"]);
    insta::assert_snapshot!(seen.join("\n"));
}

#[test]
fn a_remote_is_enough_to_present_it() {
    let remote = [
        "",
        "press('PageDown')",
        "press('PageDown')",
        "press('PageDown')",
        "press('PageUp')",
        "press('Home')",
    ];
    insta::assert_snapshot!(acts(true, &remote).join("\n"));
}

#[test]
fn pictures_are_stepped_both_ways() {
    let steps = [
        "press('End')",
        "press('ArrowLeft', true)",
        "press('ArrowLeft', true)",
        "press('ArrowRight', true)",
        "elements.slider.value = '7', elements.slider.oninput()",
        "elements.on.onclick()",
        "elements.back.onclick()",
    ];
    insta::assert_snapshot!(acts(true, &steps).join("\n"));
}
