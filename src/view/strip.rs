//! A row for each lock: who has it, since when and in what state; the queue in order; the handoffs. Of
//! what cannot be owned: what is left of it, and who waits for it.

use std::cmp::Reverse;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{LaneId, Scene, paint, quiz};
use crate::event::{Family, LockId, LockName, Mode, What};
use crate::trace::{Life, Lock, Look, Place, State, words};

pub(super) fn draw(scene: &Scene, state: &State, area: Rect, buf: &mut Buffer) {
    let names = scene.trace.names();
    let rows = usize::from(area.height);
    let hidden = state.locks.len().saturating_sub(rows);
    // Where not all fit, it is the selected one, and those with the longest queues are the ones to look at.
    let mut shown: Vec<usize> = (0..state.locks.len()).collect();
    if hidden > 0 && rows > 0 {
        let selected = |id: usize| scene.view.lane == Some(LaneId::Lock(LockId(id as u32)));
        let worth = |&id: &usize| Reverse((selected(id), state.locks[id].queue.len(), Reverse(id)));
        shown.select_nth_unstable_by_key(rows - 1, worth);
        shown.truncate(rows);
        shown.sort_unstable();
    }
    for (row, id) in shown.into_iter().enumerate() {
        let area = Rect { y: area.y + row as u16, height: 1, ..area };
        let Some(name) = names.locks.get(id) else { continue };
        let more =
            (hidden > 0 && row + 1 == rows).then(|| format!("+{}", words::counted(hidden as u64, "lock")));
        row_of(scene, state, name, &state.locks[id], more, area, buf);
    }
}

fn row_of(
    scene: &Scene,
    state: &State,
    LockName { name, .. }: &LockName,
    lock: &Lock,
    more: Option<String>,
    area: Rect,
    buf: &mut Buffer,
) {
    let theme = scene.theme;
    let right = area.right().saturating_sub(1);
    let count = more.unwrap_or_else(|| match lock.kind.family() {
        Family::Notify => format!("heard {}", lock.heard),
        Family::Channel => String::new(),
        _ if lock.hands_over() => format!("handoffs {}", lock.handoffs),
        _ => format!("barging {}", lock.barged),
    });
    let end = paint::put_right(buf, area.x, right, area.y, &count, theme.dim).saturating_sub(2);
    let mut line = Line { buf, x: area.x + 1, y: area.y, end, narrow: area.width < 90 };
    line.put(name, theme.strong);
    line.x += 2;
    let hidden = quiz::hides(scene);
    match lock.kind.family() {
        _ if hidden && lock.heir().is_some() => {
            line.put("was let go", theme.text);
            line.x += 3;
        }
        Family::Notify | Family::Channel => left_over(scene, lock, &mut line),
        Family::Mutex | Family::RwLock | Family::Semaphore => held(scene, state, lock, &mut line),
    }
    if hidden {
        line.put("queue ", theme.dim);
        line.put("?", theme.strong);
    } else {
        queue(scene, lock, state.lost > 0, &mut line);
    }
}

/// A row that is written from left to right.
struct Line<'a> {
    buf: &'a mut Buffer,
    x: u16,
    y: u16,
    end: u16,
    narrow: bool,
}

impl Line<'_> {
    fn put(&mut self, text: &str, style: Style) {
        self.x = paint::put(self.buf, self.x, self.y, self.end.saturating_sub(self.x), text, style);
    }
}

