//! Runs that nodes of a simulated world start and wait for, as `childRun` does in TypeScript.

use super::flows::Flow;
use super::history::Expected;
use super::world::World;
use crate::ids::NodeId;
use crate::json::Json;
use crate::protocol::start::{OnConflict, StartRequest, StartRun};
use crate::record::Parent;
use crate::workflow::ledger::{Pause, RunStatus};

/// What begins the id of a run that a node started.
const CHILD: &str = "c-";

/// The run that an execution of a node starts.
pub fn run_of(parent: &str, node: &str, round: u32) -> String {
    format!("{CHILD}{parent}-{node}-{round}")
}

/// Whether a run is one that a node started.
pub fn is_child(run: &str) -> bool {
    run.starts_with(CHILD)
}

/// Whether a run was started by this one, or by one that it started.
pub fn is_descendant(run: &str, ancestor: &str) -> bool {
    is_child(run) && run.contains(&format!("-{ancestor}-"))
}

fn event_of(run: &str) -> String {
    format!("flowcraft.child:{run}")
}

/// What a node waits for that has started a run.
pub fn pause(run: &str, blueprint: &str) -> Pause {
    let event = event_of(run);
    let details = format!(
        r#"{{"reason":"child_run","childRunId":"{run}","blueprintId":"{blueprint}","event":"{event}"}}"#
    );
    Pause { details: Json::parse(details).ok(), event: Some(event), until: None }
}

/// How the end of a run reads whose status is all that counts.
pub fn end(status: RunStatus) -> Option<Json> {
    Json::parse(format!(r#"{{"status":"{}"}}"#, status.as_str())).ok()
}

/// Whether this is the end of a run that completed.
pub fn has_completed(end: Option<&Json>) -> bool {
    let end = end.and_then(|end| serde_json::from_str::<serde_json::Value>(end.get()).ok());
    end.is_some_and(|end| end["status"] == RunStatus::Completed.as_str())
}

/// The call that starts the run that an execution of a node waits for.
pub fn start(blueprint: &str, (parent, node, round): (&str, &NodeId, u32)) -> StartRequest {
    let run = run_of(parent, node, round);
    let parent = Parent { run: parent.to_owned(), node: node.clone(), round, event: event_of(&run) };
    let run = StartRun { parent: Some(parent), ..run_to_start(run, blueprint) };
    StartRequest { runs: vec![run], on_conflict: OnConflict::UseExisting }
}

/// A run to start, with an empty context.
pub fn run_to_start(run_id: String, blueprint: &str) -> StartRun {
    StartRun {
        run_id,
        blueprint_id: blueprint.to_owned(),
        context: Default::default(),
        version: None,
        start_at: None,
        carried: None,
        tags: Vec::new(),
        timeout_ms: None,
        parent: None,
        concurrency: None,
        led: Default::default(),
    }
}

impl World {
    /// The flow of a run that a node started; none where its parent has no such node.
    pub fn flow_of_child(&self, run: &str, started: &dyn Fn(&str) -> Option<Expected>) -> Option<String> {
        let mut parts = run.strip_prefix(CHILD)?.rsplitn(3, '-');
        let (_round, node, parent) = (parts.next()?, parts.next()?, parts.next()?);
        let flow = match is_child(parent) {
            true => self.flow_of_child(parent, started)?,
            false => match started(parent)? {
                Expected::Follows(flow) => flow,
                Expected::Fails => return None,
            },
        };
        self.flows.get(&flow).and_then(|flow: &Flow| flow.child_of(node)).cloned()
    }
}
