//! The final payload of a run, in the shape the original writes it.
//!
//! The batched commit has PostgreSQL build the same shape of what is there (`write_rows` in `postgres/status_sql.rs`), and
//! `lib/worker/results.ts` builds it for an adapter that publishes results itself: who changes one changes all three.

use serde::Serialize;

use super::patch::to_raw;
use crate::error::{Code, Error, Result};
use crate::json::Json;
use crate::workflow::ledger::RunStatus;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    context: &'a Json,
    serialized_context: &'a str,
    status: &'a str,
}

#[derive(Serialize)]
struct FinalResult<'a> {
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Payload<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// The final payload of a run. The context's own text serves as the serialized one: core's default serializer would write
/// the same.
///
/// # Errors
/// The context is no JSON.
pub fn final_result(status: RunStatus, reason: &str, context: &str) -> Result<Json> {
    let raw = Json::parse(context.to_owned())
        .map_err(|error| Error::new(Code::ValueNotStorable, "Writing the result", error))?;
    let completed = status == RunStatus::Completed;
    let payload = Payload { context: &raw, serialized_context: context, status: status.as_str() };
    to_raw(&FinalResult {
        status: status.as_str(),
        payload: completed.then_some(payload),
        reason: (!completed).then_some(reason),
    })
}

/// The payload of a run that failed for a reason no ledger holds.
///
/// # Errors
/// None that user data can cause.
pub fn failure(reason: &str) -> Result<Json> {
    let status = RunStatus::Failed.as_str();
    to_raw(&FinalResult { status, payload: None, reason: Some(reason) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_completed_run_has_its_context_twice_and_another_its_reason() {
        let completed = final_result(RunStatus::Completed, "", r#"{"a":1}"#).unwrap();
        let expected = r#"{"status":"completed","payload":{"context":{"a":1},"serializedContext":"{\"a\":1}","status":"completed"}}"#;
        assert_eq!(completed.get(), expected);
        let failed = final_result(RunStatus::Failed, "why", "{}").unwrap();
        assert_eq!(failed.get(), r#"{"status":"failed","reason":"why"}"#);
        assert_eq!(failure("why").unwrap(), failed);
    }
}
