//! The history of executions as it crosses: JSON in, JSON out.

use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::{Deserialize, Serialize};

use super::client::{read, text};
use super::engine::Engine;
use super::runtime::promise;
use crate::error::{Code, Error, Result};
use crate::json::{Json, present};
use crate::ports::history::{Attempt, HistoryPlace, HistorySearch, KeptValue, NewAttempt, StoredAttempt};

/// Attempts that a worker tells of.
#[derive(Debug, Deserialize)]
struct ToldHistory {
    /// When they are told, in milliseconds by the clock that their moments are of.
    now: f64,
    worker: String,
    attempts: Vec<ToldAttempt>,
}

/// An attempt, as JavaScript has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldAttempt {
    run_id: String,
    path: String,
    execution: u32,
    attempt: u32,
    outcome: String,
    started: f64,
    ended: f64,
    #[serde(default, deserialize_with = "present")]
    input: Option<Json>,
    input_size: Option<u32>,
    #[serde(default, deserialize_with = "present")]
    output: Option<Json>,
    output_size: Option<u32>,
    error: Option<Json>,
    log: Option<Json>,
}

impl ToldAttempt {
    fn known(self, now: f64, worker: &str) -> NewAttempt {
        let ago =
            |moment: f64| Duration::try_from_secs_f64((now - moment).max(0.0) / 1000.0).unwrap_or_default();
        NewAttempt {
            started: ago(self.started),
            ended: ago(self.ended),
            of: Attempt {
                run: self.run_id,
                node: self.path,
                execution: self.execution,
                attempt: self.attempt,
                outcome: self.outcome,
                worker: worker.to_owned(),
                input: KeptValue { json: self.input, size: self.input_size },
                output: KeptValue { json: self.output, size: self.output_size },
                error: self.error,
                log: self.log,
            },
        }
    }
}

/// Which attempts to read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HistoryRequest {
    run_id: String,
    path: Option<String>,
    /// The place of the last attempt of the page before.
    before: Option<(i64, i64)>,
    limit: u32,
}

impl From<HistoryRequest> for HistorySearch {
    fn from(request: HistoryRequest) -> Self {
        Self {
            run: request.run_id,
            node: request.path,
            before: request.before.map(|(ended, number)| HistoryPlace { ended, number }),
            limit: request.limit.into(),
        }
    }
}

/// An attempt that is stored.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadAttempt {
    path: String,
    execution: u32,
    attempt: u32,
    outcome: String,
    worker: String,
    started_at: u64,
    ended_at: i64,
    /// Where the next page begins: texts, for JavaScript's numbers end before.
    place: (String, String),
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<Json>,
}

impl From<StoredAttempt> for ReadAttempt {
    fn from(StoredAttempt { of, started_at, place }: StoredAttempt) -> Self {
        Self {
            path: of.node,
            execution: of.execution,
            attempt: of.attempt,
            outcome: of.outcome,
            worker: of.worker,
            started_at,
            ended_at: place.ended / 1000,
            place: (place.ended.to_string(), place.number.to_string()),
            input: of.input.json,
            input_size: of.input.size,
            output: of.output.json,
            output_size: of.output.size,
            error: of.error,
            log: of.log,
        }
    }
}

fn told(history: &str) -> Result<Vec<NewAttempt>> {
    let ToldHistory { now, worker, attempts } = serde_json::from_str(history)
        .map_err(|error| Error::new(Code::Internal, "Writing the history", error))?;
    Ok(attempts.into_iter().map(|attempt| attempt.known(now, &worker)).collect())
}

#[napi]
impl Engine {
    /// Writes attempts at nodes, told as JSON; whether there is a table for them.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn write_history<'env>(&self, env: &'env Env, history: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        // Read in the engine's own threads: JavaScript has better to do.
        promise(env, async move { client.write_history(&told(&history)?).await })
    }

    /// Attempts at the nodes of a run, the latest first: a JSON array.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn history<'env>(&self, env: &'env Env, request: String) -> napi::Result<Object<'env>> {
        let client = self.inner.client();
        let request: HistoryRequest = read(env, &request)?;
        promise(env, async move {
            let found = client.history(&request.into()).await?;
            text(&found.into_iter().map(ReadAttempt::from).collect::<Vec<_>>())
        })
    }
}
