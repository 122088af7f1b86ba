//! The title's row: what it is, the kind and policy of its lock, what the player does, the time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::{Playing, Scene, paint};
use crate::event::Policy;
use crate::trace::words;

/// Draws it; gives the path of the kind if there is one and no room for it here.
pub(super) fn draw(scene: &Scene, lost: u64, area: Rect, buf: &mut Buffer) -> Option<&'static str> {
    let names = scene.trace.names();
    let mut kinds = Vec::new();
    for lock in &names.locks {
        if !kinds.contains(&lock.kind) {
            kinds.push(lock.kind);
        }
    }
    // As much of it as there is room for: the policy is what matters.
    let ways = match kinds.as_slice() {
        [kind] if kind.policy() == Policy::Fifo => {
            vec![format!("{} · {}", kind.path(), kind.policy()), kind.policy().to_string()]
        }
        // What another run of it does is as right as what this one did.
        [kind] => {
            let (path, policy) = (kind.path(), kind.policy());
            let all = format!("{path} · {policy} · one legal order");
            vec![all, format!("{policy} · one legal order"), policy.to_string()]
        }
        [] => vec![],
        more => vec![format!("{} kinds of lock", more.len())],
    };
    let told = line(scene, lost, &ways, area, buf);
    let [kind] = kinds.as_slice() else { return None };
    Some(kind.path()).filter(|path| !told.is_some_and(|told| told.starts_with(path)))
}

/// The row, with how many events are missing so far, and what there is to say beside the title: the first of `ways` for which there is room.
/// Gives which that was.
pub(super) fn line<'w>(
    scene: &Scene,
    lost: u64,
    ways: &'w [String],
    area: Rect,
    buf: &mut Buffer,
) -> Option<&'w str> {
    let theme = scene.theme;
    buf.set_style(area, theme.bar);
    let view = scene.view;
    let strong = theme.strong.bg(theme.bar.bg.unwrap_or_default());
    let dim = theme.dim.bg(theme.bar.bg.unwrap_or_default());

    // The state of the player is worth more than the title's end: it is placed first. Its width is
    // the same in every state, so that nothing jumps.
    let state = match view.playing {
        Playing::Playing => format!("▶ {}", speed(view.speed)),
        Playing::Paused => format!("▌▌ {}", speed(view.speed)),
        Playing::Ended => "■ end".to_owned(),
    };
    let time = view.now.to_string();
    let right = area.right().saturating_sub(1);
    let x = paint::put_right(buf, area.x, right, area.y, &time, strong);
    let x = paint::put_right(buf, area.x, x.saturating_sub(2), area.y, &format!("{state:<7}"), strong);

    // What is missing makes all else doubtful: it has room before the title.
    let x = if lost > 0 {
        let style = theme.blocked.bg(theme.bar.bg.unwrap_or_default()).add_modifier(Modifier::BOLD);
        let told = format!("{} lost", words::events(lost));
        paint::put_right(buf, area.x, x.saturating_sub(3), area.y, &told, style)
    } else {
        x
    };

    let earlier = scene.trace.earlier();
    let x = if earlier > 0 {
        let told = format!("{} before this not kept", words::events(earlier));
        paint::put_right(buf, area.x, x.saturating_sub(3), area.y, &told, dim)
    } else {
        x
    };

    let name = paint::put(buf, area.x, area.y, area.width, " lockscope ", theme.badge) + 1;
    let room = x.saturating_sub(name);
    let title = paint::width(scene.title);
    let mut room_for_title = room.saturating_sub(2);
    // What leaves room for the whole title; a long one gives way to the shortest, but not all of it.
    let fits = |title: u16| move |kind: &&String| title + paint::width(kind) + 5 <= room;
    let told = ways.iter().find(fits(title)).or(ways.last().filter(fits(title.min(36))));
    if let Some(kind) = told {
        let kind_x = paint::put_right(buf, name, x.saturating_sub(3), area.y, kind, dim);
        room_for_title = kind_x.saturating_sub(name + 2);
    }
    paint::put(buf, name, area.y, room_for_title, scene.title, strong);
    told.map(String::as_str)
}

/// `1×`, `0.25×`.
fn speed(speed: f64) -> String {
    format!("{speed}×")
}
