//! A queue is read, and deliveries are settled, over a live amqplib connection of the user's.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use napi::threadsafe_function::ThreadsafeFunctionCallMode::NonBlocking;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::function::JsThread;
use super::live_functions::{LiveFunctions, LiveRead};
use crate::error::{Code, Result};
use crate::ports::broker::{Delivery, QueueReader, Receipt};

/// What errors say was done.
pub(super) const READING: (&str, Code) = ("Reading the queue", Code::BrokerUnreachable);

/// Looks at the messages of a queue.
pub(super) struct LiveReader {
    pub queue: Arc<str>,
    pub number: u32,
    pub functions: Arc<LiveFunctions>,
    pub thread: JsThread,
}

#[async_trait]
impl QueueReader for LiveReader {
    async fn next(&mut self) -> Result<Option<Delivery>> {
        let read: Option<LiveRead> = self.thread.ask(READING, &self.functions.read_next, self.number).await?;
        Ok(read.map(|LiveRead { number, body, headers }| {
            let headers: BTreeMap<String, String> = serde_json::from_str(&headers).unwrap_or_default();
            Delivery {
                queue: self.queue.clone(),
                body: body.to_vec(),
                headers: headers.into_iter().collect(),
                priority: None,
                redelivered: false,
                receipt: Box::new(LiveReceipt {
                    number,
                    functions: self.functions.clone(),
                    _unsettled: None,
                }),
            }
        }))
    }

    async fn close(self: Box<Self>) {
        let _: Result<()> = self.thread.ask(READING, &self.functions.close_reading, self.number).await;
    }
}

/// Settles a delivery.
pub(super) struct LiveReceipt {
    pub number: u32,
    pub functions: Arc<LiveFunctions>,
    /// Of a consumer: that it is not settled yet.
    pub _unsettled: Option<TaskTrackerToken>,
}

#[async_trait]
impl Receipt for LiveReceipt {
    async fn ack(self: Box<Self>) {
        self.functions.settle.call((self.number, true).into(), NonBlocking);
    }

    async fn requeue(self: Box<Self>) {
        self.functions.settle.call((self.number, false).into(), NonBlocking);
    }
}
