//! User code behind the engine's [`Host`]: a message for each job, and an answer.

use std::collections::BTreeMap;

use async_trait::async_trait;
use napi::bindgen_prelude::{FnArgs, Promise};
use napi_derive::napi;
use serde::Deserialize;
use serde_json::json;

use super::errors::{from_js, gone};
use super::function::{JsFunction, JsThread};
use super::job::{OpenJobs, Opened};
use super::milestones::milestones_json;
use super::notices::notice_json;
use super::outbox::Outbox;
use crate::error::{Code, Error, Result};
use crate::json::Json;
use crate::ports::host::{BlueprintRevision, Call, Described, Host, Notice, Reply};
use crate::record::Milestones;
use crate::workflow::blueprint::Description;
use crate::workflow::ledger::RunStatus;

/// Run, status, reason, context.
type FinalResultArguments = FnArgs<(String, String, String, String)>;

/// Run, blueprint, milestones as JSON.
type MilestonesArguments = FnArgs<(String, String, String)>;

/// What JavaScript gives an engine to call.
#[napi(object, object_to_js = false)]
pub struct HostFunctions {
    /// The description of a blueprint as JSON; null for none. Throws when it cannot be run.
    pub describe: JsFunction<String, Option<String>>,
    /// The revision of a blueprint; null for none. Throws when it cannot be run.
    pub revision: JsFunction<String, Option<String>>,
    /// The blueprints that can be run, each with its revision: a JSON object.
    pub blueprints: JsFunction<(), String>,
    /// Messages wait: a JSON array of them is to be had from [`Engine::fetch`](super::engine::Engine::fetch).
    pub wake: JsFunction<(), ()>,
    /// Whether somebody listens to events.
    pub has_event_bus: bool,
    /// Whether somebody collects traces.
    pub traces: Option<bool>,
    /// Tells of a run as a whole: run, blueprint, milestones as JSON. Resolves once that is heard. Absent where nobody listens.
    pub tell: Option<JsFunction<MilestonesArguments, Promise<()>>>,
    /// Publishes a run's result: run, status, reason, context as JSON.
    pub publish_result: JsFunction<FinalResultArguments, Promise<()>>,
    /// Whether results go through `publishResult`.
    pub publishes_results: bool,
}

/// JavaScript, as the engine calls it.
pub struct JsHost {
    thread: JsThread,
    describe: JsFunction<String, Option<String>>,
    revision: JsFunction<String, Option<String>>,
    blueprints: JsFunction<(), String>,
    tell: Option<JsFunction<MilestonesArguments, Promise<()>>>,
    publish_result: JsFunction<FinalResultArguments, Promise<()>>,
    publishes_results: bool,
    has_event_bus: bool,
    traces: bool,
    /// What JavaScript is running.
    pub jobs: OpenJobs,
    /// What it has yet to hear.
    pub outbox: Outbox,
}

impl JsHost {
    pub fn new(functions: HostFunctions, thread: JsThread) -> Self {
        let HostFunctions {
            describe,
            revision,
            blueprints,
            wake,
            has_event_bus,
            traces,
            tell,
            publish_result,
            publishes_results,
        } = functions;
        let (jobs, outbox) = (OpenJobs::default(), Outbox::new(wake));
        Self {
            thread,
            describe,
            revision,
            blueprints,
            tell,
            publish_result,
            publishes_results,
            has_event_bus,
            traces: traces.unwrap_or_default(),
            jobs,
            outbox,
        }
    }
}

const READING: &str = "Reading the blueprint";

/// What `describe` answers with.
#[derive(Deserialize)]
struct DescribedText {
    revision: String,
    #[serde(flatten)]
    description: Description,
}

/// Why JavaScript refuses to describe a blueprint. An exception without a message is no refusal: the thread is being terminated,
/// and the blueprint may be sound.
#[expect(clippy::needless_pass_by_value, reason = "the shape map_err asks for")]
fn unusable(error: napi::Error) -> Error {
    if error.reason.is_empty() {
        return gone(READING);
    }
    from_js(READING, Code::BlueprintInvalid, &error)
}

#[async_trait]
impl Host for JsHost {
    async fn blueprint(&self, id: &str) -> Result<Option<Described>> {
        let described = self.thread.call(&self.describe, id.to_owned()).await.map_err(unusable)?;
        let parse = |text: String| {
            let described: DescribedText = serde_json::from_str(&text).map_err(|error| {
                Error::new(
                    Code::BlueprintInvalid,
                    READING,
                    format!("the blueprint '{id}' is malformed: {error}"),
                )
            })?;
            Ok(Described { revision: described.revision.as_str().into(), description: described.description })
        };
        described.map(parse).transpose()
    }

    async fn revision(&self, id: &str) -> Result<Option<BlueprintRevision>> {
        let revision = self.thread.call(&self.revision, id.to_owned()).await.map_err(unusable)?;
        Ok(revision.map(|revision| revision.as_str().into()))
    }

    async fn blueprints(&self) -> Result<BTreeMap<String, String>> {
        let text = self.thread.call(&self.blueprints, ()).await.map_err(|_| gone(READING))?;
        serde_json::from_str(&text).map_err(|error| Error::new(Code::Internal, READING, error))
    }

    async fn execute(&self, call: Call) -> Result<Reply> {
        const OPERATION: &str = "Running the node";
        let cancelled = call.cancelled.clone();
        let (run, node) = (call.job.run_id.clone(), call.job.node_id.clone());
        let Opened { number, message, mut answer } = self.jobs.open(call)?;
        if !self.outbox.put(&message) {
            self.jobs.close(number);
            return Err(gone(OPERATION).of_run(&run).of_node(&node));
        }
        let answered = async {
            tokio::select! {
                answered = &mut answer => return answered.ok(),
                () = cancelled.cancelled() => self.outbox.put(&json!({ "abort": number }).to_string()),
            };
            answer.await.ok()
        };
        let answered = tokio::select! {
            biased;
            answered = answered => answered,
            () = self.thread.ended().cancelled() => {
                self.jobs.close(number);
                None
            }
        };
        answered.ok_or_else(|| gone(OPERATION).of_run(&run).of_node(&node))
    }

    fn publishes_results(&self) -> bool {
        self.publishes_results
    }

    async fn publish_result(&self, run: &str, status: RunStatus, reason: &str, context: &Json) -> Result<()> {
        const OPERATION: &str = "publishFinalResult";
        let arguments =
            (run.to_owned(), status.as_str().to_owned(), reason.to_owned(), context.get().to_owned()).into();
        let asked = self.thread.ask((OPERATION, Code::ResultNotPublished), &self.publish_result, arguments);
        asked.await.map_err(|error| error.of_run(run))
    }

    fn listens(&self) -> bool {
        self.has_event_bus
    }

    fn traces(&self) -> bool {
        self.traces
    }

    async fn tell_of(&self, run: &str, Milestones { blueprint, all }: Milestones) -> Result<()> {
        const OPERATION: &str = "Telling of the run";
        let Some(tell) = &self.tell else { return Ok(()) };
        let milestones = serde_json::Value::from(milestones_json(run, &all)).to_string();
        let arguments = (run.to_owned(), blueprint, milestones).into();
        let asked = self.thread.ask((OPERATION, Code::Internal), tell, arguments);
        asked.await.map_err(|error| error.of_run(run))
    }

    fn notify(&self, notice: Notice) {
        self.outbox.put(&notice_json(notice).to_string());
    }
}
