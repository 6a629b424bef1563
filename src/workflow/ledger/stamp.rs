//! When things happened to the nodes of a run, and which workers executed them.
//!
//! The rules of a run know no clock. Whoever commits a change stamps the ledger with the moment, and what the change did to each
//! node says which of its times that is:
//!
//! ```text
//!     due ─────────▶ started ─────────▶ ended           of a node that awaits:     ─▶ awaits ─────▶ resumed ─────▶ ended
//!         in the queue        executed                                                     paused
//! ```
//!
//! They are those of the node's present round; a node that was resumed keeps those of the round in which it paused. No rule goes by
//! them. Version 2.0.0 drops them all: they may begin late, or be missing.

use std::sync::Arc;

use imbl::ordmap::DiffItem;

use super::entry::{NodeEntry, NodeState};
use super::state::Ledger;
use super::times::{Moments, NodeTimes, RunTimes};
use super::tried::{Ended, FailedTry, Tries};
use crate::ids::NodeId;

/// A run of more nodes keeps no stacks: an outage may fail all of them, and every fold writes them.
const MANY_NODES: usize = 1_000;
/// So many workers are named before a name that no node needs any more gives its place away.
const MANY_WORKERS: usize = 16;

/// When a ledger was changed, and by whose execution.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// Now, by the record's clock: milliseconds since 1970.
    pub now: u64,
    /// The node that was executed, if the change is its answer.
    pub node: Option<&'a NodeId>,
    /// Who executed it; none where its workers died.
    pub ran: Option<Ran<'a>>,
}

/// An execution of a node, as its worker knows it.
#[derive(Debug, Clone, Copy)]
pub struct Ran<'a> {
    /// When it started, by the record's clock: milliseconds since 1970.
    pub started: u64,
    /// The worker's name in the registry.
    pub worker: &'a str,
    /// The tries within it; none where it was one.
    pub tries: Option<&'a Tries>,
}

/// What a change did to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    BecameDue,
    Failed,
    Paused,
    Resumed { paused: bool },
    Ended,
}

impl Step {
    /// What happened to a node between two states of its entry, if its times tell of it. Where the run `was_over`, it begins anew.
    fn between(before: Option<&NodeEntry>, after: &NodeEntry, was_over: bool) -> Option<Self> {
        use NodeState::{Awaiting, Done, Due, Failed, Idle};
        let (was, round) = before.map_or((Idle, 0), |before| (before.state, before.round));
        match (was, after.state) {
            (_, Due) if was_over => (after.round > round).then_some(Self::BecameDue),
            (Awaiting, Due) => Some(Self::Resumed { paused: false }),
            // The event that it waits for had happened before.
            (Due, Due) if after.round > round && after.resumed.is_some() => {
                Some(Self::Resumed { paused: true })
            }
            (_, Due) if after.round > round => Some(Self::BecameDue),
            (Due, Due) => {
                let failures = before.map_or(0, |before| before.failures);
                (after.failures > failures).then_some(Self::Failed)
            }
            (Due, Awaiting) => Some(Self::Paused),
            (Due | Awaiting, Done | Failed | Idle) if !after.adopted => Some(Self::Ended),
            _ => None,
        }
    }
}

impl NodeTimes {
    fn take(&mut self, step: Step, now: u64, ran: Option<(u64, u32)>) {
        // Clocks differ by a little.
        let now = now.max(self.due.filter(|_| step != Step::BecameDue).unwrap_or_default());
        match step {
            Step::BecameDue => *self = Self { due: Some(now), ..Self::default() },
            Step::Failed => {}
            Step::Resumed { paused: false } => (self.resumed, self.ended) = (Some(now), None),
            Step::Paused | Step::Resumed { .. } | Step::Ended => {
                // What a resume leads to runs no code of the node, unless it pauses once more.
                if (self.resumed.is_none() || step == Step::Paused)
                    && let Some((started, worker)) = ran
                {
                    let first = self.due.unwrap_or_default();
                    (self.started, self.worker) = (Some(started.clamp(first, now)), Some(worker));
                }
                match step {
                    Step::Paused => (self.awaited, self.resumed) = (Some(now), None),
                    Step::Resumed { .. } => (self.awaited, self.resumed) = (Some(now), Some(now)),
                    _ => self.ended = Some(now).filter(|_| !self.are_unknown()),
                }
            }
        }
    }
}

impl Ledger {
    /// Notes when everything happened that changed since `before`.
    pub fn stamp(&mut self, before: &Self, stamp: Stamp<'_>) {
        let changed = before.nodes.diff(&self.nodes).filter_map(|item| match item {
            DiffItem::Add(id, _) | DiffItem::Update { new: (id, _), .. } => Some(id.clone()),
            DiffItem::Remove(..) => None,
        });
        let changed: Vec<NodeId> = changed.collect();
        self.stamp_each(before, changed.iter(), stamp);
    }

