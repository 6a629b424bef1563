//! Runs that a node of another run started and waits for: how the parent hears of an end, and which children a run waits for.

use serde::Deserialize;

use super::operations::{FollowUp, apply};
use super::service::Runs;
use crate::error::{Code, Result};
use crate::ids::NodeId;
use crate::json::Json;
use crate::record::Parent;
use crate::workflow::ledger::{DueJob, Event, Ledger, NodeState};

const OPERATION: &str = "Telling the parent of a run's end";

/// What `details` of a node says that waits for a child: written by `lib/api/child-run.ts`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChildDetails {
    reason: String,
    child_run_id: String,
    #[serde(default)]
    on_cancel: OnCancel,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OnCancel {
    #[default]
    Cancel,
    Leave,
}

/// The runs that end with this one if it is cancelled: those that a node of it waits for.
pub fn children_to_cancel(ledger: &Ledger) -> Vec<String> {
    let awaiting = ledger.nodes.values().filter(|entry| entry.state == NodeState::Awaiting);
    awaiting.filter_map(|entry| child_to_cancel(entry.details.as_ref()?)).collect()
}

/// The child that a node waits for by these details, if it is to end with its parent.
pub fn child_to_cancel(details: &Json) -> Option<String> {
    let child = serde_json::from_str::<ChildDetails>(details.get()).ok()?;
    (child.reason == "child_run" && child.on_cancel == OnCancel::Cancel).then_some(child.child_run_id)
}

/// What a node knows of the end of its child.
#[derive(Debug, PartialEq, Eq)]
enum Hearing {
    /// It waits for it, or will.
    Open,
    /// It was told, and is due because of that.
    Told(NodeId),
    /// It is past it, or waits for something else.
    Over,
}

fn hearing(ledger: &Ledger, parent: &Parent) -> Hearing {
    let node = ledger.named(&parent.node);
    let Some(entry) = ledger.entry(&node) else { return Hearing::Over };
    let is_kept = || ledger.events.iter().any(|kept| kept.name == parent.event);
    match (entry.state, &entry.resumed) {
        (NodeState::Due | NodeState::Awaiting, None) if entry.round == parent.round && !is_kept() => {
            Hearing::Open
        }
        // A node that is resumed is in its next round.
        (NodeState::Due, Some(_)) if entry.round == parent.round + 1 => Hearing::Told(node),
        _ => Hearing::Over,
    }
}

/// The job of a node that was told, unless its run is paused.
fn job_of(ledger: &Ledger, node: &NodeId) -> Option<Vec<DueJob>> {
    let due: Vec<_> = ledger.pending().into_iter().filter(|due| due.node == *node).collect();
    (!due.is_empty()).then_some(due)
}

impl Runs {
    /// Tells the node that waits for it of a run's end, once. What follows, also where the node was told before and its job
    /// may never have been published; none where no node waits any more.
    ///
    /// # Errors
    /// The server is out of reach, or the parent's row cannot be read or written for the moment.
    pub async fn tell_parent(&self, parent: &Parent, end: &Json) -> Result<Option<FollowUp>> {
        let told = self.happen(&parent.run, OPERATION, |state| match hearing(state.ledger(), parent) {
            Hearing::Open => {
                let (name, payload) = (parent.event.clone(), Some(end.clone()));
                apply(state.ledger(), Event::Happened { name, payload, node: None }).map(Some)
            }
            Hearing::Told(node) => Ok(job_of(state.ledger(), &node)),
            Hearing::Over => Ok(None),
        });
        match told.await {
            Err(error) if matches!(error.code, Code::RunEnded | Code::RunNotFound) => Ok(None),
            told => told.map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::blueprint::Blueprint;
    use crate::workflow::ledger::{Halt, Pause, tests::support::Story};

    const DETAILS: &str = r#"{"reason":"child_run","childRunId":"c","blueprintId":"flow","event":"e"}"#;

    fn parent(round: u32) -> Parent {
        Parent { run: "p".into(), node: "a".into(), round, event: "e".into() }
    }

    fn paused(details: &str) -> Ledger {
        let mut ledger = Story::of("a, b").ledger;
        let details = Json::parse(details.to_owned()).ok();
        let pause = Pause { details, event: Some("e".into()), until: None };
        let event = Event::Paused { node: "a".into(), round: 1, pause };
        ledger.apply(&Blueprint::unknown(""), event).unwrap();
        ledger
    }

    #[test]
    fn a_node_hears_of_its_childs_end_once_and_only_in_its_round() {
        let happened = || Event::Happened { name: "e".into(), payload: None, node: None };
        let begun = Story::of("a, b").ledger;
        assert_eq!(hearing(&begun, &parent(1)), Hearing::Open, "it has yet to pause");
        assert_eq!(hearing(&begun, &parent(2)), Hearing::Over);
        assert_eq!(hearing(&begun, &Parent { node: "z".into(), ..parent(1) }), Hearing::Over);
        let mut early = begun;
        early.apply(&Blueprint::unknown(""), happened()).unwrap();
        assert_eq!(hearing(&early, &parent(1)), Hearing::Over, "it is kept already");
        let mut waiting = paused(DETAILS);
        assert_eq!(hearing(&waiting, &parent(1)), Hearing::Open);
        waiting.apply(&Blueprint::unknown(""), happened()).unwrap();
        assert_eq!(hearing(&waiting, &parent(1)), Hearing::Told("a".into()), "it goes on");
    }

    #[test]
    fn the_job_of_a_node_that_was_told_is_published_again_unless_its_run_is_paused() {
        let mut told = paused(DETAILS);
        told.apply(&Blueprint::unknown(""), Event::Happened { name: "e".into(), payload: None, node: None })
            .unwrap();
        let job = job_of(&told, &"a".into()).unwrap();
        assert_eq!(job.iter().map(|due| &*due.node).collect::<Vec<_>>(), ["a"], "and none of its siblings");
        told.halt_for(Halt::default()).unwrap();
        assert_eq!(job_of(&told, &"a".into()), None);
    }

    #[test]
    fn a_cancelled_run_ends_the_children_it_waits_for_unless_they_are_to_be_left() {
        let leave = DETAILS.replace("\"event\"", "\"onCancel\":\"leave\",\"event\"");
        for (details, children) in
            [(DETAILS, vec!["c"]), (&leave, vec![]), (r#"{"reason":"external_event"}"#, vec![])]
        {
            assert_eq!(children_to_cancel(&paused(details)), children, "{details}");
        }
    }
}
