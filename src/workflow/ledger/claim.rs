//! Claims: who executes a node, said in the record, where no lease can say it.
//!
//! A lease lives in the coordination store. While a worker cannot reach that, nobody else sees its leases: it writes a
//! claim into the run before it executes a node, and writes it again while it does. Whoever loads the run honours the
//! claim for as long as it lives, by the clock of the server that keeps the record. The commit of a result ends it.
//!
//! Nor does such a worker see the leases of those that still reach the store. Of a job that another worker may have too, it
//! asks first: a claim that asks. Whoever executes the node finds the question within a third of a lease's time, or when it
//! begins, and answers with a claim of its own. Once the time for that is over, the node is free.

use super::entry::{Claim, NodeState};
use super::state::Ledger;

/// A worker that is to execute a node, at a moment of the record's clock.
#[derive(Debug, Clone, Copy)]
pub struct Claiming<'a> {
    /// The worker.
    pub by: &'a str,
    /// Now, in milliseconds since 1970.
    pub now: u64,
    /// How long a claim lives, in milliseconds.
    pub lives: u64,
    /// How long others have to answer, in milliseconds; none where nobody can be executing the node under a lease that this
    /// worker does not see.
    pub asks: Option<u64>,
}

/// Why a claim is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclaimed {
    /// The node is not due in that round any more.
    Over,
    /// Another worker claims it until then.
    Others(u64),
    /// Whoever executes it is asked to say so until then.
    Asked(u64),
}

impl Ledger {
    /// Until when a worker other than `own` claims to execute a node, if one does `now`.
    pub fn claimed_by_others(&self, node: &str, own: &str, now: u64) -> Option<u64> {
        let claim = self.claim_of(node).filter(|claim| !claim.asks)?;
        (claim.by != own && claim.until > now).then_some(claim.until)
    }

    /// Whether a worker other than `own` has asked who executes a node, however long ago.
    pub fn is_asked(&self, node: &str, own: &str) -> bool {
        self.claim_of(node).is_some_and(|claim| claim.asks && claim.by != own)
    }

    fn claim_of(&self, node: &str) -> Option<&Claim> {
        self.entry(node).filter(|entry| entry.state == NodeState::Due)?.claim.as_deref()
    }

