//! What of a memory crosses to JavaScript: its tables, runs, queues and messages, as objects.

use std::collections::HashMap;

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use crate::memory::{Load, LostRun, MessageView, QueueView, RunRow};
use crate::ports::record::Tables;

/// The tables of runs.
#[napi(object, object_to_js = false)]
pub struct MemoryTables {
    pub contexts: String,
    pub statuses: String,
}

/// What the tables say of a run.
#[napi(object, object_from_js = false)]
pub struct MemoryRun {
    /// JSON: the context as it is at the moment, without the engine's bookkeeping; absent where there is no row.
    pub context: Option<String>,
    /// JSON: the bookkeeping as it stands in the row.
    pub bookkeeping: Option<String>,
    /// Absent where there is no row.
    pub status: Option<String>,
    /// JSON: the final payload.
    pub result: Option<String>,
    /// Milliseconds since 1970, with fractions.
    pub updated_at: Option<f64>,
}

/// A run that goes on although no message of it is anywhere.
#[napi(object, object_from_js = false)]
pub struct MemoryLostRun {
    pub run_id: String,
    /// Milliseconds since 1970, with fractions.
    pub updated_at: f64,
}

/// A schedule that somebody has to look at.
#[napi(object, object_from_js = false)]
pub struct MemoryScheduled {
    pub schedule_id: String,
    /// When: milliseconds since 1970.
    pub due_at: f64,
}

/// What is in a queue.
#[napi(object, object_from_js = false)]
pub struct MemoryQueue {
    /// What is ready, in its order.
    pub ready: Vec<MemoryMessage>,
    /// What was delivered and is not settled.
    pub held: Vec<MemoryMessage>,
}

/// How much the broker has in hand.
#[napi(object, object_from_js = false)]
pub struct MemoryLoad {
    /// Messages that were delivered, from any queue, and are not settled.
    pub held: u32,
    /// Messages that wait in the queues that were asked for.
    pub ready: u32,
}

impl From<Load> for MemoryLoad {
    fn from(Load { held, ready }: Load) -> Self {
        let count = |messages| u32::try_from(messages).unwrap_or(u32::MAX);
        Self { held: count(held), ready: count(ready) }
    }
}

/// A message in a queue.
#[napi(object, object_from_js = false)]
pub struct MemoryMessage {
    pub body: Buffer,
    pub headers: HashMap<String, String>,
    pub priority: Option<u8>,
    pub redelivered: bool,
}

impl From<MemoryTables> for Tables {
    fn from(MemoryTables { contexts, statuses }: MemoryTables) -> Self {
        Self { contexts: Some(contexts), statuses: Some(statuses) }
    }
}

impl From<RunRow> for MemoryRun {
    #[allow(clippy::cast_precision_loss, reason = "microseconds since 1970 are below 2^53")]
    fn from(RunRow { context, bookkeeping, status, result, updated_at }: RunRow) -> Self {
        let text = |json: crate::json::Json| json.get().to_owned();
        Self {
            context,
            bookkeeping: bookkeeping.map(text),
            status,
            result: result.map(text),
            updated_at: updated_at.map(|micros| micros as f64 / 1000.0),
        }
    }
}

impl From<QueueView> for MemoryQueue {
    fn from(QueueView { ready, held }: QueueView) -> Self {
        let messages = |views: Vec<MessageView>| views.into_iter().map(MemoryMessage::from).collect();
        Self { ready: messages(ready), held: messages(held) }
    }
}

impl From<MessageView> for MemoryMessage {
    fn from(MessageView { body, headers, priority, redelivered, .. }: MessageView) -> Self {
        Self { body: body.into(), headers: headers.into_iter().collect(), priority, redelivered }
    }
}

impl From<LostRun> for MemoryLostRun {
    #[allow(clippy::cast_precision_loss, reason = "microseconds since 1970 are below 2^53")]
    fn from(LostRun { run, updated_at }: LostRun) -> Self {
        Self { run_id: run, updated_at: updated_at as f64 / 1000.0 }
    }
}