/// Whose a lock is, since when, and what its owners do meanwhile.
fn held(scene: &Scene, state: &State, lock: &Lock, line: &mut Line) {
    let theme = scene.theme;
    let names = scene.trace.names();
    if let Some(owner) = lock.owner() {
        let (look, doing) = doing(scene, state, lock, owner, line.narrow);
        let held = words::growing(scene.view.now.since(owner.since));
        let words = match owner.mode {
            Mode::Permits(_) => permits_out(lock, line.narrow),
            Mode::Shared if !lock.holders.is_empty() => {
                format!("{}, {held}", words::counted(lock.owners().count() as u64, "reader"))
            }
            _ => doing,
        };
        let ended = |place: &Place| state.task(place.task).is_some_and(|task| task.life == Life::Finished);
        let elsewhere = lock.moves || lock.owners().take(MOST_CHIPS).any(ended);
        line.put(if elsewhere { "acquired by " } else { "held by " }, theme.dim);
        let room = if line.narrow { 12 } else { 20 };
        line.put(&format!(" {} ", words::group(names, &lock.group(), room)), theme.chip(look));
        // Room for the longest of these words, so that the queue does not jump.
        let room = match owner.mode {
            Mode::Exclusive if !line.narrow => 25,
            Mode::Exclusive => 15,
            Mode::Permits(_) if line.narrow => 11,
            _ => 19,
        };
        line.put(&format!(" {words:<room$}"), theme.text);
        line.x += 1;
    } else if let Some(heir) = lock.heir() {
        line.put("passes straight to ", theme.strong);
        line.put(&format!(" {} ", names.task(heir.task)), theme.chip(Look::Waiting));
        line.x += 3;
    } else {
        // Whoever acquired it in a gap is not known.
        let nobody = match (state.lost, lock.is_taken_unseen()) {
            (0, false) => "free",
            (0, true) => "taken before this",
            _ => "no owner known",
        };
        let free =
            lock.free().map_or_else(|| nobody.to_owned(), |free| format!("{} free", words::permits(free)));
        line.put(&free, theme.text);
        line.x += 3;
    }
}

/// What a lock's first owner looks like, and what it does, since when.
fn doing(scene: &Scene, state: &State, lock: &Lock, owner: &Place, narrow: bool) -> (Look, String) {
    let held = words::growing(scene.view.now.since(owner.since));
    let standing = state.task(owner.task);
    let wants = standing.and_then(|task| task.claims.iter().find(|claim| claim.stage.is_queued()));
    let asleep = standing.is_some_and(|task| matches!(task.life, Life::Asleep { .. }));
    let event = scene.trace.event(scene.view.moment);
    let timeout = event.is_some_and(|event| event.actor.task == owner.task && event.what == What::Timeout);
    match (lock.holders.is_empty(), wants) {
        (true, Some(_)) => (Look::Granted, "granted, unpolled".to_owned()),
        (true, None) => (Look::Granted, "granted, not yet polled".to_owned()),
        // What it holds is dropped next.
        (false, _) if timeout => (Look::Holding, format!("{held}, time is up")),
        (false, _) if standing.is_some_and(|task| task.life == Life::Finished) => {
            (Look::Suspended, format!("{held}, has ended"))
        }
        (false, Some(claim)) => {
            (Look::Holding, format!("{held}, waits for {}", scene.trace.names().lock(claim.lock)))
        }
        (false, None) if asleep && narrow => (Look::Suspended, format!("{held} asleep")),
        (false, None) if asleep => (Look::Suspended, format!("{held}, asleep at .await")),
        // It may as well be at an `.await`: a program does not tell.
        (false, None) if !scene.tells_steps(owner.task) => (Look::Holding, held),
        (false, None) => (Look::Holding, format!("{held}, running")),
    }
}

/// `2 of 3 permits out`.
fn permits_out(lock: &Lock, narrow: bool) -> String {
    match (lock.permits, lock.free()) {
        (Some(all), Some(free)) if narrow => format!("{} of {all} out", all - free),
        (Some(all), Some(free)) => format!("{} of {} out", all - free, words::permits(all)),
        _ => format!("{} out", words::counted(lock.owners().count() as u64, "permit")),
    }
}

/// What is left in a notifier or in a channel.
fn left_over(scene: &Scene, lock: &Lock, line: &mut Line) {
    let theme = scene.theme;
    let names = scene.trace.names();
    let mut left = Vec::new();
    if lock.kind.family() == Family::Channel {
        left.push(match lock.permits {
            Some(room) => format!("{} of {room} messages", lock.messages),
            None => words::counted(lock.messages, "message"),
        });
    } else {
        if lock.stored {
            left.push("1 notification stored".to_owned());
        }
        if lock.lost > 0 {
            left.push(format!("{} lost", words::counted(lock.lost, "notification")));
        }
    }
    if lock.queue.is_empty() && lock.granted.is_empty() {
        left.insert(0, "nobody waits".to_owned());
    }
    line.put(&left.join(" · "), theme.text);
    line.x += 3;
    for place in lock.granted.iter().take(4) {
        line.put(&format!(" {} {} ", names.task(place.task), let_in(lock)), theme.chip(Look::Granted));
        line.x += 1;
    }
}

