//! What a person wants to know of a broker before a worker finds it out: whether this user may publish, consume and declare,
//! and whether the queues are as the engine declares them. Nothing is changed, and no message is touched.

use std::time::Duration;

use lapin::options::{BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ErrorKind};
use serde::Serialize;
use uuid::Uuid;

use super::broker::RabbitMq;
use super::client::{amqp_error, close};
use super::queues::{passive, table};
use crate::error::Result;
use crate::ports::arguments::{self, QueueType};
use crate::redact;

const ACCESS_REFUSED: u16 = 403;
const EXAMINING: &str = "Examining RabbitMQ";
/// How long a message to nowhere may take until the broker gives it back.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(3);

/// How a broker stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Examination {
    /// The user who asks.
    pub user: String,
    /// The virtual host.
    pub vhost: String,
    /// Nobody may publish at the moment: it is short of memory or disk.
    pub is_blocked: bool,
    /// Why this user may not publish; absent where it may.
    pub publishing: Option<String>,
    /// The queues that were asked for.
    pub queues: Vec<ExaminedQueue>,
}

/// How a queue stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExaminedQueue {
    /// Its name.
    pub name: String,
    /// Messages that wait; absent where there is no such queue.
    pub messages: Option<u32>,
    /// Who consumes it; absent where there is no such queue.
    pub consumers: Option<u32>,
    /// Why this user may not consume it; absent where it may.
    pub consuming: Option<String>,
    /// Why this user may not declare queues beside it; absent where it may.
    pub declaring: Option<String>,
    /// What of it is not as any type of queue of the engine's; absent where nothing is.
    pub differs: Option<String>,
}

impl RabbitMq {
    /// How the broker and some queues stand, over a connection of its own.
    ///
    /// # Errors
    /// The broker is out of reach, or refuses the login.
    pub async fn examine(&self, queues: &[String]) -> Result<Examination> {
        let connection = self.cluster.connect("examiner").await?;
        let examined = examine(&connection, queues).await;
        close(&connection).await;
        examined
    }
}

async fn examine(connection: &Connection, queues: &[String]) -> Result<Examination> {
    let mut examined = Vec::with_capacity(queues.len());
    for queue in queues {
        examined.push(examine_queue(connection, queue).await?);
    }
    // Last: where nobody may publish, the broker confirms nothing, and hears this connection no more.
    let publisher = channel(connection).await?;
    let publishing = match tokio::time::timeout(CONFIRMED_WITHIN, may_publish(&publisher)).await {
        Ok(asked) => refusal(&asked),
        Err(_) => None,
    };
    let status = connection.status();
    Ok(Examination {
        user: status.username(),
        vhost: status.vhost().to_string(),
        is_blocked: status.blocked(),
        publishing,
        queues: examined,
    })
}

async fn examine_queue(connection: &Connection, queue: &str) -> Result<ExaminedQueue> {
    let found = passive(connection, queue).await?;
    let declaring = refusal(&may_declare(&channel(connection).await?, queue).await);
    let (consuming, differs) = match &found {
        None => (None, None),
        Some(_) => (
            refusal(&may_consume(&channel(connection).await?, queue).await),
            differs(connection, queue).await?,
        ),
    };
    Ok(ExaminedQueue {
        name: queue.to_owned(),
        messages: found.as_ref().map(lapin::Queue::message_count),
        consumers: found.as_ref().map(lapin::Queue::consumer_count),
        consuming,
        declaring,
        differs,
    })
}

/// A refusal closes its channel: each question has one of its own.
async fn channel(connection: &Connection) -> Result<Channel> {
    connection.create_channel().await.map_err(|error| amqp_error(EXAMINING, &error))
}

/// Publishes a message to a queue that cannot exist: the broker gives it back.
async fn may_publish(channel: &Channel) -> lapin::Result<()> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let nowhere = format!("flowcraft-examination-{}", Uuid::now_v7());
    let properties = BasicProperties::default();
    channel.basic_publish("".into(), nowhere.as_str().into(), options, b"", properties).await?.await?;
    Ok(())
}

/// Asks for a consumer of a priority that is none. The broker looks at the user's rights first, and delivers nothing.
async fn may_consume(channel: &Channel, queue: &str) -> lapin::Result<()> {
    let mut arguments = FieldTable::default();
    arguments.insert("x-priority".into(), AMQPValue::LongString("none".into()));
    channel.basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), arguments).await?;
    Ok(())
}

/// Declares a queue beside it, as those of delays are, which goes with the connection.
async fn may_declare(channel: &Channel, queue: &str) -> lapin::Result<()> {
    let options =
        QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let beside = format!("{queue}.delay.{}", Uuid::now_v7());
    channel.queue_declare(beside.as_str().into(), options, FieldTable::default()).await?;
    Ok(())
}

/// Declares a queue that exists as the engine would; the broker says what is otherwise, and changes nothing. Every type will
/// do: the workers' options say which, and a queue is taken as it is.
async fn differs(connection: &Connection, queue: &str) -> Result<Option<String>> {
    let mut said = None;
    for queue_type in [None, Some(QueueType::Classic), Some(QueueType::Quorum)] {
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let arguments = table(arguments::of_queue(queue_type.into()));
        let declared = channel(connection).await?.queue_declare(queue.into(), durable, arguments).await;
        match declared {
            Ok(_) => return Ok(None),
            // Who may not declare it is not told.
            Err(error) if refusal(&Err(error.clone())).is_some() => return Ok(None),
            // Of a quorum queue the last answer says most, of any other the first.
            Err(error) => said = Some(said.filter(|_| queue_type.is_none()).unwrap_or_else(|| words(&error))),
        }
    }
    Ok(said)
}

/// The broker's words where it refuses this user.
fn refusal(asked: &lapin::Result<()>) -> Option<String> {
    let error = asked.as_ref().err()?;
    match error.kind() {
        ErrorKind::ProtocolError(answer) if answer.get_id() == ACCESS_REFUSED => Some(words(error)),
        _ => None,
    }
}

fn words(error: &lapin::Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(answer) => redact::urls(answer.get_message().as_str()).into_owned(),
        _ => amqp_error(EXAMINING, error).message,
    }
}
