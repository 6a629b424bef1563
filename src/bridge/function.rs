//! Functions of JavaScript, as the engine holds them.

use napi::Status;
use napi::threadsafe_function::ThreadsafeFunction;

/// A function of JavaScript that does not keep the process alive, and whose exceptions are answers.
pub type JsFunction<Arguments, Return> =
    ThreadsafeFunction<Arguments, Return, Arguments, Status, false, true>;

/// Calls a function of JavaScript that answers with a promise, and waits for what it promised.
macro_rules! ask {
    ($operation:expr, $code:expr, $function:expr, $arguments:expr) => {{
        let failed = |error: napi::Error| $crate::bridge::errors::from_js($operation, $code, &error);
        match $function.call_async_catch($arguments).await {
            Ok(promise) => promise.await.map_err(failed),
            Err(error) => Err(failed(error)),
        }
    }};
}
pub(super) use ask;
