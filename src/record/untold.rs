//! What nobody has told yet of a run that goes on. The commit that lets it go on notes it; the job that goes on tells it, before
//! its node starts, and the job's own result takes the note away. So it is told again if a worker dies, and costs no write
//! of its own where only one job goes on. Of several, one is appointed first.

use serde::{Deserialize, Serialize};

use crate::ids::NodeId;
use crate::workflow::ledger::{Ledger, Milestone, Numbered, Onward};

/// What is still to be told of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untold {
    /// In their order.
    pub events: Vec<Noted>,
    /// The node whose job tells it; none if nobody is appointed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<NodeId>,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// What it is.
    pub what: Onward,
    /// Its number.
    pub number: u64,
}

/// What there is to tell of a run as a whole, by whoever committed it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Milestones {
    /// The blueprint that the run follows; empty where nothing has named one.
    pub blueprint: String,
    /// In their order.
    pub all: Vec<Numbered>,
}

/// Who tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teller {
    /// The job that asks.
    This,
    /// Another one.
    Another,
    /// One is to be appointed.
    Nobody,
}

impl Untold {
    /// Notes that a run goes on, beside what is noted already.
    #[must_use]
    pub fn noting(&self, onward: &[Onward], ledger: &Ledger) -> Self {
        let number = ledger.progress();
        let new = onward.iter().map(|&what| Noted { what, number });
        Self { events: self.events.iter().copied().chain(new).collect(), by: None }
    }

    /// Who tells it, as the job of a node that is due asks.
    pub fn teller(&self, ledger: &Ledger, node: &str) -> Teller {
        match &self.by {
            Some(by) if by == node => Teller::This,
            Some(by) if ledger.due().iter().any(|due| due.node == *by) => Teller::Another,
            None if ledger.is_only_one(node) => Teller::This,
            _ => Teller::Nobody,
        }
    }

    /// Whether the result of a node means that it was told, or that nobody listens.
    pub fn is_told_by(&self, node: &NodeId) -> bool {
        self.by.as_ref().is_none_or(|by| by == node)
    }

    /// What it says, as milestones.
    pub fn milestones(&self) -> impl Iterator<Item = Numbered> {
        let numbered =
            |&Noted { what, number }: &Noted| Numbered { milestone: Milestone::Onward(what), number };
        self.events.iter().map(numbered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::blueprint::Blueprint;
    use crate::workflow::ledger::tests::support::graph;

    #[test]
    fn one_of_several_jobs_that_go_on_is_appointed_and_a_lone_one_needs_not_be() {
        let alone = Ledger::begin(&Blueprint::new(graph("a -> c")));
        let several = Ledger::begin(&Blueprint::new(graph("a -> c, b -> c")));
        let by = |node: &str| Untold { by: Some(node.into()), ..Untold::default() };
        for (untold, ledger, teller) in [
            (Untold::default(), &alone, Teller::This),
            (Untold::default(), &several, Teller::Nobody),
            (by("a"), &several, Teller::This),
            (by("b"), &several, Teller::Another),
            // Its result is there, and dropped the note of another worker.
            (by("c"), &several, Teller::Nobody),
        ] {
            assert_eq!(untold.teller(ledger, "a"), teller, "{untold:?}");
        }
    }

    #[test]
    fn what_was_noted_before_is_told_first() {
        let ledger = Ledger::begin(&Blueprint::new(graph("a -> c")));
        let untold = Untold::default().noting(&[Onward::Start], &ledger).noting(&[Onward::Resume], &ledger);
        let told: Vec<Onward> = untold.events.iter().map(|noted| noted.what).collect();
        assert_eq!(told, [Onward::Start, Onward::Resume]);
    }
}
