//! Whether every worker of some queues can do something: the gate, which is closed while anybody might not.
//!
//! Who does not register is seen by the broker: it counts the consumers of a queue. One look is not enough. A worker that
//! was killed counts as alive for a while, and a foreign consumer may have come in its place; so the numbers have to agree
//! for longer than a dead worker counts as alive.

use std::collections::BTreeMap;
use std::time::Duration;

use super::card::RegisteredWorker;

/// How often a worker says that it lives.
pub const HEARTBEAT: Duration = Duration::from_secs(3);
/// How long it counts as alive after that, in seconds: less than three heartbeats.
pub const ALIVE_FOR: u64 = 8;
/// For how many heartbeats the numbers have to agree.
const HEARTBEATS: usize = 3;
/// Two looks that are further apart prove nothing of what was between them. Nor does a look as old as that of now.
const LONGEST_GAP: Duration = Duration::from_secs(5);
/// How many looks are needed, and kept.
pub const LOOKS: usize = HEARTBEATS + 1;

/// What a worker saw of its fleet at one moment.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// When, since the worker was made.
    pub at: Duration,
    /// Who is registered; none where that could not be asked.
    pub workers: Option<Vec<RegisteredWorker>>,
    /// Neither the coordination store nor the tables keep announcements.
    pub keeps_none: bool,
    /// The broker did not answer for a queue.
    pub is_broker_silent: bool,
    /// The consumers of each queue; none where there is no such queue, or where that could not be asked.
    pub consumers: BTreeMap<String, Option<u32>>,
}

/// What the gate is for.
#[derive(Debug, Clone, Copy)]
pub struct Gate<'a> {
    /// What every worker has to be able to do.
    pub capability: &'a str,
    /// The queues whose workers are concerned.
    pub queues: &'a [String],
}

impl Gate<'_> {
    /// Whether it is open at a moment, by the looks so far, the oldest first.
    pub fn is_open(&self, looks: &[Look], now: Duration) -> bool {
        let Some(last) = looks.len().checked_sub(LOOKS).and_then(|from| looks.get(from..)) else {
            return false;
        };
        let moments = last.iter().map(|look| look.at);
        let followed_by = last.iter().skip(1).map(|look| look.at).chain([now]);
        let has_no_gap = moments.zip(followed_by).all(|(at, next)| next.saturating_sub(at) <= LONGEST_GAP);
        has_no_gap && last.iter().all(|look| self.agrees(look))
    }

    /// Whether the last look shows only workers that can do it; none where it is too old to say.
    pub fn has_agreed(&self, looks: &[Look], now: Duration) -> Option<bool> {
        let last = looks.last().filter(|look| now.saturating_sub(look.at) <= LONGEST_GAP)?;
        Some(self.agrees(last))
    }

    /// Whether the last look shows a worker that cannot do it, or a consumer that has not said what it can; none where it is too
    /// old to say, or a server did not answer. Where no worker can announce itself, the engine cannot see a stranger.
    pub fn has_stranger(&self, looks: &[Look], now: Duration) -> Option<bool> {
        let last = looks.last().filter(|look| now.saturating_sub(look.at) <= LONGEST_GAP)?;
        if last.keeps_none {
            return Some(false);
        }
        let workers = last.workers.as_deref()?;
        let is_strange = |queue: &String| {
            let (count, are_able) = self.registered(workers, queue);
            let consumers = last.consumers.get(queue).copied().flatten().unwrap_or_default();
            !are_able || usize::try_from(consumers).map_or(true, |consumers| consumers > count)
        };
        match self.queues.iter().any(is_strange) {
            true => Some(true),
            false => (!last.is_broker_silent).then_some(false),
        }
    }

    /// Whether a look shows only workers that can do it, and nobody else.
    fn agrees(&self, look: &Look) -> bool {
        let Some(workers) = look.workers.as_deref().filter(|workers| !workers.is_empty()) else {
            return false;
        };
        !self.queues.is_empty() && self.queues.iter().all(|queue| self.agrees_on(look, workers, queue))
    }

    fn agrees_on(&self, look: &Look, workers: &[RegisteredWorker], queue: &str) -> bool {
        let Some(Some(consumers)) = look.consumers.get(queue) else { return false };
        let (count, are_able) = self.registered(workers, queue);
        usize::try_from(*consumers).is_ok_and(|consumers| consumers == count) && are_able
    }

    /// How many registered workers consume a queue, and whether all that work it can do it. Of a queue that is paused they take nothing.
    fn registered(&self, workers: &[RegisteredWorker], queue: &str) -> (usize, bool) {
        let has = |queues: &[String]| queues.iter().any(|own| own == queue);
        let of_queue = || workers.iter().filter(|worker| has(&worker.card.queues));
        let is_able =
            |worker: &RegisteredWorker| worker.card.capabilities.iter().any(|own| own == self.capability);
        let consuming = of_queue().filter(|worker| !has(&worker.card.paused));
        (consuming.count(), of_queue().all(is_able))
    }
}

#[cfg(test)]
mod tests;
