//! What an application asks of paused runs, queues and blueprints: JSON in, JSON out.

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::{Deserialize, Serialize};

use super::client::{read, text};
use super::engine::Engine;
use super::errors::to_js;
use super::runtime::promise;
use crate::error::{Code, Error, Result};
use crate::ports::halting::{Haltable, StoredHalt};

/// A queue or a blueprint that is to be paused, or to go on: one of the two is named.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HaltRequest {
    queue: Option<String>,
    blueprint_id: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl HaltRequest {
    /// What is meant.
    ///
    /// # Errors
    /// None is named, or both are.
    pub fn what(&self) -> Result<Haltable> {
        match (&self.queue, &self.blueprint_id) {
            (Some(queue), None) => Ok(Haltable::Queue(queue.clone())),
            (None, Some(blueprint)) => Ok(Haltable::Blueprint(blueprint.clone())),
            _ => {
                let what = "name either a queue or a blueprint";
                Err(Error::new(Code::InvalidArgument, "Changing what is paused", what))
            }
        }
    }
}

/// A queue or a blueprint that is paused.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HaltDescription {
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blueprint_id: Option<String>,
    since: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<StoredHalt> for HaltDescription {
    fn from(StoredHalt { what, since, reason }: StoredHalt) -> Self {
        let (queue, blueprint_id) = match what {
            Haltable::Queue(queue) => (Some(queue), None),
            Haltable::Blueprint(blueprint) => (None, Some(blueprint)),
        };
        Self { queue, blueprint_id, since, reason }
    }
}

#[napi]
impl Engine {
    /// Pauses a run; whether that changed something.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn pause_run<'env>(
        &self,
        env: &'env Env,
        run: String,
        reason: Option<String>,
    ) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        promise(env, async move { client.pause_run(&run, reason).await })
    }

    /// Lets a paused run go on; whether it was paused.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn unpause_run<'env>(&self, env: &'env Env, run: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        promise(env, async move { client.unpause_run(&run).await })
    }

    /// Pauses a queue or a blueprint for all workers; whether that changed something.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn pause<'env>(&self, env: &'env Env, request: String) -> napi::Result<Object<'env>> {
        let (client, request) = (self.inner.client(), read::<HaltRequest>(env, &request)?);
        let what = request.what().map_err(|error| to_js(env, &error))?;
        promise(env, async move { client.pause(what, request.reason).await })
    }

    /// Lets a queue or a blueprint go on; whether it was paused.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn unpause<'env>(&self, env: &'env Env, request: String) -> napi::Result<Object<'env>> {
        let (client, request) = (self.inner.client(), read::<HaltRequest>(env, &request)?);
        let what = request.what().map_err(|error| to_js(env, &error))?;
        promise(env, async move { client.unpause(what).await })
    }

    /// The queues and blueprints that are paused: a JSON array.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn paused<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        promise(env, async move {
            let halts = client.halts().await?;
            text(&halts.into_iter().map(HaltDescription::from).collect::<Vec<_>>())
        })
    }
}
