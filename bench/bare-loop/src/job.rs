//! The life of one job.

use std::sync::Arc;

use futures_util::future::try_join_all;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicPublishOptions};
use lapin::{BasicProperties, Channel};
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, ExistenceCheck, SetExpiry, SetOptions};

use crate::Result;
use crate::database::{Change, Database};
use crate::flow::{Message, Place};
use crate::questions::Marks;

const PERSISTENT: u8 = 2;
const LEASE_SECONDS: u64 = 15;

pub struct Worker {
    pub queue: String,
    pub publisher: Channel,
    pub redis: MultiplexedConnection,
    pub database: Database,
    pub marks: Arc<Marks>,
}

impl Worker {
    pub async fn run(&self, delivery: Delivery) -> Result<()> {
        let message: Message = serde_json::from_slice(&delivery.data)?;
        let node = message.node();
        let lease = format!("flowcraft:nodelock:{}:{node}", message.run_id);
        let mut redis = self.redis.clone();
        let once = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(SetExpiry::EX(LEASE_SECONDS));
        let leased: bool = redis.set_options(&lease, "held", once).await?;
        if !leased {
            return Err(format!("{lease} is held by somebody else").into());
        }

        let context = self.database.load(&message.run_id).await?;
        self.marks.mark();
        let output = match message.input() {
            None => 1,
            Some(input) => context.number(&format!("_outputs.{input}"))? + 1,
        };

        let changed = self
            .database
            .change(Change {
                run: message.run_id.clone(),
                key: format!("_outputs.{node}"),
                value: output,
                counts: message.place() == Place::Wide,
                ends: message.ends(),
            })
            .await?;
        let next = message.next(changed == Some(message.size));
        try_join_all(next.iter().map(|message| self.publish(message))).await?;

        let _: () = redis.del(&lease).await?;
        delivery.ack(BasicAckOptions::default()).await?;
        Ok(())
    }

    async fn publish(&self, message: &Message) -> Result<()> {
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        let body = serde_json::to_vec(message)?;
        let confirm = self
            .publisher
            .basic_publish(
                "".into(),
                self.queue.as_str().into(),
                BasicPublishOptions::default(),
                &body,
                properties,
            )
            .await?
            .await?;
        if confirm.is_ack() { Ok(()) } else { Err("the broker did not take a message".into()) }
    }
}
