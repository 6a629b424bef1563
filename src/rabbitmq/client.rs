//! What everything that goes over lapin shares: its errors in our words, acknowledgements, and an orderly close.

use std::time::Duration;

use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::{Channel, Connection};

use crate::acknowledger;
use crate::error::{Error, Result, with_causes};

/// What a close says that has no reason but that all is done.
pub(super) const REPLY_SUCCESS: u16 = 200;
/// How long an orderly close may take before the connection is simply dropped.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Closes a connection in order, and drops it where that takes too long.
pub(super) async fn close(connection: &Connection) {
    let closing = connection.close(REPLY_SUCCESS, "done".into());
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
}

/// Whatever goes wrong on a connection may go well on another.
pub(super) fn amqp_error(operation: &'static str, error: &lapin::Error) -> Error {
    Error::transient(operation, with_causes(error))
}

impl acknowledger::Channel for Channel {
    async fn ack(&self, tag: u64, multiple: bool) -> Result<()> {
        self.basic_ack(tag, BasicAckOptions { multiple }).await.map_err(settle_error)
    }

    async fn nack(&self, tag: u64) -> Result<()> {
        let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        self.basic_nack(tag, options).await.map_err(settle_error)
    }
}

fn settle_error(error: lapin::Error) -> Error {
    amqp_error("Acknowledging", &error)
}
