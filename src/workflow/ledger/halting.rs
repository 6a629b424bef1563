//! A run that a person has paused: what is due stays due, and no worker executes it until the run is to go on.
//!
//! A paused run needs no messages. A worker that gets one acknowledges it: the ledger knows what is due. Once the run goes on, the
//! jobs that are due are published from the ledger. What happens to the run meanwhile counts: results of nodes that were
//! being executed, events, resumes, a cancellation.

use std::sync::Arc;

use super::event::Refusal;
use super::halt::Halt;
use super::state::Ledger;

impl Ledger {
    /// Since when the run is paused; none where it is not, or is over.
    pub fn halt(&self) -> Option<&Halt> {
        self.halted.as_deref().filter(|_| !self.status.is_end())
    }

    /// Pauses the run; whether that changed something. A run that is paused stays so since then, for the reason it has.
    ///
    /// # Errors
    /// The run is over.
    pub fn halt_for(&mut self, halt: Halt) -> Result<bool, Refusal> {
        if self.status.is_end() {
            return Err(Refusal::Ended);
        }
        let is_new = self.halted.is_none();
        self.halted.get_or_insert_with(|| Arc::new(halt));
        Ok(is_new)
    }

    /// Lets a paused run go on; whether it was paused.
    ///
    /// # Errors
    /// The run is over.
    pub fn lift_halt(&mut self) -> Result<bool, Refusal> {
        match self.status.is_end() {
            true => Err(Refusal::Ended),
            false => Ok(self.halted.take().is_some()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::ledger::tests::support::{Story, stored};
    use crate::workflow::ledger::{Event, RunStatus};

    fn halted(story: &mut Story) {
        let halt = Halt { since: 7, reason: Some("the provider is down".into()) };
        assert_eq!(story.ledger.halt_for(halt), Ok(true));
    }

    #[test]
    fn a_paused_run_has_nothing_to_publish_until_it_goes_on() {
        let mut story = Story::of("a -> b").finishes("a");
        halted(&mut story);
        assert!(story.ledger.pending().is_empty() && story.ledger.due_by("a").is_empty());
        assert_eq!(story.ledger.lift_halt(), Ok(true));
        let due: Vec<_> = story.ledger.pending().into_iter().map(|due| due.node).collect();
        assert_eq!(due, ["b"]);
        assert_eq!(story.ledger.lift_halt(), Ok(false), "it goes on already");
    }

    #[test]
    fn results_of_a_paused_run_count() {
        let mut story = Story::of("a -> b");
        halted(&mut story);
        let mut story = story.finishes("a");
        assert_eq!(story.ledger.due().len(), 1, "its successor is due");
        assert!(story.ledger.pending().is_empty());
        assert_eq!(story.ledger.halt().unwrap().since, 7);
        let mut later = story.ledger.clone();
        assert_eq!(later.halt_for(Halt { since: 8, reason: None }), Ok(false));
        assert_eq!(later.halt().unwrap().since, 7, "it is paused since the first time");
        story.ledger.lift_halt().unwrap();
        let ended = story.finishes("b");
        assert_eq!(ended.ledger.status, RunStatus::Completed);
    }

    #[test]
    fn what_is_over_is_not_paused() {
        let mut story = Story::of("a");
        halted(&mut story);
        let cancelled = Event::Cancelled { reason: "no".into() };
        story.ledger.apply(&story.blueprint, cancelled).unwrap();
        assert_eq!(story.ledger.halt(), None);
        assert_eq!(story.ledger.lift_halt(), Err(Refusal::Ended));
        assert_eq!(story.ledger.halt_for(Halt::default()), Err(Refusal::Ended));
    }

    #[test]
    fn a_run_that_is_tried_again_is_not_paused_any_more() {
        let mut story = Story::of("a");
        halted(&mut story);
        let mut story = story.fails("a");
        story.ledger.apply(&story.blueprint, Event::TriedAgain).unwrap();
        assert_eq!((story.ledger.halt(), story.ledger.pending().len()), (None, 1));
    }

    #[test]
    fn a_journal_tells_of_a_pause_and_of_its_end() {
        let story = Story::of("a -> b");
        let mut paused = story.ledger.clone();
        paused.halt_for(Halt { since: 7, reason: None }).unwrap();
        let mut replayed = story.ledger.clone();
        replayed.grow(paused.since(&story.ledger));
        assert_eq!(replayed, paused);
        replayed.grow(story.ledger.since(&paused));
        assert_eq!(replayed, story.ledger);
        assert!(!stored(&story.ledger).contains("halted"), "other runs are stored as ever");
    }
}
