//! A lock at one moment: who has it, who waits, and what is left of it.

use super::super::{Freed, Passed};
use super::Stage;
use crate::event::{Event, Family, LockKind, LockName, Mode, OpId, TaskId, Time};
use crate::places::{Placed, Places};

/// A lock at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Which lock it is.
    pub kind: LockKind,
    /// How many permits a semaphore has in all, or how many messages a channel has room for, where
    /// that is known and limited.
    pub permits: Option<u32>,
    /// Who is in the critical section.
    pub holders: Places<Place>,
    /// Who was given what it asked for and has not run yet, first come first.
    pub granted: Places<Place>,
    /// Who waits, first come first. Of a lock that hands nothing over, who is woken keeps its place.
    pub queue: Places<Place>,
    /// Who gave up a place in the queue and may have been ahead of somebody there, by their order in it. Of two the
    /// later stands last: whoever gives up ahead of others is who they hear of.
    gone: Vec<Gone>,
    /// How many permits those have. To count those of thousands with each event would take too long.
    pub(super) taken: u64,
    /// What last let somebody in, or could.
    pub freed: Option<Freed>,
    /// How often it was handed from one task to another.
    pub handoffs: u64,
    /// Whether a notification is stored for whoever asks next.
    pub stored: bool,
    /// How often somebody went on because of a notification.
    pub heard: u64,
    /// How many notifications nobody has heard, and nobody will.
    pub lost: u64,
    /// How often somebody went ahead of one who had asked earlier.
    pub barged: u64,
    /// What became of the last notification.
    pub notice: Option<Notice>,
    /// How many messages are in the channel.
    pub messages: u64,
    /// Whether somebody else than who got it has let go of it: guards of it go from hand to hand, and whose one is
    /// nobody tells but by dropping it.
    pub moves: bool,
}

/// Somebody's place with a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Whose.
    pub task: TaskId,
    /// With which acquisition.
    pub op: OpId,
    /// What it asks for, or has.
    pub mode: Mode,
    /// Since when: of a waiter when it asked, of others when they were granted or acquired it.
    pub since: Time,
    /// The event with which the acquisition began.
    pub asked_seq: u64,
    /// Of a waiter: since when nobody has stood ahead of it.
    pub first: Option<Time>,
    /// The event that made it so.
    pub(in crate::trace) first_seq: u64,
    /// Of a waiter whose lock hands nothing over: when it was woken, if it has not tried since.
    pub woken: Option<Time>,
    /// How often somebody who asked later went first.
    pub overtaken: u32,
    /// Of one that is granted: through what, where that is known.
    pub(super) through: Option<Passed>,
    /// Whether it waited once more, after it had been let in: then it has not waited since it asked.
    pub(in crate::trace) again: bool,
}

impl Placed for Place {
    fn op(&self) -> OpId {
        self.op
    }
}

impl Place {
    /// Since when it is the [first](Self::first), if that came after so many events.
    pub(in crate::trace) fn first_after(&self, seq: u64) -> Option<Time> {
        self.first.filter(|_| self.first_seq > seq)
    }
}

/// Somebody who gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gone {
    /// The event with which it had asked.
    asked_seq: u64,
    task: TaskId,
    /// The event with which it gave up, and its time.
    seq: u64,
    at: Time,
}

/// What became of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// It went to who waited.
    Heard,
    /// Nobody waited: it is stored for whoever asks next.
    Stored,
    /// Nobody waited, and it could not be stored.
    Lost,
}

/// Some of those who own a lock together: the first few by name, and how many more they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owners {
    /// By id, those who are not there last.
    named: [u32; Self::NAMED],
    /// How many there are beyond those that are named.
    pub more: u32,
}

impl Owners {
    /// So many are named.
    pub const NAMED: usize = 4;
    /// So many are looked at to find different ones, whatever their number: a history keeps a group for
    /// each event.
    const LOOKED_AT: usize = 8;
    /// No task has this id.
    const NOBODY: u32 = u32::MAX;

    /// Only this one.
    pub(crate) const fn only(task: TaskId) -> Self {
        Self { named: [task.0, Self::NOBODY, Self::NOBODY, Self::NOBODY], more: 0 }
    }

