//! A carried chain: with which node a worker goes on under the message it holds, and for how long. Rules only: no engine, no
//! clock, no server.
//!
//! The message is the run's token. The worker that commits a result need not publish every due job: it keeps one node, holds
//! the message it has, and runs that node at once on the run as it has just written it.

use std::time::Duration;

use crate::ids::NodeId;
use crate::workflow::ledger::DueJob;

/// How far a chain goes under one message while this worker has a free slot: nothing waits for it then.
const LONGEST: Bound = Bound { hops: 100, time: Duration::from_millis(250) };
/// How far while it has none: other runs may wait, and take turns.
const BESIDE_OTHERS: Bound = Bound { hops: 4, time: Duration::from_millis(50) };

/// A chain ends at the first of the two. A message is held for the time and one more node at most.
struct Bound {
    hops: u32,
    time: Duration,
}

/// How far a chain has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Nodes that were run under the message, its own one included.
    pub hops: u32,
    /// Since the message was admitted.
    pub lasted: Duration,
}

impl Progress {
    /// Whether the next node is left to another message.
    pub fn is_over(self, others_may_wait: bool) -> bool {
        let bound = if others_may_wait { BESIDE_OTHERS } else { LONGEST };
        self.hops >= bound.hops || self.lasted >= bound.time
    }
}

/// Whether a commit made just one job due, and that at once: it is kept. Several start together, as in memory: one that ran
/// ahead would show the others what it wrote. Nor is the node kept whose message is held: its lease speaks for the chain.
pub fn is_kept(due: &[DueJob], held: &NodeId) -> bool {
    matches!(due, [only] if only.not_before.is_none() && !only.wakes && only.node != *held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_goes_on_for_a_while_and_for_less_while_others_may_wait() {
        let ms = Duration::from_millis;
        for (hops, lasted, others_may_wait, over) in [
            (1, ms(0), false, false),
            (99, ms(249), false, false),
            (100, ms(0), false, true),
            (1, ms(250), false, true),
            (3, ms(49), true, false),
            (4, ms(0), true, true),
            (1, ms(50), true, true),
        ] {
            assert_eq!(
                Progress { hops, lasted }.is_over(others_may_wait),
                over,
                "{hops} {lasted:?} {others_may_wait}"
            );
        }
    }

    #[test]
    fn a_job_is_kept_that_is_due_alone_and_at_once_and_never_the_held_one() {
        let job = |node: &str| DueJob { node: node.into(), ..DueJob::default() };
        let later = DueJob { not_before: Some(7), ..job("later") };
        let timer = DueJob { wakes: true, ..job("timer") };
        let held = NodeId::from("held");
        for (due, kept) in [
            (vec![job("b")], true),
            (vec![job("b"), job("c")], false),
            (vec![later], false),
            (vec![timer], false),
            (vec![job("held")], false),
            (vec![], false),
        ] {
            assert_eq!(is_kept(&due, &held), kept, "{due:?}");
        }
    }
}
