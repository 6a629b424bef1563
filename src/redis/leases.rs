//! Takes leases and gives them up, many in one script. A script is atomic: no other client comes between reading and writing
//! a lease.

use std::borrow::Cow;
use std::slice;
use std::sync::Arc;

use futures_util::future::join_all;
use redis::Script;

use super::connection::Connections;
use crate::error::{Error, Result};
use crate::ports::coordination::{Acquired, GIVEN_UP_STAYS, Lease};
use crate::ports::keys;

/// Answers for each key: 0 if another owner has it, 1 if its owner has it now, 2 if it did not exist and so was not given up
/// recently. A value that is not a string is no lease.
const ACQUIRE: &str = "
    local taken = {}
    for i, key in ipairs(KEYS) do
        local owner, ttl, held = ARGV[2 * i], ARGV[2 * i + 1], redis.pcall('GET', key)
        if type(held) == 'string' and held ~= owner and held ~= ARGV[1] then
            taken[i] = 0
        else
            redis.call('SET', key, owner, 'EX', ttl)
            taken[i] = held == false and 2 or 1
        end
    end
    return taken";

/// Gives up every key that its owner still has. For a while the key holds the reconciler's mark, which blocks nobody.
const RELEASE: &str = "
    for i, key in ipairs(KEYS) do
        if redis.pcall('GET', key) == ARGV[i + 2] then
            -- Where memory is short, Redis refuses what needs some, and takes what frees some.
            local marked = redis.pcall('SET', key, ARGV[1], 'EX', ARGV[2])
            if marked.err then redis.call('DEL', key) end
        end
    end";

/// The leases of one Redis.
pub(super) struct LeaseScripts {
    connections: Arc<Connections>,
    prefix: String,
    acquire: Script,
    release: Script,
}

impl LeaseScripts {
    pub fn new(connections: Arc<Connections>, prefix: String) -> Self {
        Self { connections, prefix, acquire: Script::new(ACQUIRE), release: Script::new(RELEASE) }
    }

    /// Takes or renews leases.
    pub async fn acquire(&self, leases: &[Lease]) -> Vec<Result<Acquired>> {
        let scripts = self.scripts(leases).map(|together| self.acquire_together(together));
        join_all(scripts).await.into_iter().flatten().collect()
    }

    /// Gives leases up.
    pub async fn release(&self, leases: &[Lease]) -> Result<()> {
        let scripts = self.scripts(leases).map(|together| self.release_together(together));
        join_all(scripts).await.into_iter().collect()
    }

    /// The leases of each script. Keys of a Cluster get one script each; all scripts run at the same time.
    fn scripts<'a>(&self, leases: &'a [Lease]) -> slice::Chunks<'a, Lease> {
        let size = if self.connections.has_one_server() { leases.len() } else { 1 };
        leases.chunks(size.max(1))
    }

    async fn acquire_together(&self, leases: &[Lease]) -> Vec<Result<Acquired>> {
        let mut invocation = self.acquire.arg(keys::RECONCILER_MARK);
        for Lease { key, owner, ttl } in leases {
            invocation.key(self.key(key)).arg(owner).arg(ttl);
        }
        let acquired = |taken| match taken {
            0 => Acquired::No,
            1 => Acquired::Yes,
            _ => Acquired::Fresh,
        };
        match self.connections.invoke::<Vec<u8>>(&invocation).await {
            Ok(taken) => taken.into_iter().map(|taken| Ok(acquired(taken))).collect(),
            Err(error) => leases.iter().map(|_| Err::<Acquired, Error>(error.clone())).collect(),
        }
    }

    async fn release_together(&self, leases: &[Lease]) -> Result<()> {
        let mut invocation = self.release.arg(keys::RECONCILER_MARK);
        invocation.arg(GIVEN_UP_STAYS);
        for Lease { key, owner, .. } in leases {
            invocation.key(self.key(key)).arg(owner);
        }
        self.connections.invoke(&invocation).await
    }

    fn key<'a>(&self, key: &'a str) -> Cow<'a, str> {
        match self.prefix.as_str() {
            "" => key.into(),
            prefix => format!("{prefix}{key}").into(),
        }
    }
}
