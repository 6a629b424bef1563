//! Claims: who executes a node, said in the record, where no lease can say it.
//!
//! A lease lives in the coordination store. While a worker cannot reach that, nobody else sees its leases: it writes a
//! claim into the run before it executes a node, and writes it again while it does. Whoever loads the run honours the
//! claim for as long as it lives, by the clock of the server that keeps the record. The commit of a result ends it.

use super::entry::{Claim, NodeState};
use super::state::Ledger;

/// Why a claim is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclaimed {
    /// The node is not due in that round any more.
    Over,
    /// Another worker claims it until then.
    Others(u64),
}

impl Ledger {
    /// Until when a worker other than `own` claims to execute a node, if one does `now`.
    pub fn claimed_by_others(&self, node: &str, own: &str, now: u64) -> Option<u64> {
        let claim = self.entry(node).filter(|entry| entry.state == NodeState::Due)?.claim.as_ref()?;
        (claim.by != own && claim.until > now).then_some(claim.until)
    }

    /// Writes a claim for an execution of a node.
    ///
    /// # Errors
    /// The execution is over, or another worker claims it `now`: the ledger is unchanged.
    pub fn claim(&mut self, node: &str, round: u32, claim: Claim, now: u64) -> Result<(), Unclaimed> {
        if self.status.is_end() {
            return Err(Unclaimed::Over);
        }
        if let Some(until) = self.claimed_by_others(node, &claim.by, now) {
            return Err(Unclaimed::Others(until));
        }
        let entry = self.entry_mut(node).ok_or(Unclaimed::Over)?;
        if entry.state != NodeState::Due || entry.round != round {
            return Err(Unclaimed::Over);
        }
        entry.claim = Some(Box::new(claim));
        Ok(())
    }

    /// Ends the claim of a worker for an execution of a node; whether there was one.
    pub fn unclaim(&mut self, node: &str, round: u32, by: &str) -> bool {
        let entry = self.entry_mut(node).filter(|entry| entry.round == round);
        entry.and_then(|entry| entry.claim.take_if(|claim| claim.by == *by)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::ledger::tests::support::{Story, stored};

    fn claim(by: &str, until: u64) -> Claim {
        Claim { by: by.into(), until }
    }

    #[test]
    fn a_claim_keeps_other_workers_away_while_it_lives() {
        let mut ledger = Story::of("a -> b").ledger;
        assert_eq!(ledger.claim("a", 1, claim("w1", 200), 100), Ok(()));
        for (own, now, expected) in
            [("w2", 199, Some(200)), ("w2", 200, None), ("w1", 199, None), ("w1", 300, None)]
        {
            assert_eq!(ledger.claimed_by_others("a", own, now), expected, "{own} at {now}");
        }
        assert_eq!(ledger.claim("a", 1, claim("w2", 300), 199), Err(Unclaimed::Others(200)));
        assert_eq!(ledger.claim("a", 1, claim("w1", 300), 199), Ok(()), "its own is renewed");
        assert_eq!(ledger.claim("a", 1, claim("w2", 400), 300), Ok(()), "an old one has ended");
    }

    #[test]
    fn a_worker_ends_its_own_claim_alone() {
        let mut ledger = Story::of("a -> b").ledger;
        ledger.claim("a", 1, claim("w1", 200), 100).unwrap();
        for (node, round, by) in [("b", 1, "w1"), ("a", 2, "w1"), ("a", 1, "w2")] {
            assert!(!ledger.unclaim(node, round, by), "{node} {round} {by}");
        }
        assert!(ledger.unclaim("a", 1, "w1") && !ledger.unclaim("a", 1, "w1"));
        assert_eq!(ledger.claim("a", 1, claim("w2", 300), 100), Ok(()));
    }

    #[test]
    fn what_is_over_cannot_be_claimed_and_a_result_ends_the_claim() {
        let mut story = Story::of("a -> b");
        story.ledger.claim("a", 1, claim("w1", 200), 100).unwrap();
        let mut story = story.finishes("a");
        assert!(!stored(&story.ledger).contains("claim"));
        for (node, round) in [("a", 1), ("b", 2), ("nowhere", 1)] {
            assert_eq!(
                story.ledger.claim(node, round, claim("w2", 200), 100),
                Err(Unclaimed::Over),
                "{node}"
            );
        }
        let mut ended = story.finishes("b").ledger;
        assert_eq!(ended.claim("b", 1, claim("w2", 200), 100), Err(Unclaimed::Over));
    }

    #[test]
    fn a_ledger_without_claims_is_stored_as_ever() {
        assert!(!stored(&Story::of("a -> b").ledger).contains("claim"));
    }
}