    /// The same, for a change of these nodes. Looks at no other.
    pub fn stamp_each<'a>(
        &mut self,
        before: &Self,
        nodes: impl Iterator<Item = &'a NodeId>,
        stamp: Stamp<'_>,
    ) {
        let (was_over, has_many) = (before.status.is_end(), self.nodes.len() > MANY_NODES);
        let step_of = |after: &NodeEntry, id: &NodeId| Step::between(before.entry(id), after, was_over);
        for id in nodes {
            let Some(step) = self.entry(id).and_then(|after| step_of(after, id)) else { continue };
            let own = stamp.ran.filter(|_| stamp.node == Some(id));
            let since = self.count_from(own.map_or(stamp.now, |ran| ran.started.min(stamp.now)));
            let ran = own.map(|ran| (ran.started.saturating_sub(since), self.place_of(ran.worker)));
            let now = stamp.now.saturating_sub(since);
            let was = before.entry(id);
            let ended = Ended {
                // Where it is due again by its own answer, that was of the round before.
                round: was.map_or(1, |was| was.round),
                attempt: was.map_or(1, NodeEntry::attempt),
                now,
                worker: ran.map(|(_, worker)| worker),
                tries: own.and_then(|ran| ran.tries),
            };
            let Some(entry) = self.entry_mut(id) else { continue };
            entry.times.take(step, now, ran.filter(|_| step != Step::BecameDue));
            if !was_over {
                entry.tried.note(ended, was.map(|was| &was.tried));
            }
            if has_many {
                entry.tried.forget_stacks();
            }
        }
        self.stamp_end(before, stamp.now);
    }

    /// The run has ended by the change, or goes on again.
    fn stamp_end(&mut self, before: &Self, now: u64) {
        match (before.status.is_end(), self.status.is_end()) {
            (false, true) => {
                let since = self.count_from(now);
                self.times_mut().ended = Some(now.saturating_sub(since));
            }
            (true, false) if self.times.as_ref().is_some_and(|times| times.ended.is_some()) => {
                self.times_mut().ended = None;
            }
            _ => {}
        }
    }

    /// The moment that the times of this run count from: this one, if there are none yet.
    fn count_from(&mut self, moment: u64) -> u64 {
        let first = || Arc::new(RunTimes { since: moment, ..RunTimes::default() });
        self.times.get_or_insert_with(first).since
    }

    fn times_mut(&mut self) -> &mut RunTimes {
        Arc::make_mut(self.times.get_or_insert_default())
    }

    /// The place of a worker's name. One that no node needs any more gives its own away, so that a run of a year is no list of all
    /// workers that ever were.
    fn place_of(&mut self, worker: &str) -> u32 {
        let workers = self.times.as_ref().map(|times| times.workers.as_slice()).unwrap_or_default();
        if let Some(place) = workers.iter().position(|known| known == worker) {
            return number(place);
        }
        let free = if workers.len() < MANY_WORKERS { None } else { self.unneeded(workers.len()) };
        let workers = &mut self.times_mut().workers;
        match free.and_then(|place| workers.get_mut(place)) {
            Some(name) => worker.clone_into(name),
            None => workers.push(worker.to_owned()),
        }
        number(free.unwrap_or(workers.len() - 1))
    }

    /// The first of so many places that no node names.
    fn unneeded(&self, places: usize) -> Option<usize> {
        let mut is_named = vec![false; places];
        let named = self.nodes.values().flat_map(|entry| {
            std::iter::once(entry.times.worker).chain(entry.tried.iter().map(|tried| tried.worker))
        });
        for place in named.flatten() {
            if let Some(is_named) = is_named.get_mut(place as usize) {
                *is_named = true;
            }
        }
        is_named.iter().position(|is_named| !is_named)
    }

    /// When the run ended: milliseconds since 1970; none while it goes on, or where nobody noted it.
    pub fn ended_at(&self) -> Option<u64> {
        let times = self.times.as_ref().filter(|_| self.status.is_end())?;
        Some(times.since + times.ended?)
    }

    /// When everything happened to a node, and which worker executed it.
    pub fn moments(&self, entry: &NodeEntry) -> Moments<'_> {
        let NodeTimes { due, started, awaited, resumed, ended, worker } = entry.times;
        Moments {
            due: self.moment(due),
            started: self.moment(started),
            awaited: self.moment(awaited),
            resumed: self.moment(resumed),
            ended: self.moment(ended),
            worker: self.worker(worker),
        }
    }

    /// When an attempt that failed ended, and which worker made it.
    pub fn moment_of(&self, tried: &FailedTry) -> (Option<u64>, Option<&str>) {
        (self.moment(tried.ended), self.worker(tried.worker))
    }

    fn moment(&self, offset: Option<u64>) -> Option<u64> {
        Some(self.times.as_ref()?.since.saturating_add(offset?))
    }

    fn worker(&self, place: Option<u32>) -> Option<&str> {
        self.times.as_ref()?.workers.get(place? as usize).map(String::as_str)
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
