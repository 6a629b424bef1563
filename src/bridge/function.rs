//! Functions of JavaScript, as the engine holds them, and the thread they live in.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;

use napi::bindgen_prelude::{FromNapiValue, JsValuesTupleIntoVec, Promise};
use napi::threadsafe_function::ThreadsafeFunction;
use napi::{Env, Status};
use tokio_util::sync::CancellationToken;

use super::errors::from_js;
use crate::error::{Code, Result};

/// A function of JavaScript that does not keep the process alive, and whose exceptions are answers.
pub type JsFunction<Arguments, Return> =
    ThreadsafeFunction<Arguments, Return, Arguments, Status, false, true>;

/// The thread of JavaScript that an engine lives in. It may be terminated at any moment, in a process that lives on:
/// what was asked of it then is never answered.
#[derive(Clone)]
pub struct JsThread {
    ended: CancellationToken,
}

thread_local! {
    /// Cancelled when an environment of this thread goes away, by the environment's address.
    static ENDED: RefCell<HashMap<usize, CancellationToken>> = RefCell::default();
}

impl JsThread {
    /// The thread of an environment.
    pub fn of(env: &Env) -> napi::Result<Self> {
        let address = env.raw() as usize;
        if let Some(ended) = ENDED.with_borrow(|ended| ended.get(&address).cloned()) {
            return Ok(Self { ended });
        }
        let ended = CancellationToken::new();
        env.add_env_cleanup_hook((address, ended.clone()), |(address, ended)| {
            ended.cancel();
            ENDED.with_borrow_mut(|ended| ended.remove(&address));
        })?;
        ENDED.with_borrow_mut(|all| all.insert(address, ended.clone()));
        Ok(Self { ended })
    }

    /// Cancelled when the thread has ended.
    pub fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Calls a function, and waits for what it returns or throws. [`Status::Closing`] says that the thread has ended.
    pub async fn call<Arguments, Return>(
        &self,
        function: &JsFunction<Arguments, Return>,
        arguments: Arguments,
    ) -> napi::Result<Return>
    where
        Arguments: JsValuesTupleIntoVec + 'static,
        Return: FromNapiValue + 'static,
    {
        let called = self.unless_ended(function.call_async_catch(arguments)).await;
        called.map_err(|error| match error.status {
            Status::PendingException => error,
            // It was not called, or what it returned could not be read any more.
            _ => closing(),
        })
    }

    /// Calls a function that answers with a promise, and waits for what it promised. What it throws has this code.
    pub async fn ask<Arguments, Answer>(
        &self,
        (operation, code): (&'static str, Code),
        function: &JsFunction<Arguments, Promise<Answer>>,
        arguments: Arguments,
    ) -> Result<Answer>
    where
        Arguments: JsValuesTupleIntoVec + 'static,
        Answer: FromNapiValue + 'static,
    {
        let answer = match self.call(function, arguments).await {
            Ok(promise) => self.unless_ended(promise).await,
            Err(error) => Err(error),
        };
        answer.map_err(|error| from_js(operation, code, &error))
    }

    /// Waits for an answer for as long as there is somebody to give it.
    pub async fn unless_ended<T>(&self, answer: impl Future<Output = napi::Result<T>>) -> napi::Result<T> {
        tokio::select! {
            biased;
            // A promise that goes with its thread looks as if it were rejected: user code has said nothing.
            answer = answer => answer.map_err(|error| if self.ended.is_cancelled() { closing() } else { error }),
            () = self.ended.cancelled() => Err(closing()),
        }
    }
}

fn closing() -> napi::Error {
    napi::Error::from_status(Status::Closing)
}
