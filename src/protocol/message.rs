//! A job as it travels through the queue.

use std::borrow::Cow;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ids::NodeId;
use crate::record::Carried;
use crate::workflow::ledger::DueJob;
use crate::workflow::path::{INNER, Inside, shown};

/// The body of a message: JSON, in the shape that version 1 reads and writes. Fields that version 1 does not know are optional,
/// and a message without them is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobMessage {
    /// The run.
    pub run_id: String,
    /// The blueprint it follows.
    pub blueprint_id: String,
    /// The node to run.
    pub node_id: NodeId,
    /// `false` while a retry through the queue may follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_last_attempt: Option<bool>,
    /// Which try of its round it is, from 1, postponed ones included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The node's round. A message of an earlier round does nothing. Not of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// The job must not run before this moment, in milliseconds since 1970. Not of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// The message wakes a sleeping node. Not of version 1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wakes: bool,
    /// Since when workers that cannot run the job have rescheduled it, in milliseconds since 1970. Not of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put_back_since: Option<u64>,
    /// Since when the job waits because its run's row is locked or too slow to write, in milliseconds since 1970. Not of
    /// version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_since: Option<u64>,
    /// Why the message cannot be processed. It is among the dead letters already, and only its run is still to fail: the run's
    /// row was locked. Not of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abandoned_for: Option<String>,
    /// Revisions of the blueprint that do not have the node, by workers that rescheduled the job for it. Not of version 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<String>,
    /// The message came before, or takes the place of one that did, and its worker may have made jobs due under it: whoever
    /// gets it looks for those first, as if the broker had redelivered it. Not of version 1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
    /// Another message for the same job may be on its way: recovery, or a redelivered message, published the job again. Not of
    /// version 1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub copy: bool,
    /// An operator replayed the message from the dead letters. Not of version 1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// Nobody may have told how its run came to rest: its worker may have died first, or whoever changed the run hears nothing.
    /// Not of version 1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untold: bool,
    /// It asks for nothing but the run's end: that the run is ended if its time is over, that its end is published, and that its
    /// children are cancelled with it. Not of version 1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends: bool,
    /// When the result that made it due was committed, by PostgreSQL's clock, in milliseconds since 1970. Not of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// Headers and priority of the message that started the run, and the trace it belongs to. Not of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<Arc<Carried>>,
    /// The message it was read from. Fields of other programs in it are preserved.
    #[serde(skip)]
    pub original: Option<Arc<[u8]>>,
}

impl JobMessage {
    /// The priority that it is published with: the greater, the sooner it is delivered where its queue tells priorities apart.
    pub fn priority(&self) -> u8 {
        self.carried.as_ref().and_then(|carried| carried.priority).unwrap_or(0)
    }

