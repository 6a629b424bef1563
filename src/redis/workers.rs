//! The workers of a fleet, in one hash: a key has one place in a Cluster, and no list of keys is needed.
//!
//! A field is a worker's name; its value is two moments by the server's clock, when it was heard and when it is gone, and
//! what it says of itself.

use std::sync::Arc;

use redis::Script;

use super::connection::Connections;
use crate::error::Result;
use crate::ports::announcement::{Announced, Announcement};

const ANNOUNCE: &str = "
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %.0f ', now, now + ARGV[3] * 1000) .. ARGV[2])
    redis.call('EXPIRE', KEYS[1], ARGV[3])";

/// Those that are gone are removed.
const ANNOUNCED: &str = "
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local all, alive = redis.call('HGETALL', KEYS[1]), {}
    for i = 1, #all, 2 do
        local heard, gone, card = string.match(all[i + 1], '^(%d+) (%d+) (.*)$')
        if gone and tonumber(gone) > now then
            alive[#alive + 1] = string.format('%.0f', now - heard)
            alive[#alive + 1] = card
        else
            redis.call('HDEL', KEYS[1], all[i])
        end
    end
    return alive";

/// The workers that one Redis knows.
pub(super) struct WorkerScripts {
    connections: Arc<Connections>,
    key: String,
    announce: Script,
    announced: Script,
}

impl WorkerScripts {
    /// In the hash with this key.
    pub fn new(connections: Arc<Connections>, key: String) -> Self {
        Self { connections, key, announce: Script::new(ANNOUNCE), announced: Script::new(ANNOUNCED) }
    }

    pub async fn announce(&self, announcement: &Announcement<'_>) -> Result<()> {
        let Announcement { worker, card, ttl } = announcement;
        let mut invocation = self.announce.key(&self.key);
        self.connections.invoke(invocation.arg(worker).arg(card).arg(ttl)).await
    }

    pub async fn withdraw(&self, worker: &str) -> Result<()> {
        self.connections.query::<i64>(redis::cmd("HDEL").arg(&self.key).arg(worker)).await.map(drop)
    }

    pub async fn announced(&self) -> Result<Vec<Announced>> {
        let all: Vec<(u64, String)> = self.connections.invoke(&self.announced.key(&self.key)).await?;
        Ok(all.into_iter().map(|(age, card)| Announced { card, age }).collect())
    }
}
