//! PostgreSQL or a memory, as JavaScript reaches it: a database, and the contexts of one table.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use napi::Env;
use napi::bindgen_prelude::{Object, Promise};
use napi_derive::napi;

use super::errors::{json, settings, to_js};
use super::function::{JsFunction, JsThread};
use super::memory;
use super::runtime::promise;
use crate::deadlines::{PunctualRecord, Timeouts};
use crate::error::{Code, Result};
use crate::memory::MemoryServer;
use crate::migrations::Target;
use crate::ports::platform::Platform;
use crate::ports::record::{self, Record, Tables};
use crate::postgres::{PasswordSource, Postgres, PostgresSettings};
use crate::record::{Patch, to_raw};
use crate::run_store::RunStore;

/// A pool of connections, or a memory.
#[napi]
pub struct Database {
    pub(super) inner: Arc<dyn record::Database>,
    /// The same where it is PostgreSQL.
    postgres: Option<Arc<Postgres>>,
    /// Has the clock that goes with it.
    pub(super) platform: Platform,
    /// The memory that it is, if it is one.
    pub(super) memory: Option<Arc<MemoryServer>>,
    /// How long a statement may take.
    limit: Duration,
}

#[napi]
impl Database {
    /// By its options as JSON, and a function for the password where it is not a constant.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        options: String,
        password: Option<JsFunction<(), Promise<String>>>,
    ) -> napi::Result<Self> {
        let options: PostgresSettings = settings(&env, &options)?;
        let thread = JsThread::of(&env)?;
        let password =
            password.map(|function| Arc::new(AskedPassword { function, thread }) as Arc<dyn PasswordSource>);
        let postgres = Postgres::new(&options, password).map_err(|error| to_js(&env, &error))?;
        let limit = options.statement_timeout.map_or(Timeouts::default().statement, Duration::from_millis);
        let postgres = Arc::new(postgres);
        let inner: Arc<dyn record::Database> = postgres.clone();
        Ok(Self { inner, postgres: Some(postgres), platform: Platform::default(), memory: None, limit })
    }

    /// The memory of that name.
    #[napi(factory)]
    pub fn memory(name: String) -> Self {
        let server = memory::server(&name);
        Self {
            inner: Arc::new(server.database(memory::CLIENT)),
            postgres: None,
            platform: memory::platform(&server),
            memory: Some(server),
            limit: Timeouts::default().statement,
        }
    }

    /// Takes on runs that are `running` and were not heard of for so many seconds, a batch of them in the order of
    /// their ids, after a given one. Of several who ask, each gets others.
    #[napi(ts_return_type = "Promise<string[]>")]
    pub fn claim_stalled<'env>(
        &self,
        env: &'env Env,
        status_table: String,
        threshold_seconds: f64,
        after: String,
        limit: u32,
    ) -> napi::Result<Object<'env>> {
        let record = self.inner.record(&Tables { contexts: None, statuses: Some(status_table) });
        let record = PunctualRecord::new(record, self.limit, None);
        promise(env, async move {
            let threshold = Duration::try_from_secs_f64(threshold_seconds).unwrap_or_default();
            record.claim_stale_page(threshold, &after, limit.into()).await
        })
    }

    /// Takes the steps to a target (JSON) on these tables, or says which: a JSON array of steps.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn migrate<'env>(
        &self,
        env: &'env Env,
        context_table: String,
        status_table: String,
        target: String,
    ) -> napi::Result<Object<'env>> {
        let tables = Tables { contexts: Some(context_table), statuses: Some(status_table) };
        let (record, target) = (self.inner.record(&tables), settings::<Target>(env, &target)?);
        promise(env, async move {
            let steps = record.migrate(target).await?;
            to_raw(&steps).map(|json| json.get().to_owned())
        })
    }

    /// Where every step stands: a JSON array.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn migrations<'env>(
        &self,
        env: &'env Env,
        context_table: String,
        status_table: String,
    ) -> napi::Result<Object<'env>> {
        let tables = Tables { contexts: Some(context_table), statuses: Some(status_table) };
        let record = self.inner.record(&tables);
        promise(env, async move {
            let steps = record.migrations().await?;
            to_raw(&steps).map(|json| json.get().to_owned())
        })
    }

    /// Whether both tables can be worked with, and what their user has to know of them: sentences.
    #[napi(ts_return_type = "Promise<string[]>")]
    pub fn check<'env>(
        &self,
        env: &'env Env,
        context_table: String,
        status_table: String,
    ) -> napi::Result<Object<'env>> {
        let tables = Tables { contexts: Some(context_table), statuses: Some(status_table) };
        let record = self.inner.record(&tables);
        promise(env, async move { record.check().await })
    }

    /// What PostgreSQL answers to a query, in which `$1` is an array of texts: a JSON array of objects; null for a memory.
    #[napi(ts_return_type = "Promise<string | null>")]
    pub fn ask<'env>(&self, env: &'env Env, query: String, texts: Vec<String>) -> napi::Result<Object<'env>> {
        let postgres = self.postgres.clone();
        promise(env, async move {
            let Some(postgres) = postgres else { return Ok(None) };
            postgres.ask(&query, &texts).await.map(Some)
        })
    }

    /// Whether a pooler stands before PostgreSQL; null before the first connection, and for a memory.
    #[napi(getter)]
    pub fn is_pooled(&self) -> Option<bool> {
        self.postgres.as_ref()?.is_pooled()
    }

    /// Closes the connections nobody is using.
    #[napi]
    pub fn let_go(&self) {
        self.inner.let_go();
    }
}

