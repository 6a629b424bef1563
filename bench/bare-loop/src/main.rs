//! The bare loop: consume, lease in Redis, load the row, change it, publish with confirm, acknowledge. What is lost
//! against it is the engine's own.
//!
//! It makes no errors good: any of them ends the process, and its figure with it.

mod database;
mod flow;
mod job;
mod questions;

use std::error::Error;
use std::sync::Arc;

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use redis::IntoConnectionInfo;
use redis::io::tcp::TcpSettings;
use serde::Deserialize;

use database::Database;
use job::Worker;
use questions::Marks;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What the bench tells every worker.
#[derive(Deserialize)]
struct Contest {
    /// The name of the queue and of the schema.
    name: String,
    urls: Urls,
    flows: Vec<MarkedFlow>,
    setting: Setting,
}

#[derive(Deserialize)]
struct Urls {
    amqp: String,
    database: String,
    redis: String,
}

#[derive(Deserialize)]
struct MarkedFlow {
    #[serde(default)]
    marks: bool,
}

#[derive(Deserialize)]
struct Setting {
    concurrency: u16,
}

#[tokio::main]
async fn main() -> Result<()> {
    let contest: Contest = serde_json::from_str(&std::env::var("CONTEST")?)?;
    let marks = Arc::new(Marks::new(contest.flows.iter().any(|flow| flow.marks)));

    let redis = contest.urls.redis.as_str().into_connection_info()?;
    let redis = redis::Client::open(redis.set_tcp_settings(TcpSettings::default().set_nodelay(true)))?;

    // Two connections, as the engine has: one publishes, one consumes.
    let publishing = Connection::connect(&contest.urls.amqp, ConnectionProperties::default()).await?;
    let publisher = publishing.create_channel().await?;
    publisher.confirm_select(ConfirmSelectOptions::default()).await?;

    let consuming = Connection::connect(&contest.urls.amqp, ConnectionProperties::default()).await?;
    let channel = consuming.create_channel().await?;
    channel.basic_qos(contest.setting.concurrency, BasicQosOptions::default()).await?;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(contest.name.as_str().into(), durable, FieldTable::default()).await?;
    let mut deliveries = channel
        .basic_consume(
            contest.name.as_str().into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;

    let worker = Arc::new(Worker {
        queue: contest.name.clone(),
        publisher,
        redis: redis.get_multiplexed_async_connection().await?,
        database: Database::open(&contest.urls.database, &contest.name).await?,
        marks: marks.clone(),
    });
    tokio::spawn(async move {
        while let Some(delivery) = deliveries.next().await {
            let worker = worker.clone();
            tokio::spawn(async move {
                let done = match delivery {
                    Ok(delivery) => worker.run(delivery).await,
                    Err(error) => Err(error.into()),
                };
                if let Err(error) = done {
                    eprintln!("{error}");
                    std::process::exit(1);
                }
            });
        }
    });
    questions::answer(&marks).await
}
