//! What the engine tells JavaScript. Letters wait together: one call has JavaScript fetch all of them.

use std::sync::{Mutex, PoisonError};

use napi::Status;
use napi::threadsafe_function::ThreadsafeFunctionCallMode::NonBlocking;

use super::function::JsFunction;

/// Letters to JavaScript, in their order.
pub struct Mailbox {
    /// A JSON array without its end; empty when there is nothing to fetch.
    waiting: Mutex<String>,
    /// Has JavaScript fetch what waits. Called for the first letter only: the others go along.
    wake: JsFunction<(), ()>,
}

impl Mailbox {
    pub fn new(wake: JsFunction<(), ()>) -> Self {
        Self { waiting: Mutex::default(), wake }
    }

    /// Leaves a letter (JSON); whether somebody is there to fetch it.
    pub fn put(&self, letter: &str) -> bool {
        let is_first = self.with(|waiting| {
            let is_first = waiting.is_empty();
            waiting.push(if is_first { '[' } else { ',' });
            waiting.push_str(letter);
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
        let mut letters = self.with(std::mem::take);
        if letters.is_empty() {
            letters.push('[');
        }
        letters.push(']');
        letters
    }

    fn with<T>(&self, act: impl FnOnce(&mut String) -> T) -> T {
        act(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