/// A context key and its new value. Pairs, not an object: `__proto__` is a key like any other.
#[napi(object)]
pub struct ContextWrite {
    pub key: String,
    /// JSON.
    pub value: String,
}

struct AskedPassword {
    function: JsFunction<(), Promise<String>>,
    thread: JsThread,
}

#[async_trait]
impl PasswordSource for AskedPassword {
    async fn password(&self) -> Result<String> {
        const ASKING: (&str, Code) = ("Asking for the PostgreSQL password", Code::DatabaseRefused);
        self.thread.ask(ASKING, &self.function, ()).await
    }
}

/// A context table: what a `PostgresContext` reads and writes.
#[napi]
pub struct ContextTable {
    run_store: RunStore,
}

#[napi]
impl ContextTable {
    #[napi(constructor)]
    pub fn new(database: &Database, table: String) -> Self {
        let record = database.inner.record(&Tables { contexts: Some(table), statuses: None });
        let record = Arc::new(PunctualRecord::new(record, database.limit, None));
        Self { run_store: RunStore::new(record, database.platform.clone()) }
    }

    /// The value of a key as JSON; null when it is absent.
    #[napi(ts_return_type = "Promise<string | null>")]
    pub fn get<'env>(&self, env: &'env Env, run: String, key: String) -> napi::Result<Object<'env>> {
        let run_store = self.run_store.clone();
        promise(env, async move { run_store.get(&run, &key).await })
    }

    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn has<'env>(&self, env: &'env Env, run: String, key: String) -> napi::Result<Object<'env>> {
        let run_store = self.run_store.clone();
        promise(env, async move { run_store.has(&run, &key).await })
    }

    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn delete<'env>(&self, env: &'env Env, run: String, key: String) -> napi::Result<Object<'env>> {
        let run_store = self.run_store.clone();
        promise(env, async move { run_store.delete(&run, &key).await })
    }

    /// The whole document as JSON, without the engine's bookkeeping.
    #[napi(js_name = "toJSON", ts_return_type = "Promise<string>")]
    pub fn to_json<'env>(&self, env: &'env Env, run: String) -> napi::Result<Object<'env>> {
        let run_store = self.run_store.clone();
        promise(env, async move { run_store.visible(&run).await.map(|raw| raw.get().to_owned()) })
    }

    /// Sets and removes keys in one statement; creates the row when there is none.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn patch<'env>(
        &self,
        env: &'env Env,
        run: String,
        sets: Vec<ContextWrite>,
        deletes: Vec<String>,
    ) -> napi::Result<Object<'env>> {
        let mut patch = Patch { deletes, ..Patch::default() };
        for write in sets {
            patch.set(write.key, json(env, write.value)?);
        }
        let run_store = self.run_store.clone();
        promise(env, async move { run_store.patch(&run, &patch).await })
    }
}
