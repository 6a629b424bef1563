//! The jobs that JavaScript has in hand: it fetches them, sees and writes the contexts of their runs, and answers them.

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use super::engine::Engine;
use super::errors::to_js;
use super::runtime::{promise, runtime};
use crate::error::{Code, Error};
use crate::record::Patch;

#[napi]
impl Engine {
    /// The messages that wait: a JSON array.
    #[napi]
    pub fn fetch(&self) -> String {
        self.host.outbox.fetch()
    }

    /// Answers jobs: a line each, with the job's number and its answer as JSON. Only a job's first answer counts.
    #[napi]
    pub fn answer(&self, lines: String) -> napi::Result<()> {
        let host = self.host.clone();
        // Read on the engine's threads: JavaScript's has more to do.
        runtime()?.spawn(async move { host.jobs.answer(&lines) });
        Ok(())
    }

    /// Whether a job's context as it was last seen is what there is: nobody else of the run can have written since, and it was
    /// seen just now. Like those below until it is answered.
    #[napi]
    pub fn is_current(&self, job: u32) -> bool {
        self.host.jobs.is_current(job)
    }

    /// Looks at a job's run again, for the next `refresh`.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn look<'env>(&self, env: &'env Env, job: u32) -> napi::Result<Object<'env>> {
        let host = self.host.clone();
        promise(env, async move { host.jobs.look(job).await })
    }

    /// Whether nobody else of a job's run could read what its node writes.
    #[napi]
    pub fn is_alone(&self, job: u32) -> bool {
        self.host.jobs.is_alone(job)
    }

    /// Writes keys of a job's context before its answer: `sets` is a JSON object, `deletes` are keys. Whether they are on
    /// record: else they are to go along with the answer. Never rejects for a server.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn write<'env>(
        &self,
        env: &'env Env,
        job: u32,
        sets: String,
        deletes: Vec<String>,
    ) -> napi::Result<Object<'env>> {
        let sets = serde_json::from_str(&sets)
            .map_err(|error| to_js(env, &Error::new(Code::Internal, "Writing the context", error)))?;
        let host = self.host.clone();
        promise(env, async move { Ok(host.jobs.write(job, Patch { sets, deletes }).await) })
    }

    /// From now on, a job's context is as it was last looked at. Answers with the keys that have another value than the one
    /// that was given.
    #[napi]
    pub fn refresh(&self, job: u32) -> Vec<String> {
        self.host.jobs.refresh(job)
    }

    /// The value of a key of a job's context as JSON; null when it is absent.
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
}