    /// Those of these ids, which only grow, and how many more.
    pub(in crate::trace) fn new(ids: &[u32], more: u32) -> Self {
        let mut named = [Self::NOBODY; Self::NAMED];
        for (named, id) in named.iter_mut().zip(ids) {
            *named = *id;
        }
        Self { named, more }
    }

    /// Those of these places, which are so many.
    fn of<'a>(places: impl Iterator<Item = &'a Place>, count: usize) -> Self {
        let mut seen = [Self::NOBODY; Self::LOOKED_AT];
        for (seen, place) in seen.iter_mut().zip(places) {
            *seen = place.task.0;
        }
        // No branch of it can be foretold wrongly, nor of what follows.
        let seen = in_order(seen);
        let mut kept = [Self::NOBODY; Self::LOOKED_AT];
        let (mut different, mut last) = (0, Self::NOBODY);
        for task in seen {
            let new = if task == last { Self::NOBODY } else { task };
            // Where it is nobody, the next one comes here.
            kept[different % Self::LOOKED_AT] = new;
            different += usize::from(new != Self::NOBODY);
            last = task;
        }
        let mut named = [Self::NOBODY; Self::NAMED];
        named.copy_from_slice(&kept[..Self::NAMED]);
        let beyond = different.saturating_sub(Self::NAMED) + count.saturating_sub(Self::LOOKED_AT);
        Self { named, more: u32::try_from(beyond).unwrap_or(u32::MAX) }
    }

    /// Those that are named, by id.
    pub fn named(&self) -> impl Iterator<Item = TaskId> + '_ {
        self.named.iter().copied().take_while(|task| *task != Self::NOBODY).map(TaskId)
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.named[0] == Self::NOBODY
    }
}

/// Eight numbers in order, by a sorting network of the fewest comparisons (Knuth, The Art of Computer Programming,
/// volume 3, 5.3.4): each step takes pairs that have nothing to do with each other.
#[inline(always)]
// They are places, and nothing else.
#[allow(clippy::many_single_char_names)]
fn in_order(numbers: [u32; 8]) -> [u32; 8] {
    let [a, b, c, d, e, f, g, h] = numbers;
    let pair = |low: u32, high: u32| (low.min(high), low.max(high));
    let ((a, c), (b, d), (e, g), (f, h)) = (pair(a, c), pair(b, d), pair(e, g), pair(f, h));
    let ((a, e), (b, f), (c, g), (d, h)) = (pair(a, e), pair(b, f), pair(c, g), pair(d, h));
    let ((a, b), (c, d), (e, f), (g, h)) = (pair(a, b), pair(c, d), pair(e, f), pair(g, h));
    let ((c, e), (d, f)) = (pair(c, e), pair(d, f));
    let ((b, e), (d, g)) = (pair(b, e), pair(d, g));
    let ((b, c), (d, e), (f, g)) = (pair(b, c), pair(d, e), pair(f, g));
    [a, b, c, d, e, f, g, h]
}

impl Default for Owners {
    /// Nobody.
    fn default() -> Self {
        Self { named: [Self::NOBODY; Self::NAMED], more: 0 }
    }
}

impl Lock {
    /// A lock that nobody has asked for yet.
    pub(super) fn new(name: &LockName) -> Self {
        Self {
            kind: name.kind,
            permits: name.permits,
            holders: Places::default(),
            granted: Places::default(),
            queue: Places::default(),
            gone: Vec::new(),
            taken: 0,
            freed: None,
            handoffs: 0,
            stored: false,
            heard: 0,
            lost: 0,
            barged: 0,
            notice: None,
            messages: 0,
            moves: false,
        }
    }

    /// Whether nothing is known of it that [`Lock::lose`] would forget.
    pub(super) fn is_lost(&self) -> bool {
        let nobody = self.holders.is_empty() && self.granted.is_empty() && self.queue.is_empty();
        nobody && self.freed.is_none() && self.notice.is_none()
    }

