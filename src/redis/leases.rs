//! Taking leases and giving them up: those of many jobs in one script.
//!
//! A job that is alone leaves alone; those that come while others are under way leave together. Nobody gets in
//! between the reading and the writing of a lease.

use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;
use redis::Script;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::connection::Connections;
use crate::batcher::{Batches, Request};
use crate::error::{Error, Result};
use crate::ports::keys;
use crate::ports::platform::Platform;

const OPERATION: &str = "Taking a lease";

/// 1 for every key that is now its owner's, 0 for one that is another's. What is no text is nobody's lease.
const ACQUIRE: &str = "
    local taken = {}
    for i, key in ipairs(KEYS) do
        local owner, ttl, held = ARGV[2 * i], ARGV[2 * i + 1], redis.pcall('GET', key)
        if type(held) == 'string' and held ~= owner and held ~= ARGV[1] then
            taken[i] = 0
        else
            redis.call('SET', key, owner, 'EX', ttl)
            taken[i] = 1
        end
    end
    return taken";

/// Removes every key that is still its owner's.
const RELEASE: &str = "
    for i, key in ipairs(KEYS) do
        if redis.pcall('GET', key) == ARGV[i] then redis.call('DEL', key) end
    end";

/// A lease that somebody waits for.
struct Acquire {
    key: String,
    owner: String,
    ttl: u64,
    answer: oneshot::Sender<Result<bool>>,
}

/// A lease to be given up.
struct Release {
    key: String,
    owner: String,
    /// Gone when it is on its way.
    _sent: oneshot::Sender<()>,
}

impl Request for Acquire {
    fn exclusive(&self) -> Option<&str> {
        None
    }
}

impl Request for Release {
    fn exclusive(&self) -> Option<&str> {
        None
    }
}

/// The leases of one Redis. Clones share everything.
#[derive(Clone)]
pub(super) struct LeaseScripts {
    connections: Arc<Connections>,
    acquire: Script,
    release: Script,
    acquires: Arc<Batches<Acquire>>,
    releases: Arc<Batches<Release>>,
    /// Those that were sent and not answered.
    releasing: TaskTracker,
}

impl LeaseScripts {
    pub fn new(connections: Arc<Connections>) -> Self {
        let releasing = TaskTracker::new();
        // Whoever waits does so for what is under way; more may come.
        releasing.close();
        Self {
            connections,
            acquire: Script::new(ACQUIRE),
            release: Script::new(RELEASE),
            acquires: Arc::new(Batches::new(Platform::default())),
            releases: Arc::new(Batches::new(Platform::default())),
            releasing,
        }
    }

    /// Takes or renews a lease; whether it is now `owner`'s. `key` is complete.
    pub async fn acquire(&self, key: String, owner: &str, ttl: u64) -> Result<bool> {
        let (answer, answered) = oneshot::channel();
        let this = self.clone();
        self.acquires
            .submit(Acquire { key, owner: owner.to_owned(), ttl, answer }, move |batch| {
                let this = this.clone();
                async move { this.acquire_all(batch).await }
            })
            .await;
        answered.await.unwrap_or_else(|_| Err(Error::transient(OPERATION, "the answer was lost")))
    }

    /// Gives a lease up. Comes back when that is on its way; only who takes it there, for many, sees the answer.
    pub async fn release(&self, key: String, owner: &str) {
        let (sent, on_its_way) = oneshot::channel();
        let this = self.clone();
        self.releases
            .submit(Release { key, owner: owner.to_owned(), _sent: sent }, move |batch| {
                let this = this.clone();
                async move { this.release_all(batch).await }
            })
            .await;
        let _ = on_its_way.await;
    }

    /// Waits until what was given up is answered.
    pub async fn settle(&self) {
        self.releasing.wait().await;
    }

    async fn acquire_all(&self, batch: Vec<Acquire>) {
        join_all(self.scripts(batch).into_iter().map(|together| self.acquire_together(together))).await;
    }

    async fn release_all(&self, batch: Vec<Release>) {
        let _under_way = self.releasing.token();
        join_all(self.scripts(batch).into_iter().map(|together| self.release_together(together))).await;
    }

    /// What goes into one script each. Those for several servers are sent one after the other, and not waited for.
    fn scripts<R>(&self, batch: Vec<R>) -> Vec<Vec<R>> {
        match self.connections.has_one_server() {
            true => vec![batch],
            false => batch.into_iter().map(|request| vec![request]).collect(),
        }
    }

    async fn acquire_together(&self, batch: Vec<Acquire>) {
        let mut invocation = self.acquire.arg(keys::RECONCILER_MARK);
        for Acquire { key, owner, ttl, .. } in &batch {
            invocation.key(key).arg(owner).arg(ttl);
        }
        let answers: Result<Vec<bool>> = self.connections.invoke(&invocation).await;
        match answers {
            Ok(answers) if answers.len() == batch.len() => {
                for (request, taken) in batch.into_iter().zip(answers) {
                    let _ = request.answer.send(Ok(taken));
                }
            }
            Ok(_) => {} // No script of ours answers so.
            Err(error) => batch.into_iter().for_each(|each| drop(each.answer.send(Err(error.clone())))),
        }
    }

    async fn release_together(&self, batch: Vec<Release>) {
        let mut invocation = self.release.prepare_invoke();
        for Release { key, owner, .. } in &batch {
            invocation.key(key).arg(owner);
        }
        let released = async {
            let mut connection = self.connections.get().await?;
            let answer = {
                let mut asking = pin!(invocation.invoke_async::<()>(&mut connection));
                let at_once = asking.as_mut().now_or_never();
                // Asked once, it is on its way.
                drop(batch);
                match at_once {
                    Some(answer) => answer,
                    None => asking.await,
                }
            };
            self.connections.answer(&connection, answer).await
        };
        if let Err(error) = released.await {
            debug!(%error, "leases left to run out");
        }
    }
}
