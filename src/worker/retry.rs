//! Retry with backoff, until the worker aborts.

use std::future::Future;

use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::error::{Error, Kind, Result};
use crate::ports::about::About;
use crate::ports::platform::Platform;
use crate::worker::notices::Notices;

/// Retries what fails, waiting longer each time, until the worker aborts. Clones share the abort token.
#[derive(Clone)]
pub struct Retry {
    notices: Notices,
    platform: Platform,
    abort: CancellationToken,
}

impl Retry {
    /// Retries until `abort`.
    pub fn new(notices: Notices, platform: Platform, abort: CancellationToken) -> Self {
        Self { notices, platform, abort }
    }

    /// The token that ends every wait.
    pub fn abort(&self) -> &CancellationToken {
        &self.abort
    }

    /// Makes an attempt until one succeeds. Data that cannot be stored is not tried again; everything else (a server
    /// that is down, a table that is missing) somebody may mend.
    ///
    /// # Errors
    /// Of kind [`Kind::Data`], or [`Kind::Stopping`] when the worker aborts.
    pub async fn until_done<T, F>(&self, attempt: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.unless(|_| false, attempt).await
    }

    /// The same, where it also ends with an error that the caller sees to.
    ///
    /// # Errors
    /// As [`until_done`](Self::until_done), and those that `is_for_caller` chooses.
    pub async fn unless<T, F>(
        &self,
        is_for_caller: impl Fn(&Error) -> bool,
        attempt: impl Fn() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut backoff = Backoff::new(&self.platform);
        loop {
            let error = match attempt().await {
                Err(error) if error.kind() != Kind::Data && !is_for_caller(&error) => error,
                done => return done,
            };
            if self.abort.is_cancelled() {
                return Err(error.while_stopping());
            }
            if !error.is_told {
                self.notices.warn(About::of(&error), format!("{error}; trying again"));
            }
            tokio::select! {
                biased;
                () = self.abort.cancelled() => {}
                () = backoff.wait() => {}
            }
        }
    }
}
