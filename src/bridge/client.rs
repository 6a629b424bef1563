//! What an application asks of an engine without working: JSON in, JSON out.

use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use super::engine::Engine;
use super::errors::to_js;
use super::listing::{CountedEnds, CountedRuns, EndsRequest, ListRequest, ListedRun, ShownLimit};
use super::runtime::promise;
use crate::error::{Code, Error, Result};
use crate::protocol::start::{StartRequest, StartRun};
use crate::record::to_raw;
use crate::worker::client::remove::RunsToRemove;

#[napi]
impl Engine {
    /// Starts runs: what of which blueprint, and what became of each, as JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn start_runs<'env>(&self, env: &'env Env, request: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        let request: StartRequest = read(env, &request)?;
        promise(env, async move { text(&client.start(request).await?) })
    }

    /// What to execute for a start within a transaction of the caller's: JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn plan_start<'env>(&self, env: &'env Env, run: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        let run: StartRun = read(env, &run)?;
        promise(env, async move { text(&client.plan(run).await?) })
    }

    /// Publishes the jobs of a run that was planned, once it is committed. Does not wait for that.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn publish_when_committed<'env>(
        &self,
        env: &'env Env,
        run: String,
        mark: String,
    ) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        promise(env, async move {
            client.publish_when_committed(run, mark);
            Ok(())
        })
    }
}

#[napi]
impl Engine {
    /// How a run stands, with its result once it is over: JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn outcome<'env>(&self, env: &'env Env, run: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        promise(env, async move { text(&client.outcome(&run).await?) })
    }

    /// What is known of a run: JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn describe<'env>(&self, env: &'env Env, run: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        promise(env, async move { text(&client.describe(&run).await?) })
    }

    /// A page of runs: a JSON array.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn list<'env>(&self, env: &'env Env, request: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        let request: ListRequest = read(env, &request)?;
        promise(env, async move {
            let found = client.list(&request.into()).await?;
            text(&found.into_iter().map(ListedRun::from).collect::<Vec<_>>())
        })
    }

    /// How many runs there are of each status and blueprint, among those that have all of these tags: a JSON array.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn counts<'env>(&self, env: &'env Env, tags: Vec<String>) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        promise(env, async move {
            let counts = client.counts(&tags).await?;
            text(&counts.into_iter().map(CountedRuns::from).collect::<Vec<_>>())
        })
    }

    /// How the keys of limits stand: a JSON array.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn limits<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        promise(env, async move {
            text(&client.limits().await?.into_iter().map(ShownLimit::from).collect::<Vec<_>>())
        })
    }

    /// How many runs ended when: a JSON array.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn ends<'env>(&self, env: &'env Env, request: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        let request: EndsRequest = read(env, &request)?;
        promise(env, async move {
            let ends = client.ends(&request.into()).await?;
            text(&ends.into_iter().map(CountedEnds::from).collect::<Vec<_>>())
        })
    }

    /// Removes a run that is over.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn remove<'env>(&self, env: &'env Env, run: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        promise(env, async move { client.remove(&run).await })
    }

    /// Removes all runs of these statuses and all of these tags that were last changed so many milliseconds ago. How many.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn purge<'env>(
        &self,
        env: &'env Env,
        statuses: Vec<String>,
        tags: Vec<String>,
        older_than_ms: f64,
    ) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        let older_than = Duration::try_from_secs_f64(older_than_ms / 1000.0).unwrap_or_default();
        promise(env, async move {
            let removed = client.purge(RunsToRemove { statuses, tags, older_than }).await?;
            Ok(i64::try_from(removed).unwrap_or(i64::MAX))
        })
    }
}

/// What JavaScript is told.
pub(super) fn text<T: serde::Serialize>(told: &T) -> Result<String> {
    to_raw(told).map(|json| json.get().to_owned())
}

/// Reads what JavaScript asks for.
pub(super) fn read<T: serde::de::DeserializeOwned>(env: &Env, json: &str) -> napi::Result<T> {
    serde_json::from_str(json)
        .map_err(|error| to_js(env, &Error::new(Code::InvalidArgument, "Reading the request", error)))
}
