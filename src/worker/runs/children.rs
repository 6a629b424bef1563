//! Runs that a node of another run started and waits for: how the parent hears of an end, and which children a run waits for.

use serde::Deserialize;

use super::operations::{FollowUp, apply};
use super::store::Runs;
use crate::error::{Code, Result};
use crate::json::Json;
use crate::record::Parent;
use crate::workflow::ledger::{Event, Ledger, NodeState};

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

/// Whether a node waits for its child's end, or will. In any other state it was told, or is past it.
fn will_hear(ledger: &Ledger, parent: &Parent) -> bool {
    let is_told_already = || ledger.events.iter().any(|kept| kept.name == parent.event);
    let waits = ledger.entry(&ledger.named(&parent.node)).is_some_and(|entry| {
        let is_open = matches!(entry.state, NodeState::Due | NodeState::Awaiting);
        is_open && entry.round == parent.round && entry.resumed.is_none()
    });
    waits && !is_told_already()
}

impl Runs {
    /// Tells the node that waits for it of a run's end, once. What follows; none where nobody waits any more.
    ///
    /// # Errors
    /// The server is out of reach, or the parent's row cannot be read or written for the moment.
    pub async fn tell_parent(&self, parent: &Parent, end: &Json) -> Result<Option<FollowUp>> {
        let told = self.happen(&parent.run, OPERATION, |state| {
            if !will_hear(state.ledger(), parent) {
                return Ok(None);
            }
            let (name, payload) = (parent.event.clone(), Some(end.clone()));
            apply(state.ledger(), Event::Happened { name, payload, node: None }).map(Some)
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
    use crate::workflow::ledger::{Pause, tests::support::Story};

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
        assert!(will_hear(&begun, &parent(1)), "it has yet to pause");
        assert!(
            !will_hear(&begun, &parent(2)) && !will_hear(&begun, &Parent { node: "z".into(), ..parent(1) })
        );
        let mut early = begun;
        early.apply(&Blueprint::unknown(""), happened()).unwrap();
        assert!(!will_hear(&early, &parent(1)), "it is kept already");
        let mut waiting = paused(DETAILS);
        assert!(will_hear(&waiting, &parent(1)));
        waiting.apply(&Blueprint::unknown(""), happened()).unwrap();
        assert!(!will_hear(&waiting, &parent(1)), "it goes on");
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
