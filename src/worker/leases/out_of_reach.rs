//! What a worker knows of a store that may be out of reach: whether it answers, and which leases may still live in it.

use std::time::Duration;

use super::held::HeldLeases;

impl HeldLeases {
    /// Whether a lease can be known to be fresh: the store answers, and remembers what was given up.
    pub fn can_be_fresh(&self) -> bool {
        self.store.remembers_releases() && self.is_reachable()
    }

    /// Whether the store answered when it was last asked.
    pub fn is_reachable(&self) -> bool {
        self.with_reach(|reach| reach.failed.is_none())
    }

    /// Whether the store is out of reach and the worker has not yet reported it.
    pub fn is_newly_lost(&self) -> bool {
        self.with_reach(|reach| reach.failed.is_some() && !std::mem::replace(&mut reach.said, true))
    }

    /// Whether the store answers again after it was said to be out of reach.
    pub fn is_back(&self) -> bool {
        self.with_reach(|reach| reach.failed.is_none() && std::mem::take(&mut reach.said))
    }

    /// For how much longer a lease may live that another worker took before the store was lost; none once all have run out.
    pub fn silence_left(&self) -> Option<Duration> {
        // A store that answers again is asked for the lease instead: nothing is left then.
        let silent = self.with_reach(|reach| reach.lost).map_or(Duration::ZERO, |lost| lost.elapsed());
        Duration::from_secs(self.ttl).checked_sub(silent).filter(|left| !left.is_zero())
    }
}
