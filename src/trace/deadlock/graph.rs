//! The wait-for graph: from every task that waits to who is in its way, and the rings in it.
//!
//! A lock can have thousands of owners and thousands who wait for all of them, so the edges run through
//! nodes for the locks: as many as there are waiters and owners, not their product.

use super::{Cause, InTheWay, Ring, Wait};
use crate::event::{Family, LockId, Mode, TaskId};
use crate::trace::{Claim, Life, Lock, Place, Stage, State};

/// Where an edge leads.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// To one task.
    Task(TaskId),
    /// To all owners of a lock.
    Owners(LockId),
    /// To those owners who have all of it: what a reader waits for.
    Writers(LockId),
}

/// Who stands first in a lock's queue, in what respect: looked up once for all who wait.
#[derive(Debug, Clone, Copy, Default)]
struct Ahead {
    first: Option<Place>,
    writer: Option<Place>,
    woken: Option<Place>,
    /// How many permits are free.
    free: Option<u32>,
}

pub(super) struct Graph<'a> {
    state: &'a State,
    /// By task: what it waits for, and whose turn that would be.
    waits: Vec<Option<(Wait, Option<Target>)>>,
}

impl<'a> Graph<'a> {
    pub(super) fn of(state: &'a State) -> Self {
        let ahead = |lock: &Lock| Ahead {
            first: lock.queue.front().copied(),
            writer: lock.queue.iter().find(|place| place.mode == Mode::Exclusive).copied(),
            woken: lock.queue.iter().find(|place| place.woken.is_some()).copied(),
            free: lock.free(),
        };
        let ahead: Vec<Ahead> = state.locks.iter().map(ahead).collect();
        let wait = |id: u32| {
            let task = state.task(TaskId(id))?;
            let claim = task.waits_with().filter(|_| task.life == Life::Running)?;
            let lock = state.lock(claim.lock)?;
            let (target, owner, way) = in_the_way(lock, &ahead[claim.lock.0 as usize], TaskId(id), claim);
            let Claim { lock, mode, asked_seq, since, .. } = *claim;
            Some((Wait { task: TaskId(id), lock, mode, owner, way, asked_seq, since }, target))
        };
        // Whoever is granted what it waits with and nothing else runs next; its claim is not queued.
        Self { state, waits: (0..state.tasks.len() as u32).map(wait).collect() }
    }

    /// Everybody who waits, by task.
    pub(super) fn waits(&self) -> impl Iterator<Item = &Wait> {
        self.waits.iter().flatten().map(|(wait, _)| wait)
    }

    /// What a task waits for.
    pub(super) fn wait(&self, task: TaskId) -> Option<&Wait> {
        self.waits.get(task.0 as usize)?.as_ref().map(|(wait, _)| wait)
    }

    /// Whether a task that waits stops its whole thread.
    pub(super) fn is_blocked(&self, task: TaskId) -> bool {
        let claim = self.state.task(task).and_then(|task| task.waits_with());
        claim.is_some_and(|claim| claim.stage == Stage::Blocked)
    }

    /// A number for each node: first the tasks, then two for each lock.
    fn node(&self, target: Target) -> usize {
        let locks = self.waits.len();
        match target {
            Target::Task(task) => task.0 as usize,
            Target::Owners(lock) => locks + 2 * lock.0 as usize,
            Target::Writers(lock) => locks + 2 * lock.0 as usize + 1,
        }
    }

