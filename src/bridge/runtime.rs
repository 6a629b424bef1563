//! One tokio runtime for every adapter and every worker thread of the process.

use std::env;
use std::future::Future;
use std::io::IsTerminal;

use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, Status};
use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

use super::errors::to_js;
use crate::error::{Code, Error, Result};

/// Threads of the engine: it waits far more than it works.
const THREADS: usize = 2;

/// The runtime, built at first use. It is never shut down: the process may exit at any time, and every job
/// survives that.
pub fn runtime() -> napi::Result<&'static Runtime> {
    static RUNTIME: OnceCell<Runtime> = OnceCell::new();
    RUNTIME.get_or_try_init(|| {
        trace_to_stderr();
        Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("flowcraft")
            .enable_all()
            .build()
            .map_err(|error| {
                napi::Error::new(
                    Status::GenericFailure,
                    format!("The engine's threads did not start: {error}"),
                )
            })
    })
}

/// Runs a future on the runtime, and answers with a promise of it. The promise keeps the process alive until
/// it is settled; a panic rejects it.
pub fn promise<'env, T, F>(env: &'env Env, future: F) -> napi::Result<Object<'env>>
where
    T: ToNapiValue + Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let runtime = runtime()?;
    let (deferred, promise) = env.create_deferred()?;
    let work = runtime.spawn(future);
    runtime.spawn(async move {
        let done =
            work.await.unwrap_or_else(|panic| Err(Error::new(Code::Internal, "Internal error", panic)));
        deferred.resolve(move |env| done.map_err(|error| to_js(&env, &error)));
    });
    Ok(promise)
}

/// Spans and events of the engine go to standard error for those who set `FLOWCRAFT_LOG`, in the words of
/// `tracing`'s filters: `FLOWCRAFT_LOG=flowcraft_rabbitmq_adapter=debug`. With `FLOWCRAFT_LOG_FORMAT=json` each line is a JSON
/// object; colours are for terminals.
fn trace_to_stderr() {
    if let Ok(filter) = EnvFilter::try_from_env("FLOWCRAFT_LOG") {
        // Only what this crate says: the servers' clients trace the bytes of a login.
        let own = filter_fn(|event| event.target().starts_with(env!("CARGO_CRATE_NAME")));
        let is_terminal = std::io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
        let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(is_terminal);
        let filter = filter.and(own);
        let lines = match env::var("FLOWCRAFT_LOG_FORMAT").as_deref() {
            Ok("json") => lines.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed(),
            _ => lines.with_filter(filter).boxed(),
        };
        // Another subscriber of the process stays the one it has.
        let _ = tracing_subscriber::registry().with(lines).try_init();
    }
}