/// The word for who was let in and has not run yet.
pub(super) fn let_in(lock: &Lock) -> &'static str {
    match lock.kind.family() {
        Family::Notify => "notified",
        Family::Channel => "woken",
        _ if !lock.hands_over() => "woken",
        _ => "granted",
    }
}

/// No row has room for more who wait.
const MOST_CHIPS: usize = 64;

/// Who waits, in order; `doubtful` where somebody may wait unseen.
fn queue(scene: &Scene, lock: &Lock, doubtful: bool, line: &mut Line) {
    let theme = scene.theme;
    let owned = !matches!(lock.kind.family(), Family::Notify | Family::Channel);
    if owned || !lock.queue.is_empty() {
        line.put("queue ", theme.dim);
    }
    if lock.queue.is_empty() && owned {
        line.put(if doubtful { "nobody known" } else { "empty" }, theme.dim);
    }
    let narrow = line.narrow;
    let chip = |position: usize, wishes: bool| {
        let Some(place) = lock.queue.nth(position) else { return String::new() };
        // Where no order is promised there are no places.
        let number = if lock.hands_over() { format!("#{} ", position + 1) } else { String::new() };
        let wish = if wishes { wish(lock, position, narrow) } else { String::new() };
        format!(" {number}{}{wish} ", scene.trace.names().task(place.task))
    };
    let more = |rest: usize| if narrow { format!("+{rest}") } else { format!("+{rest} more") };
    // The last may end where the row does; others leave room to say how many more there are.
    let needs = |position: usize, chip: &str| {
        let rest = lock.queue.len().saturating_sub(position + 1);
        paint::width(chip) + if rest > 0 { 2 + paint::width(&more(rest)) } else { 0 }
    };
    let all: Vec<String> =
        (0..lock.queue.len().min(MOST_CHIPS)).map(|position| chip(position, true)).collect();
    // With what it lacks, in few words, or without.
    let brief = lock.queue.front().map(|first| {
        let (first, lacks) = (scene.trace.names().task(first.task), wish(lock, 0, true));
        format!(" #1 {first}{lacks} ")
    });
    let brief = brief.filter(|_| lock.hands_over());
    let bare = chip(0, false);
    for (position, place) in lock.queue.iter().enumerate() {
        let fits = |chip: &&String| line.x + needs(position, chip) <= line.end;
        // Whoever is first is named, if it can be.
        let fewer = brief.iter().chain([&bare]).filter(|_| position == 0);
        let Some(chip) = all.get(position).into_iter().chain(fewer).find(fits) else {
            line.put(&more(lock.queue.len() - position), theme.waiting);
            break;
        };
        let look = match place.woken {
            Some(_) => Look::Granted,
            None if lock.kind.blocks() => Look::Blocked,
            None => Look::Waiting,
        };
        line.put(chip, theme.chip(look));
        line.x += 1;
        if position == 0 {
            // How long it has waited, but who else waits is worth more.
            let waited = format!("{} ", words::growing(scene.view.now.since(place.since)));
            let (rest, next) = (lock.queue.len() - 1, all.get(1).map_or(0, |chip| needs(1, chip)));
            let fits = |room: u16| line.x + room <= line.end;
            let least = if rest > 0 && !fits(next) { paint::width(&more(rest)) } else { next };
            // Its last blank may be where the row ends.
            if fits(paint::width(&waited) - u16::from(rest == 0) + least) {
                line.put(&waited, theme.text);
            }
        }
    }
}

/// What a waiter asks for, where that is not the same for all.
fn wish(lock: &Lock, position: usize, narrow: bool) -> String {
    let Some(place) = lock.queue.nth(position) else { return String::new() };
    match (place.mode, lock.kind.family()) {
        _ if place.woken.is_some() => " woken".to_owned(),
        (Mode::Shared, _) => " reads".to_owned(),
        (Mode::Exclusive, Family::RwLock) => " writes".to_owned(),
        (Mode::Permits(wants), _) => match lock.lacks(place).filter(|&lacks| position == 0 && lacks > 0) {
            Some(lacks) if narrow => format!(" lacks {lacks}"),
            Some(lacks) if lacks < wants => format!(" lacks {lacks} of {wants}"),
            _ if narrow => format!(" {wants}"),
            _ => format!(" wants {wants}"),
        },
        (Mode::Message, _) => " for a message".to_owned(),
        (Mode::Room, _) => " for room".to_owned(),
        (Mode::Exclusive | Mode::Signal, _) => String::new(),
    }
}
