//! Coordination stores: our own Redis, the user's object driven through JavaScript, or a memory.

use std::sync::Arc;

use async_trait::async_trait;
use napi::Env;
use napi::bindgen_prelude::{FnArgs, Object, Promise};
use napi_derive::napi;

use super::errors::{settings, to_js};
use super::function::{JsFunction, JsThread};
use super::memory;
use super::runtime::promise;
use crate::coalesced::Coalesced;
use crate::deadlines::{PunctualStore, Timeouts};
use crate::error::{Code, Result};
use crate::ports::absent::AbsentStore;
use crate::ports::coordination::CoordinationStore;
use crate::ports::platform::Platform;
use crate::redis::{RedisSettings, RedisStore};

/// A coordination store of any kind.
#[napi]
pub struct Store {
    pub(super) inner: Arc<dyn CoordinationStore>,
    /// As JavaScript asks it.
    own: Arc<PunctualStore>,
    /// The same where it is our own Redis.
    redis: Option<Arc<RedisStore>>,
}

impl Store {
    fn of(inner: Arc<dyn CoordinationStore>) -> Self {
        let own = Arc::new(PunctualStore::new(inner.clone(), Timeouts::default().lease));
        Self { inner, own, redis: None }
    }
}

/// The five operations of an `ICoordinationStore`.
#[napi(object, object_to_js = false)]
pub struct StoreFunctions {
    pub increment: JsFunction<FnArgs<(String, u32)>, Promise<i64>>,
    pub set_if_not_exist: JsFunction<FnArgs<(String, String, u32)>, Promise<bool>>,
    pub extend_ttl: JsFunction<FnArgs<(String, u32)>, Promise<bool>>,
    pub delete: JsFunction<String, Promise<()>>,
    pub get: JsFunction<String, Promise<Option<String>>>,
}

#[napi]
impl Store {
    /// Redis, by its options as JSON.
    #[napi(factory)]
    pub fn redis(env: Env, options: String) -> napi::Result<Self> {
        let options: RedisSettings = settings(&env, &options)?;
        let redis = Arc::new(RedisStore::new(&options).map_err(|error| to_js(&env, &error))?);
        let store = Self::of(Arc::new(Coalesced::new(redis.clone(), Platform::default())));
        Ok(Self { redis: Some(redis), ..store })
    }

    /// The memory of that name.
    #[napi(factory)]
    pub fn memory(name: String) -> Self {
        let server = memory::server(&name);
        let store = Arc::new(server.coordination(memory::CLIENT));
        Self::of(Arc::new(Coalesced::new(store, memory::platform(&server))))
    }

    /// None: for a client that works no jobs.
    #[napi(factory)]
    pub fn absent() -> Self {
        Self::of(Arc::new(AbsentStore))
    }

    /// The user's own object.
    #[napi(factory)]
    pub fn custom(env: Env, functions: StoreFunctions) -> napi::Result<Self> {
        let thread = JsThread::of(&env)?;
        Ok(Self::of(Arc::new(CustomStore { functions, thread })))
    }

    /// What Redis answers to a command, as JSON; null where it is none of ours.
    #[napi(ts_return_type = "Promise<string | null>")]
    pub fn ask<'env>(&self, env: &'env Env, words: Vec<String>) -> napi::Result<Object<'env>> {
        let redis = self.redis.clone();
        promise(env, async move {
            let Some(redis) = redis else { return Ok(None) };
            redis.ask(&words).await.map(|answer| Some(answer.to_string()))
        })
    }

    #[napi(ts_return_type = "Promise<number>")]
    pub fn increment<'env>(&self, env: &'env Env, key: String, ttl: u32) -> napi::Result<Object<'env>> {
        let store = self.own.clone();
        promise(env, async move { store.increment(&key, ttl.into()).await })
    }

    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn set_if_not_exist<'env>(
        &self,
        env: &'env Env,
        key: String,
        value: String,
        ttl: u32,
    ) -> napi::Result<Object<'env>> {
        let store = self.own.clone();
        promise(env, async move { store.set_if_not_exist(&key, &value, ttl.into()).await })
    }

    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn extend_ttl<'env>(&self, env: &'env Env, key: String, ttl: u32) -> napi::Result<Object<'env>> {
        let store = self.own.clone();
        promise(env, async move { store.extend_ttl(&key, ttl.into()).await })
    }

    #[napi(ts_return_type = "Promise<void>")]
    pub fn delete<'env>(&self, env: &'env Env, key: String) -> napi::Result<Object<'env>> {
        let store = self.own.clone();
        promise(env, async move { store.delete(&key).await })
    }

    #[napi(ts_return_type = "Promise<string | null>")]
    pub fn get<'env>(&self, env: &'env Env, key: String) -> napi::Result<Object<'env>> {
        let store = self.own.clone();
        promise(env, async move { store.get(&key).await })
    }
}

/// The user's own object. Leases are built from its five operations, as atomic as those allow.
struct CustomStore {
    functions: StoreFunctions,
    thread: JsThread,
}

const CALLING: (&str, Code) = ("Calling the coordination store", Code::CoordinationStoreFailed);

#[async_trait]
impl CoordinationStore for CustomStore {
    async fn increment(&self, key: &str, ttl: u64) -> Result<i64> {
        self.thread.ask(CALLING, &self.functions.increment, (key.to_owned(), seconds(ttl)).into()).await
    }

    async fn set_if_not_exist(&self, key: &str, value: &str, ttl: u64) -> Result<bool> {
        self.thread
            .ask(
                CALLING,
                &self.functions.set_if_not_exist,
                (key.to_owned(), value.to_owned(), seconds(ttl)).into(),
            )
            .await
    }

    async fn extend_ttl(&self, key: &str, ttl: u64) -> Result<bool> {
        self.thread.ask(CALLING, &self.functions.extend_ttl, (key.to_owned(), seconds(ttl)).into()).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.thread.ask(CALLING, &self.functions.delete, key.to_owned()).await
    }

    async fn get(&self, key: &str) -> Result<Option<String>> {
        self.thread.ask(CALLING, &self.functions.get, key.to_owned()).await
    }
}

fn seconds(ttl: u64) -> u32 {
    u32::try_from(ttl).unwrap_or(u32::MAX)
}
