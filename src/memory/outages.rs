//! Servers that are out of reach until they are back.

use std::sync::atomic::{AtomicBool, Ordering};

use super::faults::{Fault, Faults, ServerEvent};

/// A server that may be out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// The broker.
    Broker,
    /// The record.
    Record,
    /// The coordination store.
    Coordination,
}

/// Which servers are out of reach: whatever is asked of them fails, without an effect.
#[derive(Debug, Default)]
pub(super) struct Outages {
    broker: AtomicBool,
    record: AtomicBool,
    coordination: AtomicBool,
}

impl Outages {
    pub fn set(&self, server: Server, is_out: bool) {
        self.of(server).store(is_out, Ordering::Relaxed);
    }

    fn of(&self, server: Server) -> &AtomicBool {
        match server {
            Server::Broker => &self.broker,
            Server::Record => &self.record,
            Server::Coordination => &self.coordination,
        }
    }
}

impl Faults for Outages {
    fn strike(&self, event: &ServerEvent<'_>) -> Option<Fault> {
        let server = match event {
            ServerEvent::Connect { .. }
            | ServerEvent::Publish { .. }
            | ServerEvent::Deliver { .. }
            | ServerEvent::Settle { .. }
            | ServerEvent::Look { .. } => Server::Broker,
            ServerEvent::Record { .. } => Server::Record,
            ServerEvent::Coordinate { .. } => Server::Coordination,
            // The broker's own doing: it goes on behind the cut line.
            ServerEvent::Expire { .. } => return None,
        };
        self.of(server).load(Ordering::Relaxed).then_some(Fault::FailBefore)
    }
}
