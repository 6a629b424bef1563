//! User code behind the engine's [`Host`]: one crossing a job, through threadsafe functions.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use napi::Status;
use napi::bindgen_prelude::{FnArgs, Promise};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode::NonBlocking};
use napi_derive::napi;
use serde_json::json;
use tokio::sync::oneshot;

use super::errors::{from_js, gone};
use super::job::Job;
use crate::blueprint::Description;
use crate::error::{Error, Kind, Result};
use crate::json::Json;
use crate::ledger::RunStatus;
use crate::worker::host::{Answer, Call, Host, Level, Notice};

/// A function of JavaScript that does not keep the process alive, and whose exceptions are answers.
pub type JsFunction<Arguments, Return> =
    ThreadsafeFunction<Arguments, Return, Arguments, Status, false, true>;

/// Calls a function of JavaScript that answers with a promise, and waits for what it promised.
macro_rules! ask {
    ($operation:expr, $function:expr, $arguments:expr) => {{
        let failed = |error: napi::Error| $crate::node::errors::from_js($operation, &error);
        match $function.call_async_catch($arguments).await {
            Ok(promise) => promise.await.map_err(failed),
            Err(error) => Err(failed(error)),
        }
    }};
}
pub(super) use ask;

/// Run, status, reason, context.
type FinalResult = FnArgs<(String, String, String, String)>;

/// What JavaScript gives an engine to call.
#[napi(object, object_to_js = false)]
pub struct HostFunctions {
    /// The description of a blueprint as JSON; null for none. Throws when it can not be run.
    pub describe: JsFunction<String, Option<String>>,
    /// Runs a job; answers through it.
    pub execute: JsFunction<Job, ()>,
    /// A job, by its number, is to stop.
    pub abort: JsFunction<u32, ()>,
    /// Publishes a run's result: run, status, reason, context as JSON.
    pub publish_result: JsFunction<FinalResult, Promise<()>>,
    /// Whether results go through `publishResult`.
    pub publishes_results: bool,
    /// An event or a line for the logger, as JSON.
    pub notify: JsFunction<String, ()>,
}

/// JavaScript, as the engine calls it.
pub struct JsHost {
    functions: HostFunctions,
    next_job: AtomicU32,
}

impl JsHost {
    pub fn new(functions: HostFunctions) -> Self {
        Self { functions, next_job: AtomicU32::new(1) }
    }
}

#[async_trait]
impl Host for JsHost {
    async fn blueprint(&self, id: &str) -> Result<Option<Description>> {
        const OPERATION: &str = "Reading the blueprint";
        let described = self.functions.describe.call_async_catch(id.to_owned()).await.map_err(|error| {
            let error = from_js(OPERATION, &error);
            if error.kind == Kind::Stopping { error } else { Error { kind: Kind::Setup, ..error } }
        })?;
        let parse = |text: String| {
            serde_json::from_str(&text).map_err(|error| {
                Error::setup(OPERATION, format!("the blueprint '{id}' is malformed: {error}"))
            })
        };
        described.map(parse).transpose()
    }

    async fn execute(&self, call: Call) -> Result<Answer> {
        const OPERATION: &str = "Running the node";
        let id = self.next_job.fetch_add(1, Ordering::Relaxed);
        let cancelled = call.cancelled.clone();
        let (reply, mut answer) = oneshot::channel();
        let (run, node) = (call.job.run_id.clone(), call.job.node_id.clone());
        if self.functions.execute.call(Job::new(id, call, reply), NonBlocking) != Status::Ok {
            return Err(gone(OPERATION).of_run(&run).of_node(&node));
        }
        let answered = tokio::select! {
            answered = &mut answer => answered,
            () = cancelled.cancelled() => {
                self.functions.abort.call(id, NonBlocking);
                answer.await
            }
        };
        answered.map_err(|_| gone(OPERATION).of_run(&run).of_node(&node))
    }

    fn publishes_results(&self) -> bool {
        self.functions.publishes_results
    }

    async fn publish_result(&self, run: &str, status: RunStatus, reason: &str, context: &Json) -> Result<()> {
        const OPERATION: &str = "publishFinalResult";
        let arguments =
            (run.to_owned(), status.as_str().to_owned(), reason.to_owned(), context.get().to_owned()).into();
        let answer: Result<()> = ask!(OPERATION, self.functions.publish_result, arguments);
        answer.map_err(|error| error.of_run(run))
    }

    fn notify(&self, notice: Notice) {
        let notice = match notice {
            Notice::Enqueued { job, queue } => json!({
                "event": "job:enqueued",
                "payload": { "runId": job.run_id, "blueprintId": job.blueprint_id, "nodeId": job.node_id, "queueName": queue },
            }),
            Notice::Processed { job, duration, success } => json!({
                "event": "job:processed",
                "payload": {
                    "runId": job.run_id, "blueprintId": job.blueprint_id, "nodeId": job.node_id,
                    "duration": duration, "success": success,
                },
            }),
            Notice::Deaf { message } => json!({ "deaf": message }),
            Notice::Log { level, message } => json!({ "level": level_name(level), "message": message }),
        };
        self.functions.notify.call(notice.to_string(), NonBlocking);
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}
