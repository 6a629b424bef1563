//! A broker, memory or real, and a client of it whose connections a test can cut.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowcraft_rabbitmq_adapter::error::Result;
use flowcraft_rabbitmq_adapter::memory::{MemoryBroker, MemoryServer};
use flowcraft_rabbitmq_adapter::ports::arguments::{QueueStyle, QueueType};
use flowcraft_rabbitmq_adapter::ports::broker::{Broker, Delivery, Outgoing};
use flowcraft_rabbitmq_adapter::ports::delay;
use flowcraft_rabbitmq_adapter::ports::platform::Platform;
use flowcraft_rabbitmq_adapter::rabbitmq::{AmqpSettings, RabbitMq};
use lapin::options::QueueDeleteOptions;
use lapin::uri::AMQPUri;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::proxy::Proxy;

/// Longer than anything takes that is to happen at once.
const SOON: Duration = Duration::from_secs(30);
/// How long a broker may take to open what is asked for: it is busy with every other promise, not away.
const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for what must not happen to have happened.
const A_WHILE: Duration = Duration::from_millis(250);

pub enum World {
    Memory { server: Arc<MemoryServer>, queue_type: Option<QueueType> },
    Real { url: String, queue_type: Option<QueueType>, prefix: String, queues: Mutex<Vec<String>> },
}

/// A client, and how to break its connections.
pub struct Client {
    pub broker: Arc<dyn Broker>,
    way: Way,
}

enum Way {
    Memory(Arc<MemoryBroker>),
    Real(Proxy),
}

/// A consumer that is open.
pub struct Consumer {
    pub deliveries: mpsc::Receiver<Delivery>,
    pub stop: CancellationToken,
    pub ended: JoinHandle<Result<()>>,
}

impl World {
    pub fn memory(queue_type: Option<QueueType>) -> Self {
        Self::Memory { server: MemoryServer::starting_at(1_700_000_000_000), queue_type }
    }

    pub fn real(queue_type: Option<QueueType>) -> Option<Self> {
        static WORLDS: AtomicU32 = AtomicU32::new(0);
        let url = std::env::var("AMQP_URL").ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("contract-{now}-{number}-");
        Some(Self::Real { url, queue_type, prefix, queues: Mutex::default() })
    }

    /// Whether what goes back into a queue is delivered in the order in which it went back.
    pub fn is_quorum(&self) -> bool {
        let (Self::Memory { queue_type, .. } | Self::Real { queue_type, .. }) = self;
        *queue_type == Some(QueueType::Quorum)
    }

    /// Whether its clock can leap.
    pub fn is_memory(&self) -> bool {
        matches!(self, Self::Memory { .. })
    }

    /// The name of a queue, which nobody else uses.
    pub fn queue(&self, name: &str) -> String {
        match self {
            Self::Memory { .. } => name.to_owned(),
            Self::Real { prefix, queues, .. } => {
                let queue = format!("{prefix}{name}");
                queues.lock().unwrap().push(queue.clone());
                queue
            }
        }
    }

    pub async fn client(&self) -> Client {
        let (Self::Memory { queue_type, .. } | Self::Real { queue_type, .. }) = self;
        self.client_of((*queue_type).into()).await
    }

    /// A client that declares queues in this style.
    pub async fn client_of(&self, style: QueueStyle) -> Client {
        match self {
            Self::Memory { server, .. } => {
                let broker = Arc::new(server.broker("client", Platform::default(), style));
                Client { broker: broker.clone(), way: Way::Memory(broker) }
            }
            Self::Real { url, .. } => {
                let AMQPUri { authority, .. } = url.parse().unwrap();
                let server = format!("{}:{}", authority.host, authority.port);
                let proxy = Proxy::before(server.clone()).await;
                let url = url.replacen(&server, &proxy.address().to_string(), 1);
                assert!(url.contains(&proxy.address().to_string()), "AMQP_URL names its port");
                let settings = AmqpSettings {
                    urls: vec![url],
                    ca: None,
                    cert: None,
                    key: None,
                    connect_timeout: Some(PATIENCE.as_millis() as u64),
                    queue_type: style.queue_type,
                    max_priority: style.max_priority,
                };
                Client { broker: Arc::new(RabbitMq::new(&settings).unwrap()), way: Way::Real(proxy) }
            }
        }
    }

    /// Lets time pass: memory's clock is moved, and the real one goes by itself.
    pub async fn pass(&self, time: Duration) {
        match self {
            Self::Memory { server, .. } => {
                server.clock().advance(time);
                // What wakes up now goes on.
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
            }
            Self::Real { .. } => tokio::time::sleep(time).await,
        }
    }

