//! An adapter's engine, as JavaScript holds it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::Serialize;

use super::broker::Broker;
use super::coordination::Store;
use super::database::Database;
use super::errors::{json, settings, to_js};
use super::function::JsThread;
use super::host::{HostFunctions, JsHost};
use super::runtime::{promise, runtime};
use super::settings::EngineSettings;
use crate::error::{Code, Error};
use crate::ids::NodeId;
use crate::memory::{MemoryServer, Process};
use crate::protocol::message::JobMessage;
use crate::record::to_raw;
use crate::worker::{self, Gate, Ports, SentEvent, Worker};
use crate::workflow::ledger::{Resume, RunStatus};

/// An event that a run is told of.
#[napi(object)]
pub struct EventToSend {
    pub name: String,
    /// JSON.
    pub payload: Option<String>,
    /// A run counts it once, however often it comes under one key.
    pub key: Option<String>,
}

#[napi]
pub struct Engine {
    pub(super) inner: worker::Engine,
    pub(super) host: Arc<JsHost>,
    thread: JsThread,
    worker: Mutex<Option<Worker>>,
    /// On memory, where it can die.
    mortal: Option<Mortal>,
}

/// An engine in memory, as if it were a process of its own.
struct Mortal {
    process: Arc<Process>,
    server: Arc<MemoryServer>,
    /// The name of its worker.
    name: String,
}

