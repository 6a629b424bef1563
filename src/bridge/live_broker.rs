//! A live amqplib connection of the user's, as a broker: JavaScript drives it, since it keeps no credentials to open another by.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use napi::bindgen_prelude::Buffer;
use napi::threadsafe_function::ThreadsafeFunctionCallMode::NonBlocking;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::errors::from_js;
use super::function::JsThread;
use super::live_functions::{LiveFunctions, LiveMessage, LiveProperties};
use super::live_reader::{LiveReader, LiveReceipt, READING};
use crate::error::{Code, Error, Result};
use crate::ports::arguments::{self, Arguments, QueueStyle};
use crate::ports::broker::{self, Delivery, Outgoing, QueueReader, Subscriber};

/// How long a channel may take to close before it is left to its connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

const LOOKING: (&str, Code) = ("Looking at the queue", Code::BrokerUnreachable);

/// The live connection of one adapter or client.
pub struct LiveBroker {
    is_blocked: AtomicBool,
    functions: Arc<LiveFunctions>,
    thread: JsThread,
    style: QueueStyle,
    /// Where deliveries of the present consumers go, by queue.
    consumers: Mutex<HashMap<String, LiveConsumer>>,
}

struct LiveConsumer {
    queue: Arc<str>,
    /// At most as many as the prefetch.
    deliveries: mpsc::UnboundedSender<Delivery>,
    lost: mpsc::UnboundedSender<ConsumerLoss>,
    /// Deliveries that are not settled yet.
    unsettled: TaskTracker,
}

/// A consumer is lost.
#[derive(Clone)]
pub struct ConsumerLoss {
    /// Why.
    pub reason: String,
    /// It cannot be opened again: the connection is lost.
    pub for_good: bool,
}

impl LiveBroker {
    /// The live connection of these functions.
    pub fn new(functions: LiveFunctions, thread: JsThread, style: QueueStyle) -> Self {
        let (functions, is_blocked, consumers) =
            (Arc::new(functions), AtomicBool::new(false), Mutex::default());
        Self { is_blocked, functions, thread, style, consumers }
    }

    /// RabbitMQ lets nobody publish over it, or does again.
    pub fn set_blocked(&self, blocked: bool) {
        self.is_blocked.store(blocked, Ordering::Relaxed);
    }

    /// A message arrived, perhaps again, and says this besides its body.
    pub fn deliver(
        &self,
        queue: &str,
        number: u32,
        body: Vec<u8>,
        (redelivered, LiveProperties { headers, priority }): (bool, LiveProperties),
    ) {
        if let Some(consumer) = self.consumers().get(queue) {
            let unsettled = Some(consumer.unsettled.token());
            let receipt =
                Box::new(LiveReceipt { number, functions: self.functions.clone(), _unsettled: unsettled });
            let queue = consumer.queue.clone();
            let headers = headers.into_iter().collect();
            let delivery = Delivery { queue, body, headers, priority, redelivered, receipt };
            // Nothing is lost where the worker listens no more: the channel closes, and the broker takes it back.
            let _ = consumer.deliveries.send(delivery);
        } else {
            // It was on its way when its consumer was cancelled.
            self.functions.settle.call((number, false).into(), NonBlocking);
        }
    }

    /// A consumer is lost, or all of them.
    pub fn report_lost(&self, queue: Option<&str>, lost: &ConsumerLoss) {
        for consumer in self.consumers().values() {
            if queue.is_none_or(|queue| queue == &*consumer.queue) {
                let _ = consumer.lost.send(lost.clone());
            }
        }
    }

    fn consumers(&self) -> std::sync::MutexGuard<'_, HashMap<String, LiveConsumer>> {
        self.consumers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open_consumer(&self, queue: &str, prefetch: u16) -> Result<()> {
        let declared = as_json(&arguments::of_queue(self.style)).to_string();
        let arguments = (queue.to_owned(), declared, u32::from(prefetch)).into();
        self.thread.ask(("Consuming", Code::BrokerUnreachable), &self.functions.consume, arguments).await
    }
}