    /// Forgets who has it and who waits; what was counted stays.
    pub(super) fn lose(&mut self) {
        self.holders.clear();
        self.granted.clear();
        self.queue.clear();
        self.gone.clear();
        self.taken = 0;
        self.freed = None;
        self.notice = None;
    }

    /// Whether whoever is woken owns what it asked for already.
    pub fn hands_over(&self) -> bool {
        self.kind.policy().hands_over()
    }

    /// Notes since when the first waiter is the first.
    #[inline]
    pub(super) fn note_first(&mut self, event: &Event) {
        self.note_first_at(event.at, event.seq);
    }

    /// The same, of an event of this time and place.
    #[inline]
    pub(super) fn note_first_at(&mut self, at: Time, seq: u64) {
        if let Some(first) = self.queue.front_mut().filter(|first| first.first.is_none()) {
            (first.first, first.first_seq) = (Some(at), seq);
        }
    }

    /// Who last gave up a place ahead of one in the queue, since that asked, and when.
    pub fn cleared(&self, place: &Place) -> Option<(TaskId, Time)> {
        let ahead = self.gone.partition_point(|gone| gone.asked_seq < place.asked_seq);
        let last = self.gone.get(ahead.checked_sub(1)?)?;
        (last.seq > place.asked_seq).then_some((last.task, last.at))
    }

    /// Takes out of the queue who gives up; says whether it was the first.
    pub(super) fn give_up(&mut self, event: &Event, op: OpId) -> Option<(Place, bool)> {
        let first = self.queue.front()?.op == op;
        let place = self.queue.take(op)?;
        let (asked_seq, seq, at) = (place.asked_seq, event.seq, event.at);
        // Those behind it hear of nobody who stood there.
        self.gone.truncate(self.gone.partition_point(|gone| gone.asked_seq < asked_seq));
        self.gone.push(Gone { asked_seq, task: place.task, seq, at });
        if self.gone.len() > 2 * self.queue.len() + 16 {
            self.forget_gone();
        }
        Some((place, first))
    }

    /// Forgets of whom nobody in the queue hears.
    fn forget_gone(&mut self) {
        let mut heard: Vec<Gone> = Vec::new();
        for place in &self.queue {
            let ahead = self.gone.partition_point(|gone| gone.asked_seq < place.asked_seq);
            let last = ahead.checked_sub(1).and_then(|last| self.gone.get(last));
            let next = |gone: &&Gone| heard.last().is_none_or(|last| last.asked_seq < gone.asked_seq);
            if let Some(gone) = last.filter(|gone| gone.seq > place.asked_seq).filter(next) {
                heard.push(*gone);
            }
        }
        self.gone = heard;
    }

    /// Takes an acquisition out of wherever it is.
    pub(super) fn forget(&mut self, op: OpId) -> Option<Place> {
        self.queue.take(op).or_else(|| self.disown(op))
    }

    /// The same, of one that has come so far: that is where it is looked for first.
    #[inline]
    pub(super) fn take(&mut self, op: OpId, stage: Stage) -> Option<Place> {
        if stage.is_queued() { self.forget(op) } else { self.disown(op).or_else(|| self.forget(op)) }
    }

    /// Takes an acquisition out of those that own something, or were woken by a notification.
    pub(super) fn disown(&mut self, op: OpId) -> Option<Place> {
        let holder = self.holders.take(op);
        holder.inspect(|place| self.give_back(place)).or_else(|| self.withdraw(op))
    }

    /// The same, of those that have not run yet.
    fn withdraw(&mut self, op: OpId) -> Option<Place> {
        self.granted.take(op).inspect(|place| self.give_back(place))
    }

    fn give_back(&mut self, place: &Place) {
        self.taken = self.taken.saturating_sub(permits(place.mode).into());
    }

    /// Lets somebody into the critical section, or grants it what it asked for.
    pub(super) fn own(&mut self, place: Place, granted: bool) {
        self.taken = self.taken.saturating_add(permits(place.mode).into());
        if granted { self.granted.push_back(place) } else { self.holders.push_back(place) }
    }

