//! Runs that have paused or ended, told over a channel of Redis. A message that nobody hears is gone: the channel only saves
//! those who wait a look at the record.

use std::sync::Arc;

use futures_util::StreamExt;
use redis::aio::PubSub;
use tokio::sync::mpsc;

use super::connection::Connections;
use crate::error::Result;
use crate::ports::coordination::Told;

/// How many runs may be told of before the first is looked at; the next ones wait in Redis.
const UNHEARD: usize = 1_000;

/// The channel.
pub(super) struct Channel {
    connections: Arc<Connections>,
    name: String,
}

impl Channel {
    /// With this name.
    pub fn new(connections: Arc<Connections>, name: String) -> Self {
        Self { connections, name }
    }

    pub async fn tell(&self, run: &str) -> Result<()> {
        let mut publish = redis::cmd("PUBLISH");
        self.connections.query::<i64>(publish.arg(&self.name).arg(run)).await.map(drop)
    }

    /// Over a connection of its own, which lasts until nobody listens; none in a Cluster, whose client has no such connection.
    pub async fn listen(&self) -> Result<Option<Told>> {
        let Some(subscription) = self.connections.subscribe(&self.name).await? else { return Ok(None) };
        let (teller, told) = mpsc::channel(UNHEARD);
        tokio::spawn(pass_on(subscription, teller));
        Ok(Some(told))
    }
}

async fn pass_on(subscription: PubSub, teller: mpsc::Sender<String>) {
    let mut messages = subscription.into_on_message();
    loop {
        let message = tokio::select! {
            () = teller.closed() => return,
            message = messages.next() => message,
        };
        let Some(message) = message else { return };
        if let Ok(run) = message.get_payload()
            && teller.send(run).await.is_err()
        {
            return;
        }
    }
}
