//! Servers that a whole process shares, by their names.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::memory_server::MemoryServer;
use crate::ports::platform::{Clock, SystemClock};

/// The servers that have a name.
static NAMED: Mutex<BTreeMap<String, Arc<MemoryServer>>> = Mutex::new(BTreeMap::new());

/// The server of that name, shared by all of this process.
pub fn server(name: &str) -> Arc<MemoryServer> {
    let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    named.entry(name.to_owned()).or_insert_with(|| MemoryServer::starting_at(SystemClock.now())).clone()
}

/// Forgets the server of that name, with all that is in it. Its clients lose their connections; whoever names it again gets
/// another one.
pub fn forget(name: &str) {
    let server = NAMED.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    if let Some(server) = server {
        server.reset();
    }
}

/// Resets the server of that name, if there is one. Its clients lose their connections.
pub fn reset(name: &str) {
    let server = NAMED.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
    if let Some(server) = server {
        server.reset();
    }
}
