//! What the connections of a pool have in common: how long they are waited for, and which of them are used no more.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::config::Host;
use tokio_postgres::{CancelToken, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::debug;

use super::cancel;
use super::pooler::Found;

/// What the connections of a pool have in common.
pub(super) struct Upkeep {
    opened: AtomicU64,
    tls: Option<MakeRustlsConnect>,
    limit: Option<Duration>,
    patience: Duration,
    /// Where it is, if there is one host.
    host: Option<(Host, u16)>,
    /// Whether a pooler stands before the server, as the user says.
    pooler: Option<bool>,
    way: Mutex<Option<Found>>,
    /// Nothing can be done over what stands before the server.
    is_unfit: AtomicBool,
    /// When a connection did not answer last.
    silent: Mutex<Option<Instant>>,
}

/// How long one waits.
pub(super) struct Waits {
    /// For a statement; none for as long as it takes.
    pub limit: Option<Duration>,
    /// For a connection to be opened.
    pub patience: Duration,
}

impl Upkeep {
    /// Nothing is known yet of the way to the server.
    pub fn new(
        config: &Config,
        tls: Option<MakeRustlsConnect>,
        Waits { limit, patience }: Waits,
        pooler: Option<bool>,
    ) -> Self {
        Self {
            opened: AtomicU64::default(),
            tls,
            limit,
            patience,
            host: cancel::only_host(config),
            pooler,
            way: Mutex::default(),
            is_unfit: AtomicBool::new(false),
            silent: Mutex::default(),
        }
    }

    /// Whether a pooler stands before the server, as the user says.
    pub fn pooler(&self) -> Option<bool> {
        self.pooler
    }

    /// Where the last connection leads; none before the first.
    pub fn way(&self) -> Option<Found> {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes where a connection leads. What was once reached through a pooler is asked as through one.
    pub fn note_way(&self, found: Found) {
        let mut way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        let was_pooled = way.is_some_and(|way| way.is_pooled);
        *way = Some(Found { is_pooled: found.is_pooled || was_pooled, ..found });
    }

    /// Whether several clients share a connection to the server.
    pub fn is_pooled(&self) -> bool {
        self.way().is_some_and(|way| way.is_pooled)
    }

    /// Whether a statement alone has to be told how it reads: nothing can be set on the connection.
    pub fn has_to_say_level(&self) -> bool {
        self.way().is_some_and(|way| way.is_pooled && !way.reads_committed)
    }

    /// No transaction is possible over what stands before the server.
    pub fn note_unfit(&self) {
        self.is_unfit.store(true, Ordering::Relaxed);
    }

    /// Whether no transaction is possible.
    pub fn is_unfit(&self) -> bool {
        self.is_unfit.load(Ordering::Relaxed)
    }

    /// How connections are encrypted, if they are.
    pub fn tls(&self) -> Option<&MakeRustlsConnect> {
        self.tls.as_ref()
    }

    /// How long a statement may take; none for no limit.
    pub fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// How long a connection may take to be opened.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// One more connection was opened.
    pub fn note_opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    /// How many connections were opened so far.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// A connection did not answer. Others that were opened before lead the same way.
    pub fn distrust(&self) {
        *self.silent.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection that was opened then is used no more.
    pub fn is_distrusted(&self, opened: Instant) -> bool {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|silent| silent > opened)
    }

    /// Asks the server over another connection to give up a statement. Must be called within the shared runtime.
    pub fn cancel(self: &Arc<Self>, token: CancelToken) {
        let upkeep = self.clone();
        tokio::spawn(async move {
            let asked = async {
                match (&upkeep.host, &upkeep.tls) {
                    (Some(host), tls) if upkeep.is_pooled() => cancel::ask_pooler(&token, host, tls.as_ref())
                        .await
                        .map_err(|error| error.to_string()),
                    (None, _) if upkeep.is_pooled() => Ok(()),
                    (_, Some(tls)) => {
                        token.cancel_query(tls.clone()).await.map_err(|error| error.to_string())
                    }
                    (_, None) => token.cancel_query(NoTls).await.map_err(|error| error.to_string()),
                }
            };
            if let Ok(Err(error)) = tokio::time::timeout(upkeep.patience, asked).await {
                debug!(error, "a statement could not be cancelled");
            }
        });
    }
}
