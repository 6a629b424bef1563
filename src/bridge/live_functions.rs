//! What JavaScript does with a live amqplib connection of the user's, and what goes to and fro.

use std::collections::HashMap;

use napi::bindgen_prelude::{Buffer, FnArgs, Promise};
use napi_derive::napi;

use super::function::JsFunction;

/// What a live amqplib connection can be asked to do.
#[napi(object, object_to_js = false)]
pub struct LiveFunctions {
    /// Publishes one message; resolves when it is confirmed.
    pub publish: JsFunction<FnArgs<(LiveMessage,)>, Promise<()>>,
    /// Makes sure that a queue exists: queue, its arguments (JSON).
    pub declare: JsFunction<FnArgs<(String, String)>, Promise<()>>,
    /// Starts a consumer: queue, its arguments (JSON), prefetch. Deliveries come through [`Broker::deliver`](super::broker::Broker::deliver).
    pub consume: JsFunction<FnArgs<(String, String, u32)>, Promise<()>>,
    /// Settles a delivery: its number, and whether it is acknowledged or handed back.
    pub settle: JsFunction<FnArgs<(u32, bool)>, ()>,
    /// Stops the consumer of a queue; its channel stays open for receipts.
    pub cancel: JsFunction<String, Promise<()>>,
    /// How many messages wait in a queue; null where there is no such queue.
    pub waiting: JsFunction<String, Promise<Option<u32>>>,
    /// How many consumers a queue has; null where there is no such queue.
    pub consumers: JsFunction<String, Promise<Option<u32>>>,
    /// Opens a queue to look at its messages, and answers with a number for it; null where there is none.
    pub open_reading: JsFunction<String, Promise<Option<u32>>>,
    /// The next message of a reading; null at the end.
    pub read_next: JsFunction<u32, Promise<Option<LiveRead>>>,
    /// Puts back what was not settled of a reading.
    pub close_reading: JsFunction<u32, Promise<()>>,
    /// Closes the channels opened here. The connection is the user's.
    pub close: JsFunction<(), Promise<()>>,
}

/// A message that was looked at.
#[napi(object)]
pub struct LiveRead {
    /// Its number, to settle it by.
    pub number: u32,
    pub body: Buffer,
    /// JSON: an object of texts.
    pub headers: String,
}

/// A message for the live connection.
#[napi(object)]
pub struct LiveMessage {
    /// The queue it is put into.
    pub queue: String,
    /// JSON: the queues to be declared before, each with its arguments.
    pub queues: String,
    pub body: Buffer,
    /// JSON.
    pub headers: String,
    pub priority: Option<u8>,
}

/// What a message says besides its body.
#[napi(object)]
pub struct LiveProperties {
    /// Those that are text.
    pub headers: HashMap<String, String>,
    pub priority: Option<u8>,
}
