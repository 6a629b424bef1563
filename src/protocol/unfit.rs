//! Messages that are no jobs, and what they say all the same: a run that waited for one is not to wait for ever.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::value::{RawValue, to_raw_value};

use super::message::JobMessage;
use crate::ids::NodeId;

const RUN: &str = "runId";
const BLUEPRINT: &str = "blueprintId";
const NODE: &str = "nodeId";
/// As in [`JobMessage`].
const BUSY_SINCE: &str = "busySince";
const ABANDONED_FOR: &str = "abandonedFor";

/// What a message that is no job says of the run that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The run.
    pub run: String,
    /// The blueprint it names; none if it names none.
    pub blueprint: Option<String>,
    /// The node it names; none if it names none.
    pub node: Option<NodeId>,
    /// Why it cannot be processed, and since when its run is to fail, where it is among the dead letters already.
    pub abandoned: Option<(String, Option<u64>)>,
    /// The job that it is once somebody says which blueprint its run follows.
    pub but_for_blueprint: Option<Box<JobMessage>>,
}

impl Unfit {
    /// Reads a message that is no job; none if it does not name a run either.
    pub fn read(body: &[u8]) -> Option<Self> {
        let fields: Fields = serde_json::from_slice(body).ok()?;
        Some(Self {
            run: name(&fields, RUN)?,
            blueprint: name(&fields, BLUEPRINT),
            node: name(&fields, NODE).map(|node| node.as_str().into()),
            abandoned: abandoned(&fields),
            but_for_blueprint: but_for_blueprint(body, fields).map(Box::new),
        })
    }

    /// The job, with this blueprint; only for one that lacks nothing else.
    pub fn with_blueprint(self, blueprint: &str) -> Option<JobMessage> {
        let job = *self.but_for_blueprint?;
        Some(JobMessage { blueprint_id: blueprint.to_owned(), ..job })
    }
}

/// A message that is no job, as it comes again once it is among the dead letters: only its run is still to fail.
pub fn abandoned_copy(body: &[u8], reason: &str, since: Option<u64>) -> Option<Vec<u8>> {
    let mut fields: Fields = serde_json::from_slice(body).ok()?;
    fields.insert(ABANDONED_FOR.to_owned(), to_raw_value(reason).ok()?);
    if let Some(since) = since {
        fields.insert(BUSY_SINCE.to_owned(), to_raw_value(&since).ok()?);
    }
    serde_json::to_vec(&fields).ok()
}

fn abandoned(fields: &Fields) -> Option<(String, Option<u64>)> {
    let reason = serde_json::from_str(fields.get(ABANDONED_FOR)?.get()).ok()?;
    Some((reason, fields.get(BUSY_SINCE).and_then(|since| serde_json::from_str(since.get()).ok())))
}

type Fields = IndexMap<String, Box<RawValue>>;

/// A field that is an id: a text that is not empty, and that PostgreSQL can store.
fn name(fields: &Fields, field: &str) -> Option<String> {
    let text: String = serde_json::from_str(fields.get(field)?.get()).ok()?;
    Some(text).filter(|text| !text.is_empty() && !text.contains('\0'))
}

/// The message as the job that it is but for its blueprint, which is absent, null or empty.
fn but_for_blueprint(body: &[u8], mut fields: Fields) -> Option<JobMessage> {
    if fields.get(BLUEPRINT).is_some_and(|raw| !matches!(raw.get(), "null" | "\"\"")) {
        return None;
    }
    fields.insert(BLUEPRINT.to_owned(), to_raw_value("?").ok()?);
    let job = JobMessage::parse(&serde_json::to_vec(&fields).ok()?).ok()?;
    Some(JobMessage { blueprint_id: String::new(), original: Some(Arc::from(body)), ..job })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run, blueprint and node that a message names, and whether it lacks its blueprint alone.
    fn read(body: &str) -> Option<(String, Option<String>, Option<String>, bool)> {
        assert!(JobMessage::parse(body.as_bytes()).is_err(), "{body} is a job");
        let unfit = Unfit::read(body.as_bytes())?;
        let node = unfit.node.map(|node| node.to_string());
        Some((unfit.run, unfit.blueprint, node, unfit.but_for_blueprint.is_some()))
    }

    #[test]
    fn what_is_no_job_may_name_a_run() {
        let some = |text: &str| Some(text.to_owned());
        for (body, expected) in [
            ("", None),
            ("[]", None),
            (r#"{"nodeId":"n"}"#, None),
            (r#"{"runId":7,"nodeId":"n"}"#, None),
            (r#"{"runId":"","nodeId":"n"}"#, None),
            (r#"{"runId":"a\u0000","nodeId":"n"}"#, None),
            (r#"{"runId":"r"}"#, Some((None, None, false))),
            (r#"{"runId":"r","blueprintId":"b"}"#, Some((some("b"), None, false))),
            (r#"{"runId":"r","blueprintId":"b","nodeId":""}"#, Some((some("b"), None, false))),
            (r#"{"runId":"r","blueprintId":7,"nodeId":"n"}"#, Some((None, some("n"), false))),
            (
                r#"{"runId":"r","blueprintId":"b","nodeId":"n","attempt":-1}"#,
                Some((some("b"), some("n"), false)),
            ),
            (r#"{"runId":"r","nodeId":"n"}"#, Some((None, some("n"), true))),
            (r#"{"runId":"r","blueprintId":null,"nodeId":"n"}"#, Some((None, some("n"), true))),
            (r#"{"runId":"r","blueprintId":"","nodeId":"n","round":2}"#, Some((None, some("n"), true))),
            (r#"{"runId":"r","blueprintId":"","nodeId":"n","round":-2}"#, Some((None, some("n"), false))),
        ] {
            let expected = expected.map(|(blueprint, node, lacks)| ("r".to_owned(), blueprint, node, lacks));
            assert_eq!(read(body), expected, "{body}");
        }
    }

    #[test]
    fn it_comes_again_for_its_run_alone() {
        let body = br#"{"runId":"r","nodeId":7,"trace":1}"#;
        assert_eq!(Unfit::read(body).unwrap().abandoned, None);
        let again = abandoned_copy(body, "it is \"odd\"", Some(12)).unwrap();
        let unfit = Unfit::read(&again).unwrap();
        assert_eq!(
            (unfit.run.as_str(), unfit.abandoned),
            ("r", Some(("it is \"odd\"".to_owned(), Some(12))))
        );
        let later = abandoned_copy(&again, "still", Some(12)).unwrap();
        assert_eq!(Unfit::read(&later).unwrap().abandoned, Some(("still".to_owned(), Some(12))));
        let timeless = abandoned_copy(body, "odd", None).unwrap();
        assert_eq!(Unfit::read(&timeless).unwrap().abandoned, Some(("odd".to_owned(), None)));
    }

    #[test]
    fn with_its_blueprint_it_is_a_job_that_was_delivered_as_it_was() {
        let body = r#"{"runId":"r","nodeId":"n","trace":1}"#;
        let job = Unfit::read(body.as_bytes()).unwrap().with_blueprint("story").unwrap();
        assert_eq!(
            (job.run_id.as_str(), job.blueprint_id.as_str(), job.node_id.as_str()),
            ("r", "story", "n")
        );
        assert_eq!(job.as_delivered(), body.as_bytes());
        assert_eq!(
            String::from_utf8(job.to_body()).unwrap(),
            r#"{"runId":"r","nodeId":"n","trace":1,"blueprintId":"story"}"#
        );
    }
}
