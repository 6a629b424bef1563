//! What a client asks for when it starts runs, and what it is told.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::{Carried, Parent, Values};
use crate::workflow::ledger::Led;

/// Runs to start.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartRequest {
    /// The runs.
    pub runs: Vec<StartRun>,
    /// What becomes of one whose id there is already.
    pub on_conflict: OnConflict,
}

/// A run to start.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartRun {
    /// Its id.
    pub run_id: String,
    /// The blueprint it is to follow.
    pub blueprint_id: String,
    /// The keys of its context.
    pub context: Values,
    /// The version that the blueprint has to have; absent for any.
    #[serde(default)]
    pub version: Option<Value>,
    /// When its start nodes are due, by the clock of this machine: milliseconds since 1970; absent for at once.
    #[serde(default)]
    pub start_at: Option<u64>,
    /// What goes along with its jobs.
    #[serde(default)]
    pub carried: Option<Carried>,
    /// What it is found by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How long it may take from when its start nodes are due, in milliseconds; absent for any time.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// How many of its nodes are executed at a time; absent for any number.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// The node that waits for its end.
    #[serde(default)]
    pub parent: Option<Parent>,
    /// To which nodes those led that have an output in its context already, where an edge alone does not say it.
    #[serde(default)]
    pub led: Led,
}

/// What becomes of a start whose id there is already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnConflict {
    /// It is refused.
    Reject,
    /// The run goes on as it is.
    UseExisting,
    /// A run that has ended begins anew; any other goes on as it is.
    RestartIfEnded,
}

/// What became of a start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    /// The run, by the id that the tables have for it.
    pub run_id: String,
    /// What became of it.
    pub outcome: StartOutcome,
}

/// What became of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StartOutcome {
    /// The run is new.
    New,
    /// There was a run of that id, and it is as it was.
    Existing,
    /// There was a run of that id that had ended, and it has begun anew.
    Restarted,
}

/// A start within a transaction of somebody else's.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStart {
    /// The run, by the id that the tables have for it.
    pub run_id: String,
    /// The mark by which it is known.
    pub mark: String,
    /// SQL, with the parameters `$1`, `$2` and so on.
    pub text: String,
    /// The parameters.
    pub values: Vec<Option<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_and_its_context_passes_through_unread() {
        let text = r#"{"runs":[{"runId":"r","blueprintId":"b","context":{"big":12345678901234567890.5},"startAt":7}],"onConflict":"restart-if-ended"}"#;
        let request: StartRequest = serde_json::from_str(text).unwrap();
        let [run] = request.runs.as_slice() else { panic!("one run") };
        assert_eq!(request.on_conflict, OnConflict::RestartIfEnded);
        assert_eq!((run.start_at, run.context["big"].get()), (Some(7), "12345678901234567890.5"));
    }

    #[test]
    fn an_answer_says_what_became_of_the_start() {
        let started = Started { run_id: "r".into(), outcome: StartOutcome::Restarted };
        assert_eq!(serde_json::to_string(&started).unwrap(), r#"{"runId":"r","outcome":"restarted"}"#);
    }
}
