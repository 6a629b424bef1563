//! Whether a server answers, as everybody found who asked it something. Nobody is asked for that alone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::error::{Code, Error, Kind};

/// What is known of one server.
#[derive(Debug)]
pub struct Answering {
    made: Instant,
    /// When it last answered, in milliseconds after `made`.
    heard: AtomicU64,
    is_lost: AtomicBool,
    lost: Mutex<Option<Outage>>,
    /// It was lost, or is back.
    changed: Notify,
}

/// A server that is out of reach.
#[derive(Debug, Clone)]
pub struct Outage {
    /// Since when.
    pub since: Instant,
    /// What its last failure was.
    pub error: Error,
}

impl Default for Answering {
    fn default() -> Self {
        Self {
            made: Instant::now(),
            heard: AtomicU64::new(0),
            is_lost: AtomicBool::new(false),
            lost: Mutex::default(),
            changed: Notify::new(),
        }
    }
}

impl Answering {
    /// What came of a question: none where it was answered.
    pub fn note(&self, error: Option<&Error>) {
        match error {
            Some(error) if error.kind() == Kind::Stopping => {}
            Some(error) if speaks_of_an_outage(error) => self.lose(error),
            _ => self.hear(),
        }
    }

    /// Why and since when it is out of reach; none where it answers, or was never asked.
    pub fn lost(&self) -> Option<Outage> {
        self.with(|lost| lost.clone())
    }

    /// How long ago it last answered, or was first known.
    pub fn silent_for(&self) -> Duration {
        self.made.elapsed().saturating_sub(Duration::from_millis(self.heard.load(Ordering::Relaxed)))
    }

    /// Waits until it is lost, or back.
    pub async fn change(&self) {
        self.changed.notified().await;
    }

    fn hear(&self) {
        let now = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.store(now, Ordering::Relaxed);
        if self.is_lost.load(Ordering::Relaxed) {
            self.with(|lost| *lost = None);
            self.is_lost.store(false, Ordering::Relaxed);
            self.changed.notify_one();
        }
    }

    fn lose(&self, error: &Error) {
        let is_new = self.with(|lost| match lost {
            Some(lost) => {
                lost.error = error.clone();
                false
            }
            None => {
                *lost = Some(Outage { since: Instant::now(), error: error.clone() });
                true
            }
        });
        self.is_lost.store(true, Ordering::Relaxed);
        if is_new {
            self.changed.notify_one();
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Option<Outage>) -> T) -> T {
        act(&mut self.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether an error is about the server, and not about what was asked of it: nothing else would be answered either.
fn speaks_of_an_outage(error: &Error) -> bool {
    match error.code {
        Code::DatabaseUnreachable
        | Code::BrokerUnreachable
        | Code::RedisUnreachable
        | Code::RedisRefused
        | Code::CoordinationStoreFailed => true,
        // A login is refused; a privilege concerns one statement.
        Code::DatabaseRefused => error.sql_state.is_some_and(|state| state.class() == "28"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SqlState;

    fn error(code: Code) -> Error {
        Error::new(code, "Asking", "no")
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_is_lost_from_its_first_failure_to_its_next_answer() {
        let answering = Answering::default();
        assert!(answering.lost().is_none());
        answering.note(Some(&error(Code::DatabaseUnreachable)));
        tokio::time::advance(Duration::from_secs(3)).await;
        answering.note(Some(&Error { message: "still no".into(), ..error(Code::DatabaseUnreachable) }));
        let lost = answering.lost().unwrap();
        assert_eq!((lost.since.elapsed(), lost.error.message.as_str()), (Duration::from_secs(3), "still no"));
        assert_eq!(answering.silent_for(), Duration::from_secs(3));
        answering.note(None);
        assert!(answering.lost().is_none());
        assert_eq!(answering.silent_for(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn each_change_is_heard_of_once() {
        let answering = Answering::default();
        answering.note(Some(&error(Code::RedisUnreachable)));
        answering.note(Some(&error(Code::RedisUnreachable)));
        answering.change().await;
        let again = tokio::time::timeout(Duration::from_secs(1), answering.change());
        assert!(again.await.is_err());
        answering.note(None);
        answering.change().await;
    }

    #[test]
    fn what_is_about_one_question_is_an_answer() {
        for code in [Code::TableMissing, Code::DatabaseBusy, Code::RunBusy, Code::WriteRefused] {
            let answering = Answering::default();
            answering.note(Some(&error(Code::DatabaseUnreachable)));
            answering.note(Some(&error(code)));
            assert!(answering.lost().is_none(), "{code:?}");
        }
        let refused = |state| error(Code::DatabaseRefused).with_sql_state(SqlState::parse(state));
        for (state, is_lost) in [("28P01", true), ("28000", true), ("42501", false)] {
            let answering = Answering::default();
            answering.note(Some(&refused(state)));
            assert_eq!(answering.lost().is_some(), is_lost, "{state}");
        }
        let answering = Answering::default();
        answering.note(Some(&error(Code::DatabaseUnreachable)));
        answering.note(Some(&error(Code::Stopping)));
        assert!(answering.lost().is_some(), "who stops has heard nothing");
    }
}