    /// Changes what somebody in the critical section has; gives who that is.
    pub(super) fn keep(&mut self, op: OpId, mode: Mode) -> Option<TaskId> {
        let place = self.holders.get_mut(op)?;
        let before = std::mem::replace(&mut place.mode, mode);
        self.taken = self.taken.saturating_sub(permits(before).into()).saturating_add(permits(mode).into());
        Some(place.task)
    }

    /// A task's place in the queue, counted from 1.
    pub fn position(&self, task: TaskId) -> Option<usize> {
        self.queue.iter().position(|place| place.task == task).map(|position| position + 1)
    }

    /// Whose it is: those in the critical section, then those who were given it already. Nobody owns
    /// what only notifies or passes messages.
    pub fn owners(&self) -> impl Iterator<Item = &Place> {
        let count = if self.is_owned() { usize::MAX } else { 0 };
        self.holders.iter().chain(&self.granted).take(count)
    }

    /// Whether it is one that somebody can own.
    #[inline]
    fn is_owned(&self) -> bool {
        !matches!(self.kind.family(), Family::Notify | Family::Channel)
    }

    /// The first of its owners: the only one, where there cannot be several.
    pub fn owner(&self) -> Option<&Place> {
        let first = self.holders.front().or_else(|| self.granted.front());
        first.filter(|_| self.is_owned())
    }

    /// Its owners as a group.
    pub fn group(&self) -> Owners {
        let count = self.holders.len() + self.granted.len();
        if count == 0 || !self.is_owned() {
            return Owners::default();
        }
        match self.owner() {
            Some(only) if count == 1 => Owners::only(only.task),
            _ => Owners::of(self.owners(), count),
        }
    }

    /// How many permits of a semaphore nobody has. While somebody waits they are reserved for the first.
    pub fn free(&self) -> Option<u32> {
        let all = self.permits.filter(|_| self.kind.family() == Family::Semaphore)?;
        Some(u64::from(all).saturating_sub(self.taken) as u32)
    }

    /// How many permits a waiter lacks, if nobody were ahead of it.
    pub fn lacks(&self, place: &Place) -> Option<u32> {
        self.free().map(|free| permits(place.mode).saturating_sub(free))
    }

    /// Whether what its owners have left would do for `mode`, if nobody were ahead in the queue.
    pub fn admits(&self, mode: Mode) -> bool {
        self.admits_with(mode, self.free())
    }

    /// The same, where so many permits are free: to ask for many waiters and count once.
    pub(crate) fn admits_with(&self, mode: Mode, free: Option<u32>) -> bool {
        let owner = self.owner();
        match mode {
            Mode::Shared => owner.is_none_or(|owner| owner.mode == Mode::Shared),
            Mode::Permits(wanted) => free.map_or(owner.is_none(), |free| wanted <= free),
            Mode::Exclusive => owner.is_none(),
            Mode::Signal | Mode::Message | Mode::Room => false,
        }
    }

    /// The first in the queue, which lacks permits still, and the second, which would have enough now: if so many come
    /// back, and it had not before.
    #[inline]
    pub(in crate::trace) fn holds_up(&self, back: u32) -> Option<(&Place, &Place)> {
        let (first, second) = (self.queue.front()?, self.queue.nth(1)?);
        let free = self.free()?;
        let (wants, asks) = (permits(first.mode), permits(second.mode));
        let will = free.saturating_add(back);
        (wants > will && free < asks && asks <= will).then_some((first, second))
    }

    /// Whose it will be in a moment: between what frees a FIFO lock and the grant, which are one
    /// step of the lock, nobody else can take it.
    pub fn heir(&self) -> Option<&Place> {
        let passing = self.hands_over() && self.freed.is_some();
        self.queue.front().filter(|first| passing && self.admits(first.mode))
    }

    /// Whether somebody must have it who is not recorded, since somebody waits: it was taken before, or in a gap.
    pub(crate) fn is_taken_unseen(&self) -> bool {
        let whole = matches!(self.kind.family(), Family::Mutex | Family::RwLock);
        let nobody = self.owner().is_none() && self.freed.is_none();
        whole && nobody && self.hands_over() && !self.queue.is_empty()
    }

    /// Who asked before `op`, which has it now, and still waits for what cannot be had beside it.
    pub fn overtaken_by(&self, op: OpId) -> Option<&Place> {
        self.queue.nth(self.overtaken(op)?)
    }