    /// Reads a message body.
    ///
    /// # Errors
    /// Why it is none, in a sentence for the dead letter's header.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        // serde takes an array for a structure; a job is an object.
        if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
            return Err("The message is not a job: it is an array".into());
        }
        let job: Self =
            serde_json::from_slice(body).map_err(|error| format!("The message is not a job: {error}"))?;
        let ids: [(&str, &str); 3] =
            [("runId", &job.run_id), ("blueprintId", &job.blueprint_id), ("nodeId", &job.node_id)];
        if let Some((field, _)) = ids.iter().find(|(_, id)| id.is_empty()) {
            return Err(format!("The message is not a job: '{field}' is empty"));
        }
        if ids.iter().any(|(_, id)| id.contains('\0')) {
            return Err("The message is not a job: an id holds U+0000, which PostgreSQL cannot store".into());
        }
        Ok(Self { original: Some(body.into()), ..job })
    }

    /// The messages for jobs that a run made due, `at` that moment.
    pub fn all_due(run: &str, blueprint: &str, due: &[DueJob], at: Option<u64>) -> Vec<Self> {
        due.iter().map(|due| Self::of(run, blueprint, due, at)).collect()
    }

    /// The messages for jobs that were published before, as far as anybody knows. The worker of the first one may end the run and die
    /// before it has told so.
    pub fn copies(run: &str, blueprint: &str, due: &[DueJob], at: Option<u64>) -> Vec<Self> {
        let copy = |job: Self| Self { untold: true, ..job.as_copy() };
        Self::all_due(run, blueprint, due, at).into_iter().map(copy).collect()
    }

    /// A message that wakes a node, once it has: it is for the round in which that is due now.
    pub fn having_woken(self, round: u32) -> Self {
        Self { round: Some(round), wakes: false, ..self }
    }

    /// The same message, published again: the first one may have arrived.
    pub fn as_copy(self) -> Self {
        Self { copy: true, ..self }
    }

    /// Whether another message for the same job may be on its way, or have come to a worker.
    pub fn may_be_a_copy(&self) -> bool {
        self.copy || self.repeated || self.replayed
    }

    /// Whether it was published before, or put back: how long it has been on its way says nothing of its queue.
    pub fn has_been_away(&self) -> bool {
        self.may_be_a_copy() || self.put_back_since.is_some() || self.busy_since.is_some()
    }

    /// The same, or a client may have sent it twice: its messages have no round.
    pub fn may_be_one_of_two(&self) -> bool {
        self.may_be_a_copy() || self.round.is_none()
    }

    /// The message as an operator replays it from the dead letters: without a delay, and as if no worker had rescheduled it.
    pub fn replayed(self) -> Self {
        Self {
            put_back_since: None,
            busy_since: None,
            abandoned_for: None,
            lacking: Vec::new(),
            not_before: None,
            untold: false,
            ends: false,
            replayed: true,
            repeated: true,
            ..self
        }
    }

    /// The message for a job that a run made due, `at` that moment.
    pub fn of(run: &str, blueprint: &str, due: &DueJob, at: Option<u64>) -> Self {
        Self {
            run_id: run.to_owned(),
            blueprint_id: blueprint_in_message(blueprint, &due.node),
            node_id: due.node.clone(),
            is_last_attempt: None,
            attempt: (due.attempt > 1).then_some(due.attempt),
            round: Some(due.round),
            not_before: due.not_before,
            wakes: due.wakes,
            put_back_since: None,
            busy_since: None,
            abandoned_for: None,
            lacking: Vec::new(),
            repeated: false,
            copy: false,
            replayed: false,
            untold: false,
            ends: false,
            at,
            carried: None,
            original: None,
        }
    }

    /// The same message, with what goes along with its run's jobs.
    #[must_use]
    pub fn carrying(self, carried: Option<Arc<Carried>>) -> Self {
        Self { carried, ..self }
    }

    /// The message as what follows from it is to see it: made due by that span, if there is one.
    pub fn after(&self, span: Option<&str>) -> Cow<'_, Self> {
        match span {
            None => Cow::Borrowed(self),
            Some(span) => {
                let carried = Some(Carried::after(self.carried.as_ref(), span));
                Cow::Owned(Self { carried, ..self.clone() })
            }
        }
    }

    /// The span that led to it.
    pub fn trace(&self) -> Option<&str> {
        self.carried.as_ref()?.trace()
    }

    /// A message that asks for nothing but that it is told how the run came to rest. Any node of the run will do.
    pub fn to_tell(run: &str, blueprint: &str, node: &NodeId, round: u32) -> Self {
        let due = DueJob { node: node.clone(), round, attempt: 1, ..DueJob::default() };
        Self { untold: true, copy: true, ..Self::of(run, blueprint, &due, None) }
    }

    /// A message that comes later, and asks for nothing but that a worker sees to the run's end: that it is published, and its
    /// children are cancelled with it. Any node of the run will do. `attempt` counts these messages.
    pub fn to_see_to_end(run: &str, blueprint: &str, node: &NodeId, (at, attempt): (u64, u32)) -> Self {
        Self { attempt: Some(attempt), ..Self::to_end(run, blueprint, node, at) }
    }

    /// A message that comes when the run's time is over: whoever gets it finds that. Any node of the run will do.
    pub fn to_end(run: &str, blueprint: &str, node: &NodeId, deadline: u64) -> Self {
        let due = DueJob { node: node.clone(), round: 1, attempt: 1, ..DueJob::default() };
        Self { ends: true, copy: true, not_before: Some(deadline), ..Self::of(run, blueprint, &due, None) }
    }

    /// The blueprint that the run follows, which a message for a node inside a subflow names in a form of its own.
    pub fn run_blueprint(&self) -> &str {
        run_blueprint(&self.blueprint_id)
    }

    /// Which job a message body asks for, in the words of log lines; a message that is no job goes by its queue.
    pub fn described(body: &[u8], queue: &str) -> String {
        match Self::parse(body) {
            Ok(Self { run_id, node_id, .. }) => {
                format!("Run '{run_id}', node '{}': its message on '{queue}'", shown(&node_id))
            }
            Err(_) => format!("A message on '{queue}'"),
        }
    }

    /// The body as it arrived, if the message arrived; else its own.
    pub fn as_delivered(&self) -> Vec<u8> {
        self.original.as_ref().map_or_else(|| self.to_body(), |original| original.to_vec())
    }

    /// The message body.
    pub fn to_body(&self) -> Vec<u8> {
        let body = serde_json::to_vec(self).unwrap_or_default();
        self.original.as_ref().and_then(|original| overlaid(original, &body)).unwrap_or(body)
    }
}

/// The blueprint that a run follows, as a message or a queue's user names it.
pub fn run_blueprint(named: &str) -> &str {
    named.strip_prefix(INNER).unwrap_or(named)
}

/// The name of a run's blueprint in the message for a node. For a node inside a subflow it is one that no worker of an earlier
/// version has: such a worker puts the message back.
fn blueprint_in_message(blueprint: &str, node: &str) -> String {
    let own = run_blueprint(blueprint);
    match Inside::of(node) {
        Some(_) => format!("{INNER}{own}"),
        None => own.to_owned(),
    }
}

/// A message with the fields of another in place of its own of the same names.
fn overlaid(message: &[u8], with: &[u8]) -> Option<Vec<u8>> {
    type Fields = IndexMap<String, Box<RawValue>>;
    let mut fields: Fields = serde_json::from_slice(message).ok()?;
    let with: Fields = serde_json::from_slice(with).ok()?;
    fields.retain(|field, _| with.contains_key(field) || !OURS.contains(&field.as_str()));
    fields.extend(with);
    serde_json::to_vec(&fields).ok()
}

/// The fields that are removed when they have no value.
const OURS: [&str; 15] = [
    "isLastAttempt",
    "attempt",
    "notBefore",
    "wakes",
    "putBackSince",
    "busySince",
    "abandonedFor",
    "lacking",
    "repeated",
    "copy",
    "replayed",
    "untold",
    "ends",
    "at",
    "carried",
];

#[cfg(test)]
mod tests;
