//! The table of workers.

use super::contexts::{Contexts, WorkerRow};
use crate::ports::announcement::{Announced, Announcement};

impl Contexts {
    /// Notes that a worker lives, at a moment in microseconds since 1970; whether there is a table for that.
    pub fn announce(&mut self, announcement: &Announcement<'_>, now: i64) -> bool {
        let Announcement { worker, card, ttl } = announcement;
        let Some(workers) = &mut self.workers else { return false };
        let gone = now.saturating_add_unsigned(ttl.saturating_mul(1_000_000));
        workers.insert((*worker).to_owned(), WorkerRow { card: (*card).to_owned(), heard: now, gone });
        true
    }

    /// Removes a worker.
    pub fn withdraw(&mut self, worker: &str) {
        if let Some(workers) = &mut self.workers {
            workers.remove(worker);
        }
    }

    /// The workers that are alive at a moment in microseconds since 1970; none where there is no table for them.
    pub fn announced(&self, now: i64) -> Option<Vec<Announced>> {
        let alive = |row: &&WorkerRow| row.gone > now;
        let announced = |row: &WorkerRow| Announced {
            card: row.card.clone(),
            age: u64::try_from(now.saturating_sub(row.heard) / 1000).unwrap_or(0),
        };
        Some(self.workers.as_ref()?.values().filter(alive).map(announced).collect())
    }
}
