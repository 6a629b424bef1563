//! The dead letters of an adapter's queues, as JavaScript sees and mends them.

use std::collections::HashSet;

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use super::engine::Engine;
use super::runtime::promise;
use crate::worker;

/// A message that could not be processed.
#[napi(object)]
pub struct DeadLetter {
    /// The queue it was in before.
    pub queue: String,
    pub id: String,
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
impl Engine {
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

    /// Removes dead letters: those with these ids, or all. How many.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn discard<'env>(
        &self,
        env: &'env Env,
        ids: Option<Vec<String>>,
        limit: u32,
    ) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        let ids = ids.map(HashSet::from_iter);
        promise(env, async move {
            let removed = engine.discard(ids.as_ref(), limit as usize).await?;
            Ok(u32::try_from(removed).unwrap_or(u32::MAX))
        })
    }
}
