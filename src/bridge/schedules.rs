//! What an application asks of schedules: JSON in, JSON out.

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use super::client::{read, text};
use super::engine::Engine;
use super::runtime::promise;
use crate::protocol::schedules::{BackfillRequest, CreateSchedule, ListSchedules};

#[napi]
impl Engine {
    /// Creates a schedule, or changes it; as it stands then: JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn create_schedule<'env>(&self, env: &'env Env, request: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        let request: CreateSchedule = read(env, &request)?;
        promise(env, async move { text(&client.create_schedule(request).await?) })
    }

    /// What is known of a schedule: JSON.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn describe_schedule<'env>(&self, env: &'env Env, id: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        promise(env, async move { text(&client.describe_schedule(&id).await?) })
    }

    /// A page of schedules: a JSON array.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn list_schedules<'env>(&self, env: &'env Env, request: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        let request: ListSchedules = read(env, &request)?;
        promise(env, async move { text(&client.list_schedules(request).await?) })
    }

    /// A schedule pauses.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn pause_schedule<'env>(
        &self,
        env: &'env Env,
        id: String,
        note: Option<String>,
    ) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        promise(env, async move { client.pause_schedule(&id, note).await })
    }

    /// A schedule goes on.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn resume_schedule<'env>(&self, env: &'env Env, id: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        promise(env, async move { client.resume_schedule(&id).await })
    }

    /// Has a run of a schedule started now; its id.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn trigger_schedule<'env>(&self, env: &'env Env, id: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        promise(env, async move { client.trigger_schedule(&id).await })
    }

    /// Has what was due in the past started; of how many due times.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn backfill_schedule<'env>(
        &self,
        env: &'env Env,
        id: String,
        request: String,
    ) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        let request: BackfillRequest = read(env, &request)?;
        promise(env, async move {
            let count = client.backfill_schedule(&id, request).await?;
            Ok(u32::try_from(count).unwrap_or(u32::MAX))
        })
    }

    /// Removes a schedule.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn remove_schedule<'env>(&self, env: &'env Env, id: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        promise(env, async move { client.remove_schedule(&id).await })
    }

    /// Takes the turns of all schedules that are due, as a started worker does by itself.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn look_at_schedules<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        promise(env, async move {
            engine.look_at_schedules().await;
            Ok(())
        })
    }

    /// Removes what is old by the options `retention` and `history`, as a started worker does by itself. How many runs.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn remove_old<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let engine = self.inner.clone();
        promise(env, async move { Ok(i64::try_from(engine.remove_old().await?).unwrap_or(i64::MAX)) })
    }
}