#[async_trait]
impl broker::Broker for LiveBroker {
    async fn publish(&self, messages: Vec<Outgoing>) -> Result<()> {
        let failed = |error: napi::Error| from_js("Publishing", Code::BrokerUnreachable, &error);
        let mut confirms = Vec::with_capacity(messages.len());
        for message in messages {
            let queues: serde_json::Map<String, serde_json::Value> = message
                .queues(self.style)
                .iter()
                .map(|(queue, arguments)| (queue.clone(), as_json(arguments)))
                .collect();
            let queue = message.first_queue().into_owned();
            let headers: serde_json::Map<String, serde_json::Value> =
                message.headers.into_iter().map(|(name, value)| (name, value.into())).collect();
            let headers = serde_json::Value::from(headers).to_string();
            let arguments = (LiveMessage {
                queue,
                queues: serde_json::Value::from(queues).to_string(),
                body: Buffer::from(message.body),
                headers,
                priority: message.priority,
            },)
                .into();
            confirms.push(self.thread.call(&self.functions.publish, arguments).await.map_err(failed)?);
        }
        for confirm in confirms {
            self.thread.unless_ended(confirm).await.map_err(failed)?;
        }
        Ok(())
    }

    fn is_blocked(&self) -> bool {
        self.is_blocked.load(Ordering::Relaxed)
    }

    async fn declare(&self, queue: &str) -> Result<()> {
        let declared = as_json(&arguments::of_queue(self.style)).to_string();
        let arguments = (queue.to_owned(), declared).into();
        let asked = ("Declaring the queue", Code::BrokerUnreachable);
        self.thread.ask(asked, &self.functions.declare, arguments).await
    }

    async fn consume(
        &self,
        queue: &str,
        prefetch: u16,
        Subscriber { deliveries, opened, cancelled: is_cancelled }: Subscriber,
        stop: CancellationToken,
    ) -> Result<()> {
        let (lost, mut losses) = mpsc::unbounded_channel();
        let (arrived, mut arriving) = mpsc::unbounded_channel();
        let onward = deliveries.clone();
        // What a lost consumer brought may still stand before it: it waits, rather than going back and coming again.
        tokio::spawn(async move {
            while let Some(delivery) = arriving.recv().await {
                if onward.send(delivery).await.is_err() {
                    break;
                }
            }
        });
        let unsettled = TaskTracker::new();
        unsettled.close();
        let consumer =
            LiveConsumer { queue: queue.into(), deliveries: arrived, lost, unsettled: unsettled.clone() };
        self.consumers().insert(queue.to_owned(), consumer);
        let lost = match self.open_consumer(queue, prefetch).await {
            Ok(()) => {
                opened();
                tokio::select! {
                    () = stop.cancelled() => None,
                    loss = losses.recv() => loss,
                }
            }
            // What JavaScript reported on the way says more than that it failed.
            Err(error) => {
                losses.try_recv().ok().or(Some(ConsumerLoss { reason: error.message, for_good: false }))
            }
        };
        if let Some(ConsumerLoss { reason, for_good }) = lost {
            self.consumers().remove(queue);
            let code = if for_good { Code::BrokerLost } else { Code::BrokerUnreachable };
            return Err(Error::new(code, "Consuming", reason));
        }
        if let Ok(cancelled) = self.thread.call(&self.functions.cancel, queue.to_owned()).await {
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.thread.unless_ended(cancelled)).await;
        }
        self.consumers().remove(queue);
        is_cancelled();
        tokio::select! {
            () = unsettled.wait() => {}
            () = deliveries.closed() => {}
        }
        Ok(())
    }

    async fn waiting(&self, queue: &str) -> Result<Option<u32>> {
        self.thread.ask(LOOKING, &self.functions.waiting, queue.to_owned()).await
    }

    async fn consumers(&self, queue: &str) -> Result<Option<u32>> {
        self.thread.ask(LOOKING, &self.functions.consumers, queue.to_owned()).await
    }

    async fn read(&self, queue: &str) -> Result<Option<Box<dyn QueueReader>>> {
        let number = self.thread.ask(READING, &self.functions.open_reading, queue.to_owned()).await?;
        let (queue, functions, thread) =
            (Arc::<str>::from(queue), self.functions.clone(), self.thread.clone());
        Ok(number
            .map(|number| Box::new(LiveReader { queue, number, functions, thread }) as Box<dyn QueueReader>))
    }

    async fn close(&self) {
        if let Ok(closed) = self.thread.call(&self.functions.close, ()).await {
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.thread.unless_ended(closed)).await;
        }
    }
}

/// The arguments of a queue, as amqplib takes them.
fn as_json(arguments: &Arguments) -> serde_json::Value {
    arguments.iter().map(|(name, argument)| ((*name).to_owned(), serde_json::json!(argument))).collect()
}
