//! What there is to tell of a run as a whole, as JavaScript reads it: `Milestone` of `lib/bridge/channel.ts`.

use serde_json::{Value, json};

use crate::workflow::ledger::{Milestone, Numbered, Onward};
use crate::workflow::path::shown;

/// Milestones of a run. Each has an id that no other has, and that whoever tells of it again gives it again.
pub fn milestones_json(run: &str, milestones: &[Numbered]) -> Vec<Value> {
    milestones.iter().map(|numbered| milestone_json(run, numbered)).collect()
}

fn milestone_json(run: &str, Numbered { milestone, number }: &Numbered) -> Value {
    let id = |what: &str| format!("{run}:{what}:{number}");
    match milestone {
        Milestone::Onward(Onward::Start) => json!({ "type": "workflow:start", "id": id("start") }),
        Milestone::Onward(Onward::Resume) => json!({ "type": "workflow:resume", "id": id("resume") }),
        Milestone::Stall { remaining } => {
            json!({ "type": "workflow:stall", "id": id("stall"), "remainingNodes": remaining })
        }
        Milestone::Pause => json!({ "type": "workflow:pause", "id": id("pause") }),
        Milestone::Finish { status, errors } => {
            let errors: Vec<Value> = errors
                .iter()
                .map(|error| json!({ "nodeId": shown(&error.node), "message": error.message }))
                .collect();
            let status = status.as_str();
            json!({ "type": "workflow:finish", "id": id(status), "status": status, "errors": errors })
        }
    }
}
