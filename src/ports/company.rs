//! Who executes nodes in this process: many beside each other, or one alone.
//!
//! A node that may have killed a worker is executed alone. If it kills this one too, nobody else can be meant.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// Those who execute nodes in this process.
#[derive(Debug, Default)]
pub struct Company {
    state: Mutex<State>,
    /// Somebody may join, or is alone now. Whoever has waited longest hears it first.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// How many are beside each other.
    beside: usize,
    /// Somebody is alone, or waits for the last of them to leave.
    is_closed: bool,
}

/// One of those who are in company, until this is dropped.
#[derive(Debug)]
pub enum Presence {
    /// Beside others.
    Beside(Arc<Company>),
    /// Alone: nobody joins.
    Alone(Arc<Company>),
}

impl Company {
    /// Joins those who are there; none if somebody was alone for as long as `patience`.
    pub async fn join(self: &Arc<Self>, patience: Duration) -> Option<Presence> {
        let join = |state: &mut State| {
            state.beside += usize::from(!state.is_closed);
            !state.is_closed
        };
        self.within(patience, join).await.then(|| Presence::Beside(self.clone()))
    }

    /// Lets nobody join, and waits until those who are there have left, for as long as `longest`: one of them may wait for
    /// somebody who cannot join. None if somebody else was alone for as long as `patience`.
    pub async fn be_alone(self: &Arc<Self>, patience: Duration, longest: Duration) -> Option<Presence> {
        let close = |state: &mut State| !std::mem::replace(&mut state.is_closed, true);
        if !self.within(patience, close).await {
            return None;
        }
        let alone = Presence::Alone(self.clone());
        // A job that stays longer than this may itself wait for one that cannot join while the company is closed.
        self.within(longest, |state| state.beside == 0).await;
        Some(alone)
    }

    /// Tries again whenever something changes, until it succeeds; whether that was within `patience`.
    async fn within(&self, patience: Duration, attempt: impl Fn(&mut State) -> bool) -> bool {
        if self.with(&attempt) {
            return true;
        }
        let succeeds = async {
            loop {
                let mut changed = pin!(self.changed.notified());
                // Before it is tried: no change gets lost in between.
                changed.as_mut().enable();
                if self.with(&attempt) {
                    return;
                }
                changed.await;
            }
        };
        timeout(patience, succeeds).await.is_ok()
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let (Self::Beside(company) | Self::Alone(company)) = &*self;
        let is_alone = matches!(self, Self::Alone(_));
        let is_news = company.with(|state| {
            match is_alone {
                true => state.is_closed = false,
                false => state.beside -= 1,
            }
            is_alone || (state.is_closed && state.beside == 0)
        });
        if is_news {
            company.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn who_is_alone_waits_for_those_who_are_there_and_keeps_others_out() {
        let company = Arc::new(Company::default());
        let (one, other) = (company.join(SECOND).await.unwrap(), company.join(SECOND).await.unwrap());
        let mut alone = Box::pin(company.be_alone(SECOND, SECOND * 100));
        assert!(timeout(SECOND * 9, &mut alone).await.is_err(), "two are there");
        assert!(company.join(SECOND).await.is_none(), "somebody waits to be alone");
        drop(one);
        assert!(timeout(SECOND * 9, &mut alone).await.is_err(), "one is there");
        drop(other);
        let alone = timeout(SECOND, alone).await.unwrap().unwrap();
        assert!(company.join(SECOND).await.is_none() && company.be_alone(SECOND, SECOND).await.is_none());
        let joining = company.join(SECOND * 9);
        let (joined, ()) = tokio::join!(joining, async {
            tokio::time::sleep(SECOND).await;
            drop(alone);
        });
        assert!(joined.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_to_be_alone_and_who_gives_up_lets_others_in() {
        let company = Arc::new(Company::default());
        let _one = company.join(SECOND).await.unwrap();
        assert!(timeout(SECOND, company.be_alone(SECOND, SECOND * 100)).await.is_err());
        assert!(company.join(SECOND).await.is_some(), "it does not wait any more");
        let begun = Instant::now();
        assert!(company.be_alone(SECOND, SECOND * 30).await.is_some());
        assert_eq!(begun.elapsed(), SECOND * 30);
    }
}