    /// The same, as its place in the queue.
    pub(super) fn overtaken(&self, op: OpId) -> Option<usize> {
        if self.hands_over() {
            return None;
        }
        let holder = self.holders.get(op)?;
        let earlier = |place: &&Place| place.asked_seq < holder.asked_seq;
        let beside = |place: &Place| (place.mode, holder.mode) == (Mode::Shared, Mode::Shared);
        self.queue.iter().take_while(earlier).position(|place| !beside(place))
    }

    /// A notification. Whoever waits hears it; one of `notify_one` can be stored.
    pub(super) fn notify(&mut self, event: &Event, all: bool) {
        self.notice = Some(if !self.queue.is_empty() {
            self.freed = Some(Freed::by(event, Passed::Notified { all }));
            Notice::Heard
        } else if !all && !self.stored {
            self.stored = true;
            Notice::Stored
        } else {
            self.lost += 1;
            Notice::Lost
        });
    }

    /// A notification was heard. Who was not granted one took the one that was stored.
    pub(super) fn hear(&mut self, op: OpId) -> Option<Place> {
        self.heard += 1;
        let granted = self.withdraw(op);
        if granted.is_none() {
            self.stored = false;
        }
        granted.or_else(|| self.forget(op))
    }

    /// A message went in or came out, which can let in who waits for the contrary. That one's grant
    /// may be on record already: it happens within the sending or the receiving.
    pub(super) fn passed(&mut self, event: &Event, how: Passed) {
        let wants = if how == Passed::Sent { Mode::Message } else { Mode::Room };
        let unexplained = |place: &&mut Place| place.mode == wants && place.through.is_none();
        self.freed = None;
        if let Some(place) = self.granted.iter_mut().find(unexplained) {
            place.through = Some(how);
        } else if self.queue.front().is_some_and(|first| first.mode == wants) {
            self.freed = Some(Freed::by(event, how));
        }
    }

    /// What the leaving of an owner lets happen.
    pub(super) fn let_go(&mut self, event: &Event, owner: &Place, how: Passed) {
        let freed = Freed { task: owner.task, ..Freed::by(event, how) };
        match owner.through {
            // What was for everybody is not passed on.
            Some(Passed::Notified { all: true }) => {}
            // The others' is, or is stored again.
            _ if self.kind.family() == Family::Notify && self.queue.is_empty() => self.stored = true,
            // Room is passed on; a message stays in the channel.
            _ if self.kind.family() == Family::Channel => {
                let room = |first: &Place| (first.mode, owner.mode) == (Mode::Room, Mode::Room);
                self.freed = self.queue.front().filter(|first| room(first)).map(|_| freed);
            }
            _ => self.freed = Some(freed),
        }
    }
}

/// How many permits that is.
pub(in crate::trace) fn permits(mode: Mode) -> u32 {
    if let Mode::Permits(permits) = mode { permits } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    fn place(task: u32) -> Place {
        Place {
            task: TaskId(task),
            op: OpId(0),
            mode: Mode::Shared,
            since: Time::ZERO,
            asked_seq: 0,
            first: None,
            first_seq: 0,
            woken: None,
            overtaken: 0,
            through: None,
            again: false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        /// However many they are, and whoever of them has it more than once.
        #[test]
        fn owners_are_the_different_ones_among_the_first(tasks in prop::collection::vec(0_u32..12, 0..20)) {
            let places: Vec<Place> = tasks.iter().map(|task| place(*task)).collect();
            let owners = Owners::of(places.iter(), places.len());
            let different: BTreeSet<u32> = tasks.iter().take(Owners::LOOKED_AT).copied().collect();
            let named: Vec<TaskId> = different.iter().take(Owners::NAMED).map(|task| TaskId(*task)).collect();
            prop_assert_eq!(owners.named().collect::<Vec<_>>(), named);
            let more = different.len().saturating_sub(Owners::NAMED) + tasks.len().saturating_sub(Owners::LOOKED_AT);
            prop_assert_eq!(owners.more as usize, more);
        }
    }
}