    /// Writes a claim for an execution of a node, or the question who executes it; whether the node may be executed.
    ///
    /// # Errors
    /// The execution is over, another worker claims it, or was asked already: the ledger is unchanged.
    pub fn claim(&mut self, node: &str, round: u32, claiming: Claiming<'_>) -> Result<bool, Unclaimed> {
        let Claiming { by, now, lives, asks } = claiming;
        if self.status.is_end() {
            return Err(Unclaimed::Over);
        }
        if let Some(until) = self.claimed_by_others(node, by, now) {
            return Err(Unclaimed::Others(until));
        }
        let entry = self.entry_mut(node).ok_or(Unclaimed::Over)?;
        if entry.state != NodeState::Due || entry.round != round {
            return Err(Unclaimed::Over);
        }
        let answer_by = match (asks, &entry.claim) {
            (None, _) => None,
            // Nobody has answered.
            (Some(_), Some(question)) if question.asks && question.until <= now => None,
            (Some(_), Some(question)) if question.asks => return Err(Unclaimed::Asked(question.until)),
            // Its own claim: later workers honoured it.
            (Some(_), Some(own)) if own.by == *by && own.until > now => None,
            (Some(time), _) => Some(now + time),
        };
        let until = answer_by.unwrap_or(now + lives);
        entry.claim = Some(Box::new(Claim { by: by.to_owned(), until, asks: answer_by.is_some() }));
        Ok(answer_by.is_none())
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

    /// A worker that claims for 100 ms, and asks for 50 ms if it does.
    fn claiming(by: &'static str, now: u64, asks: bool) -> Claiming<'static> {
        Claiming { by, now, lives: 100, asks: asks.then_some(50) }
    }

    #[test]
    fn a_claim_keeps_other_workers_away_while_it_lives() {
        let mut ledger = Story::of("a -> b").ledger;
        assert_eq!(ledger.claim("a", 1, claiming("w1", 100, false)), Ok(true));
        for (own, now, expected) in
            [("w2", 199, Some(200)), ("w2", 200, None), ("w1", 199, None), ("w1", 300, None)]
        {
            assert_eq!(ledger.claimed_by_others("a", own, now), expected, "{own} at {now}");
        }
        assert_eq!(ledger.claim("a", 1, claiming("w2", 199, false)), Err(Unclaimed::Others(200)));
        assert_eq!(ledger.claim("a", 1, claiming("w1", 199, false)), Ok(true), "its own is renewed");
        assert_eq!(ledger.claim("a", 1, claiming("w2", 299, false)), Ok(true), "an old one has ended");
    }

    /// Who claims, when, whether it asks, and what comes of it.
    type Step = (&'static str, u64, bool, Result<bool, Unclaimed>);

    #[test]
    fn who_sees_no_leases_asks_before_it_executes_what_another_may_be_executing() {
        // One after the other.
        let (may, waits) = (Ok(true), Ok(false));
        let stories: [(&str, &[Step]); 7] = [
            ("nobody answers", &[("w1", 100, true, waits), ("w1", 150, true, may)]),
            ("another has the copy by then", &[("w1", 100, true, waits), ("w2", 150, true, may)]),
            (
                "the time for answers is not over",
                &[("w1", 100, true, waits), ("w2", 149, true, Err(Unclaimed::Asked(150)))],
            ),
            (
                "somebody answers",
                &[
                    ("w1", 100, true, waits),
                    ("w2", 140, false, may),
                    ("w1", 150, true, Err(Unclaimed::Others(240))),
                ],
            ),
            (
                "who answered is silent since",
                &[
                    ("w1", 100, true, waits),
                    ("w2", 140, false, may),
                    // It may see leases again, and claim nothing.
                    ("w1", 240, true, waits),
                    ("w1", 290, true, may),
                ],
            ),
            (
                "somebody begins who sees leases",
                &[
                    ("w1", 100, true, waits),
                    ("w2", 151, false, may),
                    ("w1", 152, true, Err(Unclaimed::Others(251))),
                ],
            ),
            ("its own claim lives", &[("w1", 100, false, may), ("w1", 199, true, may)]),
        ];
        for (title, steps) in stories {
            let mut ledger = Story::of("a -> b").ledger;
            for (by, now, asks, expected) in steps {
                assert_eq!(
                    ledger.claim("a", 1, claiming(by, *now, *asks)),
                    *expected,
                    "{title}: {by} at {now}"
                );
            }
        }
    }

    #[test]
    fn a_question_is_found_by_others_for_as_long_as_nobody_answers_and_keeps_nobody_away() {
        let mut ledger = Story::of("a -> b").ledger;
        assert_eq!(ledger.claim("a", 1, claiming("w1", 100, true)), Ok(false));
        assert!(ledger.is_asked("a", "w2") && !ledger.is_asked("a", "w1") && !ledger.is_asked("b", "w2"));
        assert_eq!(ledger.claimed_by_others("a", "w2", 120), None);
        assert_eq!(ledger.claim("a", 1, claiming("w2", 120, false)), Ok(true));
        assert!(!ledger.is_asked("a", "w3"));
    }

    #[test]
    fn a_worker_ends_its_own_claim_alone() {
        let mut ledger = Story::of("a -> b").ledger;
        ledger.claim("a", 1, claiming("w1", 100, false)).unwrap();
        for (node, round, by) in [("b", 1, "w1"), ("a", 2, "w1"), ("a", 1, "w2")] {
            assert!(!ledger.unclaim(node, round, by), "{node} {round} {by}");
        }
        assert!(ledger.unclaim("a", 1, "w1") && !ledger.unclaim("a", 1, "w1"));
        assert_eq!(ledger.claim("a", 1, claiming("w2", 100, false)), Ok(true));
    }

    #[test]
    fn what_is_over_cannot_be_claimed_and_a_result_ends_the_claim() {
        let mut story = Story::of("a -> b");
        story.ledger.claim("a", 1, claiming("w1", 100, false)).unwrap();
        let mut story = story.finishes("a");
        assert!(!stored(&story.ledger).contains("claim"));
        for (node, round) in [("a", 1), ("b", 2), ("nowhere", 1)] {
            assert_eq!(
                story.ledger.claim(node, round, claiming("w2", 100, false)),
                Err(Unclaimed::Over),
                "{node}"
            );
        }
        let mut ended = story.finishes("b").ledger;
        assert_eq!(ended.claim("b", 1, claiming("w2", 100, false)), Err(Unclaimed::Over));
    }

    #[test]
    fn a_ledger_without_claims_is_stored_as_ever() {
        assert!(!stored(&Story::of("a -> b").ledger).contains("claim"));
    }
}
