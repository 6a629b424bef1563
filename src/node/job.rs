//! A job, as JavaScript sees it: what it has to know of the run, and the one answer it gives.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use napi_derive::napi;
use tokio::sync::oneshot;

use super::errors::json;
use crate::clock;
use crate::context::{Patch, RESERVED_KEY};
use crate::ledger::{Arrival, DynamicNode, Pause};
use crate::worker::host::{Answer, Call, Outcome, Taken};

/// One node to run. Values of the context are read on demand, as JSON text.
#[napi]
pub struct Job {
    id: u32,
    call: Call,
    /// Dropped unanswered, it tells the engine that JavaScript forgot the job.
    reply: Mutex<Option<oneshot::Sender<Answer>>>,
}

/// What a paused node is resumed with.
#[napi(object)]
pub struct JobResume {
    pub action: Option<String>,
    /// JSON; absent for the output it had.
    pub output: Option<String>,
}

/// JavaScript's answer.
#[napi(object)]
pub struct JobAnswer {
    /// `finished`, `failed`, `retry` or `paused`.
    pub outcome: String,
    /// JSON; absent for no output.
    pub output: Option<String>,
    pub action: Option<String>,
    pub taken: Option<Vec<JobEdge>>,
    pub added: Option<Vec<JobNode>>,
    /// Why it failed.
    pub message: Option<String>,
    /// Whether its fallback may take over.
    pub recoverable: Option<bool>,
    /// What it waits for; JSON.
    pub details: Option<String>,
    /// The event it waits for.
    pub event: Option<String>,
    /// The moment it waits for, in milliseconds since 1970.
    pub until: Option<f64>,
    /// The scatterer a gatherer sends for its next chunk.
    pub again: Option<String>,
    /// Milliseconds before the next attempt.
    pub retry_after: Option<f64>,
    /// Context keys it set.
    pub sets: Vec<JobWrite>,
    /// Context keys it removed.
    pub deletes: Vec<String>,
}

/// An edge that follows from the result.
#[napi(object)]
pub struct JobEdge {
    pub source: String,
    pub target: String,
    /// The edge's transform decides the input, before the definition's `inputs`.
    pub fed: bool,
    /// JSON; absent for no input.
    pub input: Option<String>,
}

/// A node the result adds to the run.
#[napi(object)]
pub struct JobNode {
    pub id: String,
    /// JSON.
    pub definition: String,
    pub gather: Option<String>,
}

/// A context key and its new value. Pairs, not an object: `__proto__` is a key like any other.
#[napi(object)]
pub struct JobWrite {
    pub key: String,
    /// JSON.
    pub value: String,
}

impl Job {
    pub(super) fn new(id: u32, call: Call, reply: oneshot::Sender<Answer>) -> Self {
        Self { id, call, reply: Mutex::new(Some(reply)) }
    }
}

#[napi]
impl Job {
    #[napi(getter)]
    pub fn id(&self) -> u32 {
        self.id
    }

    #[napi(getter)]
    pub fn run_id(&self) -> &str {
        &self.call.job.run_id
    }

    #[napi(getter)]
    pub fn blueprint_id(&self) -> &str {
        &self.call.job.blueprint_id
    }

    #[napi(getter)]
    pub fn node_id(&self) -> &str {
        &self.call.job.node_id
    }

    /// What the message says; absent when it says nothing.
    #[napi(getter)]
    pub fn is_last_attempt(&self) -> Option<bool> {
        self.call.job.is_last_attempt
    }

    #[napi(getter)]
    pub fn attempt(&self) -> u32 {
        self.call.attempt
    }

    #[napi(getter)]
    pub fn fed(&self) -> bool {
        self.call.fed
    }

    #[napi(getter)]
    pub fn beside_strangers(&self) -> bool {
        self.call.beside_strangers
    }

    #[napi(getter)]
    pub fn resumed(&self) -> Option<JobResume> {
        let resume = self.call.resumed.as_ref()?;
        let output = resume.output.as_ref().map(|raw| raw.get().to_owned());
        Some(JobResume { action: resume.action.clone(), output })
    }

    /// Definitions of the nodes added to the run; JSON each.
    #[napi(getter)]
    pub fn added(&self) -> Vec<&str> {
        self.call.added.iter().map(|raw| raw.get()).collect()
    }

    /// The value of a context key; JSON.
    #[napi]
    pub fn get(&self, key: String) -> Option<&str> {
        self.call.document.values.get(&key).map(|raw| raw.get())
    }

    #[napi]
    pub fn has(&self, key: String) -> bool {
        self.call.document.values.contains_key(&key)
    }

    #[napi]
    pub fn keys(&self) -> Vec<&str> {
        self.call.document.values.keys().map(String::as_str).collect()
    }

    /// Answers the job. Only the first answer counts.
    #[napi]
    pub fn settle(&self, answer: JobAnswer) -> napi::Result<()> {
        let answer = answer.read()?;
        let reply = self.reply.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reply) = reply {
            // Nobody listens any more when the worker gave the job up.
            let _ = reply.send(answer);
        }
        Ok(())
    }
}

impl JobAnswer {
    fn read(self) -> napi::Result<Answer> {
        let mut patch = Patch::default();
        for write in self.sets.into_iter().filter(|write| write.key != RESERVED_KEY) {
            patch.set(write.key, json(write.value)?);
        }
        patch.deletes = self.deletes.into_iter().filter(|key| key != RESERVED_KEY).collect();
        let outcome = match self.outcome.as_str() {
            "finished" => Outcome::Finished {
                output: self.output.map(json).transpose()?,
                action: self.action,
                taken: self
                    .taken
                    .unwrap_or_default()
                    .into_iter()
                    .map(JobEdge::read)
                    .collect::<napi::Result<_>>()?,
                added: self
                    .added
                    .unwrap_or_default()
                    .into_iter()
                    .map(JobNode::read)
                    .collect::<napi::Result<_>>()?,
                again: self.again,
            },
            "failed" => Outcome::Failed {
                message: self.message.unwrap_or_default(),
                recoverable: self.recoverable.unwrap_or(true),
            },
            "retry" => Outcome::Retry { after: milliseconds(self.retry_after) },
            "paused" => Outcome::Paused {
                pause: Pause {
                    details: self.details.map(json).transpose()?,
                    event: self.event,
                    until: self.until.map(|moment| clock::milliseconds(milliseconds(Some(moment)))),
                },
                output: self.output.map(json).transpose()?,
            },
            other => return Err(napi::Error::from_reason(format!("Unknown outcome '{other}'"))),
        };
        Ok(Answer { outcome, patch })
    }
}

impl JobEdge {
    fn read(self) -> napi::Result<Taken> {
        let arrival = Arrival { source: self.source, target: self.target, fed: self.fed };
        Ok(Taken { arrival, input: self.input.map(json).transpose()? })
    }
}

impl JobNode {
    fn read(self) -> napi::Result<DynamicNode> {
        Ok(DynamicNode { id: self.id, definition: json(self.definition)?, gather: self.gather })
    }
}

/// JavaScript's milliseconds; nonsense is none.
fn milliseconds(number: Option<f64>) -> Duration {
    number.and_then(|number| Duration::try_from_secs_f64(number / 1000.0).ok()).unwrap_or_default()
}
