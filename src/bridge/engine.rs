//! An adapter's engine, as JavaScript holds it.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use super::broker::Broker;
use super::database::Database;
use super::errors::{json, to_js};
use super::host::{HostFunctions, JsHost};
use super::runtime::{promise, runtime};
use super::store::Store;
use crate::context::{ContextStore, StatusTable, TableName};
use crate::error::Error;
use crate::ids::NodeId;
use crate::ports::platform::Platform;
use crate::protocol::message::JobMessage;
use crate::worker::{self, Ports, Queues, Settings, WithoutLeases, Worker};
use crate::workflow::ledger::{Resume, RunStatus};

/// What the user chose.
#[napi(object)]
pub struct EngineOptions {
    pub queue: String,
    /// Blueprints whose jobs travel through a queue of their own.
    pub queues: Vec<BlueprintQueue>,
    /// The queues a started worker consumes; all of them where none are named.
    pub consume: Option<Vec<String>>,
    pub context_table: String,
    pub status_table: String,
    pub concurrency: u16,
    pub lease_seconds: u32,
    /// Milliseconds.
    pub version_timeout: u32,
    /// Milliseconds.
    pub blueprint_timeout: u32,
    /// Milliseconds; 0 for never.
    pub repair_interval: u32,
    /// While Redis is out of reach: wait rather than go on without leases.
    pub wait_for_leases: bool,
    /// Milliseconds.
    pub event_loop_timeout: u32,
    /// This worker's name, unique in the fleet.
    pub worker: String,
}

/// A blueprint and the queue that its jobs travel through.
#[napi(object)]
pub struct BlueprintQueue {
    pub blueprint: String,
    pub queue: String,
}

/// A message that could not be processed.
#[napi(object)]
pub struct DeadLetter {
    /// The queue it was in before.
    pub queue: String,
    pub id: Option<String>,
    pub reason: Option<String>,
    /// ISO 8601.
    pub time: Option<String>,
    pub worker: Option<String>,
    /// As text; what is not UTF-8 is replaced.
    pub body: String,
    pub run_id: Option<String>,
    pub blueprint_id: Option<String>,
    pub node_id: Option<String>,
}

impl From<worker::DeadLetter> for DeadLetter {
    fn from(letter: worker::DeadLetter) -> Self {
        let worker::DeadLetter { queue, id, reason, time, worker, body, job } = letter;
        let body = String::from_utf8_lossy(&body).into_owned();
        let (run_id, blueprint_id, node_id) = match job {
            Some(job) => (Some(job.run_id), Some(job.blueprint_id), Some(job.node_id.to_string())),
            None => (None, None, None),
        };
        Self { queue, id, reason, time, worker, body, run_id, blueprint_id, node_id }
    }
}

#[napi]
pub struct Engine {
    inner: worker::Engine,
    host: Arc<JsHost>,
    worker: Mutex<Option<Worker>>,
}

#[napi]
impl Engine {
    /// Opens no connection.
    #[napi(constructor)]
    pub fn new(
        options: EngineOptions,
        broker: &Broker,
        database: &Database,
        store: &Store,
        host: HostFunctions,
    ) -> Self {
        let by_blueprint = options.queues.into_iter().map(|each| (each.blueprint, each.queue)).collect();
        let settings = Settings {
            queues: Queues::new(options.queue, by_blueprint, options.consume),
            concurrency: options.concurrency.max(1),
            lease_seconds: options.lease_seconds.max(1).into(),
            version_timeout: Duration::from_millis(options.version_timeout.into()),
            blueprint_timeout: Duration::from_millis(options.blueprint_timeout.into()),
            recovery_interval: Duration::from_millis(options.repair_interval.into()),
            without_leases: match options.wait_for_leases {
                true => WithoutLeases::Wait,
                false => WithoutLeases::Continue,
            },
            event_loop_timeout: Duration::from_millis(options.event_loop_timeout.into()),
            worker: options.worker,
        };
        let host = Arc::new(JsHost::new(host));
        let platform = Platform::default();
        let contexts = TableName::parse(&options.context_table);
        let ports = Ports {
            broker: broker.inner.clone(),
            contexts: ContextStore::new(database.inner.clone(), contexts, platform.clone()),
            statuses: StatusTable::new(TableName::parse(&options.status_table)),
            store: store.inner.clone(),
            host: host.clone(),
            platform,
        };
        Self { inner: worker::Engine::new(settings, ports), host, worker: Mutex::new(None) }
    }

    /// Starts consuming; a second start does nothing.
    #[napi]
    pub fn start(&self, env: Env) -> napi::Result<()> {
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if worker.is_none() {
            let _inside = runtime()?.enter();
            let started = Worker::start(&self.inner);
            // A worker thread may end without a stop(); the engine's own threads would go on without it.
            env.add_env_cleanup_hook(started.shutdown(), |shutdown| shutdown.now())?;
            *worker = Some(started);
        }
        Ok(())
    }

