//! Who executes nodes in this process: many beside each other, or one alone.
//!
//! A node that may have killed a worker is executed alone, at first or throughout. If it kills this one too, nobody else can
//! be meant.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// Those who execute nodes in this process.
#[derive(Debug, Default)]
pub struct Company {
    state: Mutex<State>,
    /// Signals that a node may join, or is alone now; the longest waiter first.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// How many are beside each other.
    beside: usize,
    /// How many were alone at first, and are not any more.
    tried: usize,
    /// Somebody is alone, or waits for the last of them to leave.
    is_closed: bool,
    /// How many wait for whoever is alone, to be alone after them. They go before those who join.
    queued: usize,
}

/// How long a node is executed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Solitude {
    /// Until others are let in.
    AtFirst,
    /// Until it leaves. Those who were alone at first are not beside it either.
    Throughout,
}

/// One of those who are in company, until this is dropped.
#[derive(Debug)]
pub enum Presence {
    /// Beside others.
    Beside(Arc<Company>),
    /// Alone: nobody joins.
    Alone(Arc<Company>),
    /// Was alone at first.
    Tried(Arc<Company>),
}

impl Company {
    /// Joins those who are there; none if somebody was alone, or waited to be, for as long as `patience`.
    pub async fn join(self: &Arc<Self>, patience: Duration) -> Option<Presence> {
        let join = |state: &mut State| {
            let is_open = !state.is_closed && state.queued == 0;
            state.beside += usize::from(is_open);
            is_open
        };
        self.within(patience, join).await.then(|| Presence::Beside(self.clone()))
    }

    /// Lets nobody join, and waits until those who are there have left, for as long as `longest`: one of them may wait for
    /// somebody who cannot join. None if somebody else was alone for as long as `patience`.
    pub async fn be_alone(
        self: &Arc<Self>,
        solitude: Solitude,
        patience: Duration,
        longest: Duration,
    ) -> Option<Presence> {
        let close = |state: &mut State| !std::mem::replace(&mut state.is_closed, true);
        let waiting = InLine::of(self);
        if !self.within(patience, close).await {
            return None;
        }
        drop(waiting);
        let alone = Presence::Alone(self.clone());
        let have_left =
            |state: &mut State| state.beside == 0 && (state.tried == 0 || solitude == Solitude::AtFirst);
        // A job that stays longer than this may itself wait for one that cannot join while the company is closed.
        self.within(longest, have_left).await;
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

impl Presence {
    /// Lets others in, if this one is alone: it has killed nobody so far.
    #[must_use]
    pub fn with_others(self) -> Self {
        match &self {
            Self::Alone(company) => {
                // Counted before it is alone no longer: whoever is to be alone throughout does not miss it.
                company.with(|state| state.tried += 1);
                Self::Tried(company.clone())
            }
            Self::Beside(_) | Self::Tried(_) => self,
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let (Self::Beside(company) | Self::Alone(company) | Self::Tried(company)) = &*self;
        let is_news = company.with(|state| {
            match self {
                Self::Alone(_) => state.is_closed = false,
                Self::Beside(_) => state.beside -= 1,
                Self::Tried(_) => state.tried -= 1,
            }
            matches!(self, Self::Alone(_)) || (state.is_closed && state.beside == 0)
        });
        if is_news {
            company.changed.notify_waiters();
        }
    }
}

/// Somebody who waits to be alone, until this is dropped.
struct InLine<'a>(&'a Company);

impl<'a> InLine<'a> {
    fn of(company: &'a Company) -> Self {
        company.with(|state| state.queued += 1);
        Self(company)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.with(|state| state.queued -= 1);
        self.0.changed.notify_waiters();
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
        let mut alone = Box::pin(company.be_alone(Solitude::Throughout, SECOND, SECOND * 100));
        assert!(timeout(SECOND * 9, &mut alone).await.is_err(), "two are there");
        assert!(company.join(SECOND).await.is_none(), "somebody waits to be alone");
        drop(one);
        assert!(timeout(SECOND * 9, &mut alone).await.is_err(), "one is there");
        drop(other);
        let alone = timeout(SECOND, alone).await.unwrap().unwrap();
        assert!(company.join(SECOND).await.is_none());
        assert!(company.be_alone(Solitude::AtFirst, SECOND, SECOND).await.is_none());
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
        assert!(timeout(SECOND, company.be_alone(Solitude::AtFirst, SECOND, SECOND * 100)).await.is_err());
        assert!(company.join(SECOND).await.is_some(), "it does not wait any more");
        let begun = Instant::now();
        assert!(company.be_alone(Solitude::AtFirst, SECOND, SECOND * 30).await.is_some());
        assert_eq!(begun.elapsed(), SECOND * 30);
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_alone_at_first_is_waited_for_by_those_alone_who_are_alone_throughout() {
        let company = Arc::new(Company::default());
        let alone = |solitude| company.be_alone(solitude, SECOND, SECOND * 30);
        let first = alone(Solitude::AtFirst).await.unwrap().with_others();
        let begun = Instant::now();
        let second = alone(Solitude::AtFirst).await.unwrap();
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert!(company.join(SECOND).await.is_none(), "the second one is alone now");
        let second = second.with_others();
        assert!(company.join(SECOND).await.is_some());
        let leaves = async {
            tokio::time::sleep(SECOND * 9).await;
            drop((first, second));
        };
        let begun = Instant::now();
        let (throughout, ()) = tokio::join!(alone(Solitude::Throughout), leaves);
        assert!(throughout.is_some());
        assert_eq!(begun.elapsed(), SECOND * 9);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_to_be_alone_go_before_those_who_join() {
        let company = Arc::new(Company::default());
        let first = company.be_alone(Solitude::AtFirst, SECOND, SECOND).await.unwrap();
        let joining = company.join(SECOND * 9);
        let next = async {
            let next = company.be_alone(Solitude::AtFirst, SECOND * 9, SECOND).await.unwrap();
            tokio::time::sleep(SECOND * 2).await;
            drop(next);
            Instant::now()
        };
        let leaves = async {
            tokio::time::sleep(SECOND).await;
            drop(first);
        };
        let begun = Instant::now();
        let (joined, left, ()) = tokio::join!(joining, next, leaves);
        assert!(joined.is_some());
        assert_eq!(left - begun, SECOND * 3);
        assert_eq!(begun.elapsed(), SECOND * 3, "it joined once the other had left, and not before");
    }
}
