//! Brokers: RabbitMQ over our own connections, a live amqplib connection driven through JavaScript, or a memory.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Buffer, Object};
use napi_derive::napi;

use super::errors::{settings, to_js};
use super::function::JsThread;
use super::live_broker::{ConsumerLoss, LiveBroker};
use super::live_functions::{LiveFunctions, LiveProperties};
use super::memory;
use super::runtime::promise;
use crate::ports::arguments::QueueStyle;
use crate::ports::broker;
use crate::rabbitmq::{AmqpSettings, RabbitMq};
use crate::record::to_raw;

/// A broker of any kind.
#[napi]
pub struct Broker {
    pub(super) inner: Arc<dyn broker::Broker>,
    live: Option<Arc<LiveBroker>>,
    /// The same where it is RabbitMQ over our own connections.
    rabbitmq: Option<Arc<RabbitMq>>,
}

#[napi]
impl Broker {
    /// RabbitMQ, by its options as JSON.
    #[napi(factory)]
    pub fn rabbitmq(env: Env, options: String) -> napi::Result<Self> {
        let options: AmqpSettings = settings(&env, &options)?;
        let rabbitmq = Arc::new(RabbitMq::new(&options).map_err(|error| to_js(&env, &error))?);
        Ok(Self { inner: rabbitmq.clone(), live: None, rabbitmq: Some(rabbitmq) })
    }

    /// The user's live connection; `style` says how queues are declared (JSON).
    #[napi(factory)]
    pub fn live(env: Env, functions: LiveFunctions, style: String) -> napi::Result<Self> {
        let style: QueueStyle = settings(&env, &style)?;
        let live = Arc::new(LiveBroker::new(functions, JsThread::of(&env)?, style));
        Ok(Self { inner: live.clone(), live: Some(live), rabbitmq: None })
    }

    /// The memory of that name; `style` says how queues are declared (JSON).
    #[napi(factory)]
    pub fn memory(env: Env, name: String, style: String) -> napi::Result<Self> {
        let style: QueueStyle = settings(&env, &style)?;
        let server = memory::server(&name);
        let broker = server.broker(memory::CLIENT, memory::platform(&server), style);
        Ok(Self { inner: Arc::new(broker), live: None, rabbitmq: None })
    }

    /// How many messages wait in a queue, and how many consume it, as JSON; null where there is no such queue.
    #[napi(ts_return_type = "Promise<string | null>")]
    pub fn depth<'env>(&self, env: &'env Env, queue: String) -> napi::Result<Object<'env>> {
        let broker = self.inner.clone();
        promise(env, async move {
            let (messages, consumers) = (broker.waiting(&queue).await?, broker.consumers(&queue).await?);
            let depth = messages.zip(consumers);
            Ok(depth.map(|(messages, consumers)| {
                serde_json::json!({ "messages": messages, "consumers": consumers }).to_string()
            }))
        })
    }

    /// How RabbitMQ and some queues stand, and what its user may do, as JSON; null for any other broker.
    #[napi(ts_return_type = "Promise<string | null>")]
    pub fn examine<'env>(&self, env: &'env Env, queues: Vec<String>) -> napi::Result<Object<'env>> {
        let rabbitmq = self.rabbitmq.clone();
        promise(env, async move {
            let Some(rabbitmq) = rabbitmq else { return Ok(None) };
            let examination = rabbitmq.examine(&queues).await?;
            to_raw(&examination).map(|json| Some(json.get().to_owned()))
        })
    }

    /// Closes the connections that were opened here.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let broker = self.inner.clone();
        promise(env, async move {
            broker.close().await;
            Ok(())
        })
    }

    /// A message arrived on the live connection.
    #[napi]
    pub fn deliver(
        &self,
        queue: String,
        number: u32,
        body: Buffer,
        redelivered: bool,
        properties: LiveProperties,
    ) {
        if let Some(live) = &self.live {
            live.deliver(&queue, number, body.to_vec(), (redelivered, properties));
        }
    }

    /// RabbitMQ lets nobody publish over the live connection, or does again.
    #[napi]
    pub fn set_blocked(&self, blocked: bool) {
        if let Some(live) = &self.live {
            live.set_blocked(blocked);
        }
    }

    /// The live connection's consumer of a queue is lost.
    #[napi]
    pub fn lost(&self, queue: String, reason: String) {
        if let Some(live) = &self.live {
            live.report_lost(Some(&queue), &ConsumerLoss { reason, for_good: false });
        }
    }

    /// The live connection is lost, with every consumer, and will not come back.
    #[napi]
    pub fn lost_for_good(&self, reason: String) {
        if let Some(live) = &self.live {
            live.report_lost(None, &ConsumerLoss { reason, for_good: true });
        }
    }
}
