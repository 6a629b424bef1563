//! Several who declare one queue at the same moment. While a quorum queue comes into being, RabbitMQ fails over whatever
//! else it is asked about that queue and closes the connection, and takes no message for it. A moment later it does.

use std::time::Duration;

use lapin::ErrorKind;

use super::client::amqp_error;
use crate::error::{Error, Result};

const INTERNAL_ERROR: u16 = 541;
/// How often the broker is asked, and how much longer it is given each time.
const TIMES: u32 = 6;
const A_MOMENT: Duration = Duration::from_millis(50);

/// Why the broker did not do what it was asked.
#[derive(Debug)]
pub(super) enum BrokerFailure {
    /// The broker failed over it, or took nothing: the queue may come into being at that moment.
    Collision(Error),
    /// Anything else.
    Other(Error),
}

/// What the broker answers.
pub(super) type BrokerAnswer<T> = std::result::Result<T, BrokerFailure>;

impl BrokerFailure {
    /// What the broker answered to an operation.
    pub fn of(operation: &'static str) -> impl Fn(lapin::Error) -> Self + Copy {
        move |error| {
            let failed = amqp_error(operation, &error);
            match error.kind() {
                ErrorKind::ProtocolError(answer) if answer.get_id() == INTERNAL_ERROR => {
                    Self::Collision(failed)
                }
                _ => Self::Other(failed),
            }
        }
    }
}

impl From<Error> for BrokerFailure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<BrokerFailure> for Error {
    fn from(failure: BrokerFailure) -> Self {
        match failure {
            BrokerFailure::Collision(error) | BrokerFailure::Other(error) => error,
        }
    }
}

/// How often the broker was asked.
#[derive(Debug, Default)]
pub(super) struct Asked(u32);

impl Asked {
    /// The answer, if it is a last one. Else a moment has passed, and the broker is to be asked again.
    pub async fn settled<T>(&mut self, answer: BrokerAnswer<T>) -> Option<Result<T>> {
        self.0 += 1;
        match answer {
            Err(BrokerFailure::Collision(_)) if self.0 < TIMES => {
                tokio::time::sleep(A_MOMENT * self.0).await;
                None
            }
            answer => Some(answer.map_err(Error::from)),
        }
    }
}