    /// Stops consuming, waits up to so many milliseconds for nodes in flight, and closes what was opened.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn stop<'env>(&self, env: &'env Env, patience_ms: u32) -> napi::Result<Object<'env>> {
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        let engine = self.inner.clone();
        promise(env, async move {
            if let Some(worker) = worker {
                worker.stop(Duration::from_millis(patience_ms.into())).await;
            }
            engine.close().await;
            Ok(())
        })
    }

    /// Publishes a job (JSON), confirmed.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn enqueue<'env>(&self, env: &'env Env, job: String) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        let job =
            JobMessage::parse(job.as_bytes()).map_err(|error| to_js(Error::setup("Publishing", error)))?;
        promise(env, async move { engine.publish(job).await })
    }

    /// Publishes again what of a run is due and not being run.
    #[napi(ts_return_type = "Promise<string[]>")]
    pub fn reconcile<'env>(&self, env: &'env Env, run: String) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        promise(env, async move { engine.reconcile(&run).await.map(names) })
    }

    /// Lets paused nodes go on, with an output as JSON.
    #[napi(ts_return_type = "Promise<string[]>")]
    pub fn resume<'env>(
        &self,
        env: &'env Env,
        run: String,
        node: Option<String>,
        action: Option<String>,
        output: Option<String>,
    ) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        let with = Resume { action, output: output.map(json).transpose()? };
        promise(env, async move { engine.resume(&run, node.as_deref(), &with).await.map(names) })
    }

    /// Tells a run of an event, with a payload as JSON; `node` where it is meant for one only.
    #[napi(ts_return_type = "Promise<string[]>")]
    pub fn send_event<'env>(
        &self,
        env: &'env Env,
        run: String,
        name: String,
        payload: Option<String>,
        node: Option<String>,
    ) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        let payload = payload.map(json).transpose()?;
        promise(env, async move { engine.send_event(&run, &name, payload, node.as_deref()).await.map(names) })
    }

    /// Ends a run; whether it was still going on.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn cancel<'env>(&self, env: &'env Env, run: String, reason: String) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        promise(env, async move { engine.cancel(&run, &reason).await })
    }

    /// Starts a failed run again from the nodes that failed.
    #[napi(ts_return_type = "Promise<string[]>")]
    pub fn retry<'env>(&self, env: &'env Env, run: String) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        promise(env, async move { engine.retry(&run).await.map(names) })
    }

    /// The letters that wait: a JSON array.
    #[napi]
    pub fn fetch(&self) -> String {
        self.host.mailbox.fetch()
    }

    /// Answers jobs: a line each, with the job's number and its answer as JSON. Only a job's first answer counts.
    #[napi]
    pub fn answer(&self, lines: String) -> napi::Result<()> {
        let host = self.host.clone();
        // Read on the engine's threads: JavaScript's has more to do.
        runtime()?.spawn(async move { host.jobs.answer(&lines) });
        Ok(())
    }

    /// The value of a key of a job's context as JSON; null when it is absent. Like those below until it is answered.
    #[napi]
    pub fn value(&self, job: u32, key: String) -> Option<String> {
        self.host.jobs.value(job, &key)
    }

    #[napi]
    pub fn has(&self, job: u32, key: String) -> bool {
        self.host.jobs.has(job, &key)
    }

    #[napi]
    pub fn keys(&self, job: u32) -> Vec<String> {
        self.host.jobs.keys(job)
    }

    /// The event loop turned.
    #[napi]
    pub fn beat(&self) {
        self.inner.beat();
    }

    /// The oldest dead letters.
    #[napi(ts_return_type = "Promise<DeadLetter[]>")]
    pub fn dead_letters<'env>(&self, env: &'env Env, limit: u32) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        promise(env, async move {
            let letters = engine.dead_letters(limit as usize).await?;
            Ok(letters.into_iter().map(DeadLetter::from).collect::<Vec<_>>())
        })
    }

    /// Puts dead letters back: those with these ids, or all. How many.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn replay<'env>(
        &self,
        env: &'env Env,
        ids: Option<Vec<String>>,
        limit: u32,
    ) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        let ids = ids.map(HashSet::from_iter);
        promise(env, async move {
            let replayed = engine.replay(ids.as_ref(), limit as usize).await?;
            Ok(u32::try_from(replayed).unwrap_or(u32::MAX))
        })
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
        let result = json(result)?;
        let status = match status.as_str() {
            "completed" => RunStatus::Completed,
            "cancelled" => RunStatus::Cancelled,
            _ => RunStatus::Failed,
        };
        promise(env, async move { engine.write_result(&run, status, &result).await })
    }
}

/// Nodes as JavaScript hears of them.
fn names(nodes: BTreeSet<NodeId>) -> Vec<String> {
    nodes.iter().map(NodeId::to_string).collect()
}