    /// Where the edges of a node lead, as far as whoever is there waits; by task.
    fn edges(&self, node: usize) -> Vec<usize> {
        let tasks = self.waits.len();
        let Some(of_lock) = node.checked_sub(tasks) else {
            let target = self.waits[node].and_then(|(_, target)| target);
            return target.map(|target| self.node(target)).into_iter().collect();
        };
        let writers = of_lock % 2 == 1;
        let owners = self.state.locks[of_lock / 2].owners();
        let owners = owners.filter(|place| !writers || place.mode != Mode::Shared);
        let mut owners: Vec<usize> = owners.map(|place| place.task.0 as usize).collect();
        owners.retain(|&task| self.waits.get(task).is_some_and(Option::is_some));
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    /// Tasks of which each waits for the next; no task is in two rings.
    pub(super) fn rings(&self) -> Vec<Ring> {
        let tasks = self.waits.len();
        let nodes = tasks + 2 * self.state.locks.len();
        let (mut rings, mut in_ring) = (Vec::new(), vec![false; tasks]);
        // Depth first, each node once: where a path meets itself there is a ring.
        let (mut seen, mut place_on_path) = (vec![false; nodes], vec![None; nodes]);
        for start in 0..tasks {
            let mut path: Vec<(usize, std::vec::IntoIter<usize>)> = Vec::new();
            let mut next = Some(start).filter(|&start| !seen[start]);
            loop {
                if let Some(node) = next.take() {
                    seen[node] = true;
                    place_on_path[node] = Some(path.len());
                    path.push((node, self.edges(node).into_iter()));
                }
                let Some((node, edges)) = path.last_mut() else { break };
                let Some(edge) = edges.next() else {
                    place_on_path[*node] = None;
                    path.pop();
                    continue;
                };
                if let Some(begin) = place_on_path[edge] {
                    let members = path[begin..].iter().map(|(node, _)| *node).filter(|&node| node < tasks);
                    let members: Vec<usize> = members.collect();
                    if members.iter().all(|&task| !in_ring[task])
                        && let Some(ring) = self.ring(members)
                    {
                        ring.waits.iter().for_each(|wait| in_ring[wait.task.0 as usize] = true);
                        rings.push(ring);
                    }
                } else if !seen[edge] {
                    next = Some(edge);
                }
            }
        }
        rings.extend(self.shared_out(&in_ring));
        rings
    }

    /// The ring of these tasks, of which each waits for the next.
    fn ring(&self, mut members: Vec<usize>) -> Option<Ring> {
        let lowest = members.iter().enumerate().min_by_key(|(_, id)| **id).map_or(0, |(place, _)| place);
        members.rotate_left(lowest);
        let next = members.iter().cycle().skip(1);
        let wait = |(&task, &next): (&usize, &usize)| {
            let (wait, target) = self.waits[task]?;
            let owner = TaskId(next as u32);
            let lock = self.state.lock(wait.lock)?;
            let is_owner = |place: &Place| place.task == owner;
            // Those that are granted are few, those that hold may be many.
            let way = match target? {
                Target::Task(_) => wait.way,
                _ if !lock.granted.iter().any(is_owner) || lock.holders.iter().any(is_owner) => {
                    InTheWay::Holds
                }
                _ => InTheWay::Granted,
            };
            Some(Wait { owner: Some(owner), way, ..wait })
        };
        let waits: Vec<Wait> = members.iter().zip(next).filter_map(wait).collect();
        let alone = waits.len() == 1;
        // Who has one of several permits and waits for more does not wait for itself: any other would do.
        let shares = |wait: &Wait| {
            let owners = self.state.lock(wait.lock).map(Lock::owners);
            matches!(wait.mode, Mode::Permits(_))
                && owners.is_some_and(|mut owners| owners.any(|place| place.task != wait.task))
        };
        if alone && waits.iter().any(shares) {
            return None;
        }
        Some(Ring { cause: cause(self.state, &waits), waits })
    }

    /// The rings of those who share a semaphore's permits out among themselves and all wait for more.
    fn shared_out<'b>(&'b self, in_ring: &'b [bool]) -> impl Iterator<Item = Ring> + 'b {
        let semaphore = |(_, lock): &(usize, &Lock)| lock.kind.family() == Family::Semaphore;
        self.state.locks.iter().enumerate().filter(semaphore).filter_map(|(id, lock)| {
            let more = |task: &TaskId| {
                let wait = self.wait(*task).filter(|wait| wait.lock.0 as usize == id);
                wait.is_some_and(|wait| wait.way == InTheWay::Holds) && !in_ring[task.0 as usize]
            };
            let mut tasks: Vec<TaskId> = lock.holders.iter().map(|place| place.task).filter(more).collect();
            tasks.sort_unstable();
            tasks.dedup();
            let next = tasks.iter().cycle().skip(1);
            let wait =
                |(task, next): (&TaskId, &TaskId)| Some(Wait { owner: Some(*next), ..*self.wait(*task)? });
            let waits: Vec<Wait> = tasks.iter().zip(next).filter_map(wait).collect();
            (waits.len() > 1).then_some(Ring { cause: Cause::Cycle, waits })
        })
    }
}

/// What makes a ring of these, of whom each waits for the next.
pub(super) fn cause(state: &State, waits: &[Wait]) -> Cause {
    let alone = waits.len() == 1;
    let reads = |wait: &Wait| {
        let task = state.task(wait.task);
        let claims = task.into_iter().flat_map(|task| &task.claims).filter(|claim| claim.lock == wait.lock);
        (wait.mode, wait.way) == (Mode::Shared, InTheWay::Ahead)
            && claims.into_iter().any(|claim| (claim.mode, claim.stage) == (Mode::Shared, Stage::Holding))
    };
    if waits.iter().any(|wait| wait.way == InTheWay::Granted)
        || alone && waits.iter().any(|wait| wait.way == InTheWay::Ahead)
    {
        Cause::Futurelock
    } else if waits.iter().any(reads) {
        Cause::RecursiveRead
    } else if alone {
        Cause::SelfLock
    } else {
        Cause::Cycle
    }
}

/// Who is in the way of a task's claim: the edges, one of their ends to be named, and how.
fn in_the_way(
    lock: &Lock,
    ahead: &Ahead,
    task: TaskId,
    claim: &Claim,
) -> (Option<Target>, Option<TaskId>, InTheWay) {
    let behind = |place: &&Place| place.asked_seq < claim.asked_seq && place.op != claim.op;
    if lock.admits_with(claim.mode, ahead.free) || lock.owner().is_none() {
        // What its owners leave would do: somebody stands ahead, or was woken and does not try.
        let reads = claim.mode == Mode::Shared;
        let first = if reads { ahead.writer } else { ahead.first.filter(|_| lock.hands_over()) };
        let woken = ahead.woken.filter(|place| place.op != claim.op).map(|place| (place, InTheWay::Granted));
        let first = first.as_ref().filter(behind).map(|place| (*place, InTheWay::Ahead));
        let owns_something = !matches!(lock.kind.family(), Family::Notify | Family::Channel);
        return match woken.or(first).filter(|_| owns_something) {
            Some((place, way)) => (Some(Target::Task(place.task)), Some(place.task), way),
            None => (None, None, InTheWay::Ahead),
        };
    }
    let reads = claim.mode == Mode::Shared;
    let target = if reads { Target::Writers(claim.lock) } else { Target::Owners(claim.lock) };
    let owners = || lock.owners().filter(|place| !reads || place.mode != Mode::Shared);
    // Of several permits it waits for the others'.
    let permits = matches!(claim.mode, Mode::Permits(_));
    let other = owners().find(|place| !permits || place.task != task).or_else(|| owners().next());
    let way = if lock.holders.is_empty() { InTheWay::Granted } else { InTheWay::Holds };
    (Some(target), other.map(|place| place.task), way)
}