#[napi]
impl Engine {
    /// By its options as JSON; opens no connection.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        options: String,
        broker: &Broker,
        database: &Database,
        store: &Store,
        host: HostFunctions,
    ) -> napi::Result<Self> {
        let options: EngineSettings = settings(&env, &options)?;
        let thread = JsThread::of(&env)?;
        let host = Arc::new(JsHost::new(host, thread.clone()));
        let mortal = database.memory.clone().map(|server| Mortal {
            process: Arc::default(),
            server,
            name: options.worker().to_owned(),
        });
        let platform = database.platform.clone();
        let platform = match &mortal {
            Some(Mortal { process, .. }) => platform.of_process(process.clone()),
            None => platform,
        };
        let ports = Ports {
            platform,
            broker: broker.inner.clone(),
            record: database.inner.record(&options.tables()),
            store: store.inner.clone(),
            host: host.clone(),
        };
        let inner = worker::Engine::new(options.settings(), ports);
        inner.keep_throughput();
        Ok(Self { inner, host, thread, worker: Mutex::new(None), mortal })
    }

    /// Starts consuming; a second start does nothing.
    #[napi]
    pub fn start(&self) -> napi::Result<()> {
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if worker.is_none() {
            let _inside = runtime()?.enter();
            *worker = Some(Worker::start(&self.inner, self.thread.ended().clone()));
        }
        Ok(())
    }

    /// Stops consuming, waits up to so many milliseconds for nodes in flight, and closes what was opened.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn stop<'env>(&self, env: &'env Env, patience_ms: u32) -> napi::Result<Object<'env>> {
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        let engine = self.inner.clone();
        // Before this returns: what a node answers after the call does not go on here.
        worker.iter().for_each(Worker::take_no_more);
        promise(env, async move {
            if let Some(worker) = worker {
                worker.stop(Duration::from_millis(patience_ms.into())).await;
            }
            engine.close().await;
            Ok(())
        })
    }

    /// Ends the worker as a signal does that kills its process: nothing is settled, its connections break, its leases run out.
    /// Only in memory; elsewhere nothing happens.
    #[napi]
    pub fn kill(&self) {
        let Some(Mortal { process, server, name }) = &self.mortal else { return };
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        process.kill(|| server.run_out(name));
        self.inner.has_died();
        drop(worker);
    }

    /// Publishes a job (JSON), confirmed.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn enqueue<'env>(&self, env: &'env Env, job: String) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        let job = JobMessage::parse(job.as_bytes())
            .map_err(|error| to_js(env, &Error::new(Code::InvalidArgument, "Publishing", error)))?;
        promise(env, async move { engine.publish(job).await })
    }

    /// Whether the nodes of a subflow that begins now are to be jobs.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn opens_subflows<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        promise(env, async move { Ok(engine.opens_subflows().await) })
    }

    /// Whether nodes may start child runs now.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn starts_children<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        promise(env, async move { Ok(engine.starts_children().await) })
    }

    /// Publishes again what of a run is due and not being run.
    #[napi(ts_return_type = "Promise<string[]>")]
    pub fn reconcile<'env>(&self, env: &'env Env, run: String) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        promise(env, async move { engine.reconcile(&run).await.map(names) })
    }

    /// Lets paused nodes go on, with an output as JSON. `span` is the `traceparent` that this belongs to; likewise below.
    #[napi(ts_return_type = "Promise<string[]>")]
    pub fn resume<'env>(
        &self,
        env: &'env Env,
        run: String,
        node: Option<String>,
        action: Option<String>,
        output: Option<String>,
        span: Option<String>,
    ) -> napi::Result<Object<'env>> {
        let engine = self.inner.within(span);
        let with = Resume { action, output: output.map(|text| json(env, text)).transpose()? };
        promise(env, async move { engine.resume(&run, node.as_deref(), &with).await.map(names) })
    }

    /// Tells a run of an event; `node` where it is meant for one only.
    #[napi(ts_return_type = "Promise<string[]>")]
    pub fn send_event<'env>(
        &self,
        env: &'env Env,
        run: String,
        event: EventToSend,
        node: Option<String>,
        span: Option<String>,
    ) -> napi::Result<Object<'env>> {
        let engine = self.inner.within(span);
        let EventToSend { name, payload, key } = event;
        let event = SentEvent { name, payload: payload.map(|text| json(env, text)).transpose()?, key };
        promise(env, async move { engine.send_event(&run, &event, node.as_deref()).await.map(names) })
    }

    /// Ends a run; whether it was still going on.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn cancel<'env>(&self, env: &'env Env, run: String, reason: String) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        promise(env, async move { engine.cancel(&run, &reason).await })
    }

    /// Starts a failed run again from the nodes that failed.
    #[napi(ts_return_type = "Promise<string[]>")]
    pub fn retry<'env>(
        &self,
        env: &'env Env,
        run: String,
        span: Option<String>,
    ) -> napi::Result<Object<'env>> {
        let engine = self.inner.within(span);
        promise(env, async move { engine.retry(&run).await.map(names) })
    }

    /// The event loop turned.
    #[napi]
    pub fn beat(&self) {
        self.inner.beat();
    }

    /// How the worker is: JSON.
    #[napi]
    pub fn health(&self, env: &Env) -> napi::Result<String> {
        text(env, &self.inner.health())
    }

    /// Counts and measures from now on, telling so many blueprints apart; with `samples`, single measurements are kept too.
    #[napi]
    pub fn measure(&self, blueprints: u32, samples: bool) {
        self.inner.measure(blueprints as usize, samples);
    }

    /// What was counted and measured since then: JSON.
    #[napi]
    pub fn readings(&self, env: &Env) -> napi::Result<String> {
        text(env, &self.inner.readings())
    }

    /// The single measurements since they were last taken: a JSON array.
    #[napi]
    pub fn take_samples(&self, env: &Env) -> napi::Result<String> {
        text(env, &self.inner.take_samples())
    }

    /// The workers of this fleet that are alive: a JSON array.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn workers<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        promise(env, async move {
            let workers = engine.workers().await?;
            to_raw(&workers).map(|json| json.get().to_owned())
        })
    }

    /// Whether every worker of these queues can do something. Known to a started worker, a few heartbeats after it was
    /// first asked for.
    #[napi]
    pub fn is_gate_open(&self, capability: String, queues: Vec<String>) -> bool {
        self.inner.is_open(Gate { capability: &capability, queues: &queues })
    }

    /// Stores a run's end and its result (JSON) in the status table.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn write_result<'env>(
        &self,
        env: &'env Env,
        run: String,
        status: String,
        result: String,
    ) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        let result = json(env, result)?;
        let status = match status.as_str() {
            "completed" => RunStatus::Completed,
            "cancelled" => RunStatus::Cancelled,
            _ => RunStatus::Failed,
        };
        promise(env, async move { engine.write_result(&run, status, &result).await })
    }
}

/// What JavaScript reads as JSON.
fn text(env: &Env, value: &impl Serialize) -> napi::Result<String> {
    to_raw(value).map(|json| json.get().to_owned()).map_err(|error| to_js(env, &error))
}

/// Nodes as JavaScript hears of them.
fn names(nodes: BTreeSet<NodeId>) -> Vec<String> {
    nodes.iter().map(NodeId::to_string).collect()
}
