//! A node that is due, and does not start before a moment: its limit lets it in then.

use super::due::DueJob;
use super::event::Refusal;
use super::instance::{Instance, SubflowFailure};
use super::state::Ledger;
use crate::ids::NodeId;

impl Ledger {
    /// Puts a due node off. It has not been executed, and that counts as no attempt.
    ///
    /// # Errors
    /// It is not due in that round any more, or its run is over: the ledger is unchanged.
    pub fn put_off(&mut self, node: &NodeId, round: u32, not_before: u64) -> Result<DueJob, Refusal> {
        if self.status.is_end() {
            return Err(Refusal::Ended);
        }
        let failed = self.failed_inside(node);
        let due = self.retry(node, round, not_before, true)?;
        // It still has to answer for what failed in its subflow. Else it would open that again.
        if let (Some(failure), Some(instance)) = (failed, self.instance(node)) {
            let failure = Some(SubflowFailure { attempt: due.attempt, ..failure });
            self.keep_instance(node, &Instance { failure, ..instance });
        }
        Ok(due)
    }
}

#[cfg(test)]
mod tests {
    use crate::workflow::ledger::tests::support::Story;

    #[test]
    fn a_due_node_is_put_off_and_that_counts_as_no_attempt() {
        let mut ledger = Story::of("a -> b").ledger;
        let due = ledger.put_off(&"a".into(), 1, 7_000).unwrap();
        assert_eq!((due.round, due.attempt, due.not_before), (1, 2, Some(7_000)));
        assert_eq!(ledger.entry("a").unwrap().attempt(), 1);
        let due = ledger.put_off(&"a".into(), 1, 9_000).unwrap();
        assert_eq!((due.attempt, due.not_before), (3, Some(9_000)));
        assert_eq!(ledger.entry("a").unwrap().attempt(), 1);
        for (node, round) in [("a", 2), ("b", 1)] {
            assert!(ledger.put_off(&node.into(), round, 7_000).is_err(), "{node} {round}");
        }
    }

    #[test]
    fn what_is_done_is_not_put_off() {
        let mut ledger = Story::of("a -> b").finishes("a").ledger;
        assert!(ledger.put_off(&"a".into(), 1, 7_000).is_err());
        assert!(ledger.put_off(&"b".into(), 1, 7_000).is_ok());
    }
}
