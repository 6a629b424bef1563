//! What the engine tells JavaScript. Messages wait together: JavaScript fetches all of them with one call.

use std::sync::{Mutex, PoisonError};

use napi::Status;
use napi::threadsafe_function::ThreadsafeFunctionCallMode::NonBlocking;

use super::function::JsFunction;

/// Messages to JavaScript, in their order.
pub struct Outbox {
    /// A JSON array without its end; empty when there is nothing to fetch.
    waiting: Mutex<String>,
    /// Has JavaScript fetch what waits. Called for the first message only: the same fetch takes the others.
    wake: JsFunction<(), ()>,
}

impl Outbox {
    pub fn new(wake: JsFunction<(), ()>) -> Self {
        Self { waiting: Mutex::default(), wake }
    }

    /// Leaves a message (JSON); whether JavaScript is there to fetch it.
    pub fn put(&self, message: &str) -> bool {
        let is_first = self.with(|waiting| {
            let is_first = waiting.is_empty();
            waiting.push(if is_first { '[' } else { ',' });
            waiting.push_str(message);
            is_first
        });
        if !is_first || self.wake.call((), NonBlocking) == Status::Ok {
            return true;
        }
        self.with(String::clear);
        false
    }

    /// All that waits: a JSON array.
    pub fn fetch(&self) -> String {
        let mut messages = self.with(std::mem::take);
        if messages.is_empty() {
            messages.push('[');
        }
        messages.push(']');
        messages
    }

    fn with<T>(&self, act: impl FnOnce(&mut String) -> T) -> T {
        act(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