    pub async fn delete_queue(&self, name: &str) {
        match self {
            Self::Memory { server, .. } => server.delete_queue(name),
            Self::Real { url, .. } => delete(url, &[name.to_owned()]).await,
        }
    }

    /// Leaves nothing behind on a real server.
    pub async fn delete_queues(&self) {
        if let Self::Real { url, queues, .. } = self {
            let targets = std::mem::take(&mut *queues.lock().unwrap());
            let delays = (0..6).map(|step| delay::SHORTEST * 2u32.pow(step));
            let delays: Vec<String> = delays
                .flat_map(|delay| targets.iter().map(move |target| delay::queue_name(target, delay)))
                .collect();
            delete(url, &targets).await;
            delete(url, &delays).await;
        }
    }

    /// Waits until that many messages wait in a queue: a broker takes note of some things a moment later.
    pub async fn until_waiting(&self, client: &Client, queue: &str, wanted: u32) {
        let mut seen = None;
        for _ in 0..200 {
            seen = client.broker.waiting(queue).await.unwrap();
            if seen == Some(wanted) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{seen:?} wait in {queue}, not {wanted}");
    }
}

impl Client {
    /// Breaks the connections, as a network does.
    pub fn cut(&self) {
        match &self.way {
            Way::Memory(broker) => broker.cut(),
            Way::Real(proxy) => proxy.cut(),
        }
    }

    /// Publishes one message after the other.
    pub async fn publish<const N: usize>(&self, queue: &str, bodies: [&str; N]) {
        let messages = bodies.map(|body| message(queue, body)).to_vec();
        self.broker.publish(messages).await.unwrap();
    }

    pub fn consume(&self, queue: &str, prefetch: u16) -> Consumer {
        let (sender, deliveries) = mpsc::channel(100);
        let (broker, queue, stop) = (self.broker.clone(), queue.to_owned(), CancellationToken::new());
        let stopping = stop.clone();
        let ended =
            tokio::spawn(async move { broker.consume(&queue, prefetch, sender.into(), stopping).await });
        Consumer { deliveries, stop, ended }
    }

    /// The bodies that are in a queue, each with its redelivered mark; they are put back.
    pub async fn look(&self, queue: &str) -> Vec<(String, bool)> {
        let mut reading = self.broker.read(queue).await.unwrap().expect("there is such a queue");
        let mut seen = Vec::new();
        while let Some(delivery) = reading.next().await.unwrap() {
            seen.push((body(&delivery), delivery.redelivered));
        }
        reading.close().await;
        seen
    }
}

impl Consumer {
    /// The next message.
    pub async fn next(&mut self) -> Delivery {
        match tokio::time::timeout(SOON, self.deliveries.recv()).await.expect("a message arrives") {
            Some(delivery) => delivery,
            None => panic!("the consumer has ended: {:?}", (&mut self.ended).await),
        }
    }

    /// The next messages, by their bodies, each with its redelivered mark.
    pub async fn take(&mut self, count: usize) -> (Vec<(String, bool)>, Vec<Delivery>) {
        let (mut seen, mut taken) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let delivery = self.next().await;
            seen.push((body(&delivery), delivery.redelivered));
            taken.push(delivery);
        }
        (seen, taken)
    }

    /// Nothing comes for a while.
    pub async fn rests(&mut self) {
        if let Ok(Some(delivery)) = tokio::time::timeout(A_WHILE, self.deliveries.recv()).await {
            panic!("'{}' arrived", body(&delivery));
        }
    }

    /// Ends by itself, or because it was told to.
    pub async fn end(self) -> Result<()> {
        drop(self.deliveries);
        tokio::time::timeout(SOON, self.ended).await.expect("the consumer ends").unwrap()
    }
}

/// Deletes queues; those that are not there as well.
async fn delete(url: &str, queues: &[String]) {
    let connection = lapin::Connection::connect(url, Default::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    for queue in queues {
        channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    }
    connection.close(200, "done".into()).await.unwrap();
}

pub fn message(queue: &str, body: &str) -> Outgoing {
    Outgoing { queue: queue.to_owned(), delay: None, body: body.into(), headers: Vec::new(), priority: None }
}

pub fn body(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.body).into()
}

/// Messages that were delivered for the first time.
pub fn new<const N: usize>(bodies: [&str; N]) -> Vec<(String, bool)> {
    bodies.map(|body| (body.to_owned(), false)).to_vec()
}

/// Messages that were delivered before.
pub fn again<const N: usize>(bodies: [&str; N]) -> Vec<(String, bool)> {
    bodies.map(|body| (body.to_owned(), true)).to_vec()
}
