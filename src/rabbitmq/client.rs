//! What all users of lapin share: errors, acknowledgements, and an orderly close.

use std::time::Duration;

use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::protocol::{AMQPError, AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::{Channel, Connection, ErrorKind};

use super::uri::AmqpAddress;
use crate::acknowledger;
use crate::error::{Code, Error, Result, with_causes};
use crate::redact;

/// The reply text of a normal close.
pub(super) const REPLY_SUCCESS: u16 = 200;
/// How long an orderly close may take before the connection is dropped.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Closes a connection, and drops it if that takes too long.
pub(super) async fn close(connection: &Connection) {
    let closing = connection.close(REPLY_SUCCESS, "done".into());
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
}

/// The error of an open connection.
pub(super) fn amqp_error(operation: &'static str, error: &lapin::Error) -> Error {
    match error.kind() {
        ErrorKind::ProtocolError(answer) => {
            Error::new(code_of(answer), operation, redact::urls(&with_causes(error)))
        }
        _ => Error::new(Code::BrokerUnreachable, operation, local_words(error)),
    }
}

/// Why a connection could not be opened. The broker's message may quote the login: only its code is shown.
pub(super) fn connect_error(address: &AmqpAddress, error: &lapin::Error) -> Error {
    const OPERATION: &str = "Connecting to RabbitMQ";
    match error.kind() {
        ErrorKind::ProtocolError(answer) => {
            let why = match answer.kind() {
                AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => "the broker refuses the login",
                AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => {
                    "the virtual host does not exist, or the user has no access to it"
                }
                _ => "the broker refuses the connection",
            };
            Error::new(code_of(answer), OPERATION, format!("{address}: {why} (code {})", answer.get_id()))
        }
        _ => Error::new(Code::BrokerUnreachable, OPERATION, format!("{address}: {}", local_words(error))),
    }
}

/// A host that did not answer a new connection.
pub(super) fn no_answer(address: &AmqpAddress, limit: Duration) -> Error {
    let what = format!("{address}: no answer within {} s (option connectTimeout)", limit.as_secs_f64());
    Error::new(Code::BrokerUnreachable, "Connecting to RabbitMQ", what)
}

/// The client's own message.
fn local_words(error: &lapin::Error) -> String {
    match error.kind() {
        // These quote what they could not parse.
        ErrorKind::ParsingError(_) => "what the server answers is not AMQP".to_owned(),
        ErrorKind::AuthProviderError(_) => "the login could not be made".to_owned(),
        _ => with_causes(error),
    }
}

fn code_of(answer: &AMQPError) -> Code {
    match answer.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)
        | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => Code::BrokerRefused,
        _ => Code::BrokerUnreachable,
    }
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
