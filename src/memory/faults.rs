//! Where a simulation decides what goes wrong between a client and a memory server, and within the server.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tracing::debug;

use super::clock::MemoryClock;
use crate::error::Result;

/// What is about to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerEvent<'a> {
    /// A client opens a connection to the broker.
    Connect {
        /// The client's name.
        client: &'a str,
        /// What the connection is for: `publisher`, `consumer` or `reader`.
        purpose: &'static str,
    },
    /// A client publishes a message, and waits for its confirm. A failure is this message's alone.
    Publish {
        /// The client's name.
        client: &'a str,
        /// Where the message is to arrive, after its delay.
        queue: &'a str,
        /// How long it waits on its way.
        delay: Option<Duration>,
        /// Its body.
        body: &'a [u8],
    },
    /// A message arrives at a consumer. A failure loses the consumer's connection, before the message is handed over or
    /// after it was.
    Deliver {
        /// The client's name.
        client: &'a str,
        /// The queue it comes from.
        queue: &'a str,
        /// Its body.
        body: &'a [u8],
    },
    /// A client acknowledges messages or puts one back. A failure loses the connection, before the broker knows of it or
    /// after.
    Settle {
        /// The client's name.
        client: &'a str,
        /// The last delivery it is about.
        tag: u64,
        /// Whether it is put back.
        requeue: bool,
    },
    /// A client asks how many messages wait in a queue, or for the next one to look at.
    Look {
        /// The client's name.
        client: &'a str,
        /// The queue.
        queue: &'a str,
    },
    /// The broker moves a message on whose delay is over. A failure of either kind loses it; asked only where a broker
    /// may lose it, which is for classic queues.
    Expire {
        /// The delay queue.
        queue: &'a str,
        /// Where the message goes.
        target: &'a str,
        /// Its body.
        body: &'a [u8],
    },
    /// A client asks something of the coordination store.
    Coordinate {
        /// The client's name.
        client: &'a str,
        /// What is asked.
        operation: Operation,
        /// The keys it is about.
        keys: &'a [&'a str],
    },
    /// A client asks something of the record.
    Record {
        /// The client's name.
        client: &'a str,
        /// What is asked.
        operation: RecordOperation,
        /// The runs it is about; none where it is about tables.
        runs: &'a [&'a str],
    },
}

/// What is asked of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOperation {
    /// Reads runs.
    Load,
    /// Reads anything but whole runs.
    Look,
    /// Writes runs, in a transaction.
    Write,
    /// Changes status rows alone.
    Touch,
    /// Takes steps of migration.
    Migrate,
    /// Says or reads which workers are alive.
    Announce,
    /// Reads or changes schedules, and starts their runs.
    Schedule,
}

/// An operation of a coordination store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Adds one to a counter.
    Increment,
    /// Sets a key that does not exist.
    SetIfNotExist,
    /// Gives a key another time to live.
    ExtendTtl,
    /// Removes a key.
    Delete,
    /// Reads a key.
    Get,
    /// Takes or renews leases, all in one step.
    Acquire,
    /// Gives leases up, all in one step.
    Release,
    /// A worker says that it lives, or that it stops.
    Announce,
    /// Reads which workers are alive.
    Announced,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails, without an effect.
    FailBefore,
    /// It has its effect, but its answer is lost.
    FailAfter,
    /// Its effect comes later.
    Delay(Duration),
    /// It has its effect at once, but its answer comes later.
    DelayAnswer(Duration),
    /// There is never an answer, although nothing breaks: the client has to stop waiting.
    Silence {
        /// It has its effect at once.
        has_effect: bool,
    },
}

/// Decides what goes wrong. It is called under the server's lock and must not call the server.
pub trait Faults: fmt::Debug + Send + Sync {
    /// The fault of an event that is about to happen; none for no fault.
    fn strike(&self, event: &ServerEvent<'_>) -> Option<Fault>;
}

/// The faults of one server; none at first.
#[derive(Debug, Default)]
pub(super) struct FaultSlot(RwLock<Option<Arc<dyn Faults>>>);

impl FaultSlot {
    pub fn set(&self, faults: Option<Arc<dyn Faults>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    pub fn strike(&self, event: &ServerEvent<'_>) -> Option<Fault> {
        let faults = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        let fault = faults?.strike(event);
        if let Some(fault) = fault {
            debug!(?fault, ?event, "fault");
        }
        fault
    }
}

/// Applies `effect` as the fault decides. `lost` has the effect of a failure and makes its error.
pub(super) async fn under<T>(
    fault: Option<Fault>,
    clock: &MemoryClock,
    effect: impl FnOnce() -> Result<T>,
    lost: impl FnOnce() -> crate::error::Error,
) -> Result<T> {
    match fault {
        None => effect(),
        Some(Fault::FailBefore) => Err(lost()),
        Some(Fault::FailAfter) => effect().and_then(|_| Err(lost())),
        Some(Fault::Delay(wait)) => {
            clock.sleep(wait).await;
            effect()
        }
        Some(Fault::DelayAnswer(wait)) => {
            let answer = effect();
            clock.sleep(wait).await;
            answer
        }
        Some(Fault::Silence { has_effect }) => {
            let _unheard = has_effect.then(effect);
            std::future::pending().await
        }
    }
}
