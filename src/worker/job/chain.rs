//! A carried chain: with which node a worker goes on under the message it holds, and for how long. Rules only: no engine, no
//! clock, no server.
//!
//! The message is the run's token. Whoever commits a result need not publish all that it makes due: it keeps one node, holds
//! the message it has, and runs that node at once on the run as it has just written it.

use std::time::Duration;

use crate::ids::NodeId;
use crate::workflow::ledger::DueJob;

/// How far a chain goes under one message while nothing else waits for this worker.
const LONGEST: Bound = Bound { hops: 100, time: Duration::from_millis(250) };
/// How far while something does: other runs take turns.
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
    pub fn is_over(self, others_wait: bool) -> bool {
        let bound = if others_wait { BESIDE_OTHERS } else { LONGEST };
        self.hops >= bound.hops || self.lasted >= bound.time
    }
}

/// Which of the jobs that a commit made due is kept: the first that is due at once. Not the node whose message is held: its
/// lease speaks for the whole chain.
pub fn next(due: &[DueJob], held: &NodeId) -> Option<usize> {
    due.iter().position(|due| due.not_before.is_none() && !due.wakes && due.node != *held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_goes_on_for_a_while_and_for_less_while_others_wait() {
        let ms = Duration::from_millis;
        for (hops, lasted, others_wait, over) in [
            (1, ms(0), false, false),
            (99, ms(249), false, false),
            (100, ms(0), false, true),
            (1, ms(250), false, true),
            (3, ms(49), true, false),
            (4, ms(0), true, true),
            (1, ms(50), true, true),
        ] {
            assert_eq!(
                Progress { hops, lasted }.is_over(others_wait),
                over,
                "{hops} {lasted:?} {others_wait}"
            );
        }
    }

    #[test]
    fn the_first_that_is_due_at_once_is_kept_and_never_the_held_one() {
        let job = |node: &str| DueJob { node: node.into(), ..DueJob::default() };
        let later = DueJob { not_before: Some(7), ..job("later") };
        let timer = DueJob { wakes: true, ..job("timer") };
        let held = NodeId::from("held");
        assert_eq!(next(&[later.clone(), timer, job("held"), job("b"), job("c")], &held), Some(3));
        assert_eq!(next(&[later, job("held")], &held), None);
        assert_eq!(next(&[], &held), None);
    }
}
