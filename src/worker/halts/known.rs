//! The queues and blueprints that are paused, as far as this worker knows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::ports::halting::{Haltable, StoredHalt};

/// How long the first delivery waits until it is known what is paused.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// What is paused, each with its reason.
type Halts = BTreeMap<Haltable, Option<String>>;

/// A look that is older says nothing of what is let go on meanwhile.
const FRESH: Duration = Duration::from_millis(2_500);

/// What this worker knows; nothing before the first look.
pub struct KnownHalts {
    known: watch::Sender<Option<Halts>>,
    /// When the worker looked last.
    looked: Mutex<Option<Instant>>,
}

impl Default for KnownHalts {
    fn default() -> Self {
        Self { known: watch::Sender::new(None), looked: Mutex::default() }
    }
}

/// Something was paused, or goes on.
#[derive(Debug, PartialEq, Eq)]
pub enum HaltChange {
    /// It is paused now, for a reason.
    Paused(Haltable, Option<String>),
    /// It goes on.
    Lifted(Haltable),
}

impl KnownHalts {
    /// Notes what was paused when the worker began to look; what is new of it.
    pub fn note(&self, stored: Vec<StoredHalt>, looked: Instant) -> Vec<HaltChange> {
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(looked);
        let now: Halts = stored.into_iter().map(|halt| (halt.what, halt.reason)).collect();
        let before = self.known.send_replace(Some(now.clone())).unwrap_or_default();
        let lifted = before.keys().filter(|what| !now.contains_key(what)).cloned().map(HaltChange::Lifted);
        let paused = now.iter().filter(|(what, _)| !before.contains_key(what));
        lifted.chain(paused.map(|(what, reason)| HaltChange::Paused(what.clone(), reason.clone()))).collect()
    }

    /// Whether a queue is paused.
    pub fn holds_queue(&self, queue: &str) -> bool {
        holds(self.known.borrow().as_ref(), &Haltable::Queue(queue.to_owned()))
    }

    /// Whether a blueprint is paused.
    pub fn holds_blueprint(&self, blueprint: &str) -> bool {
        let known = self.known.borrow();
        // Most of the time nothing is paused, and every job asks.
        known.as_ref().is_some_and(|halts| !halts.is_empty())
            && holds(known.as_ref(), &Haltable::Blueprint(blueprint.to_owned()))
    }

    /// Whether what is known is new enough to acknowledge a message by it.
    pub fn is_fresh(&self) -> bool {
        let looked = *self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.is_some_and(|looked| looked.elapsed() < FRESH)
    }

    /// Waits for the first look, and not without end: a worker that cannot look works.
    pub async fn until_known(&self) {
        let _ = timeout(FIRST_LOOK, self.until(Option::is_some)).await;
    }

    /// Waits until a queue is paused.
    pub async fn until_halted(&self, queue: &str) {
        let queue = Haltable::Queue(queue.to_owned());
        self.until(|known| holds(known.as_ref(), &queue)).await;
    }

    /// Waits while a queue is paused.
    pub async fn until_going(&self, queue: &str) {
        let queue = Haltable::Queue(queue.to_owned());
        self.until(|known| !holds(known.as_ref(), &queue)).await;
    }

    async fn until(&self, is_met: impl FnMut(&Option<Halts>) -> bool) {
        // The sender lives as long as this does.
        let _ = self.known.subscribe().wait_for(is_met).await;
    }
}

fn holds(known: Option<&Halts>, what: &Haltable) -> bool {
    known.is_some_and(|halts| halts.contains_key(what))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn halt(what: Haltable) -> StoredHalt {
        StoredHalt { what, since: 7, reason: None }
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_hears_once_of_each_change() {
        let (queue, blueprint) = (|| Haltable::Queue("q".into()), || Haltable::Blueprint("b".into()));
        let (known, now) = (KnownHalts::default(), Instant::now());
        assert!(!known.is_fresh());
        assert!(!known.holds_queue("q") && !known.holds_blueprint("b"), "nothing is known yet");
        assert_eq!(known.until_halted("q").now_or_never(), None);
        assert_eq!(known.note(vec![halt(queue())], now), [HaltChange::Paused(queue(), None)]);
        known.until_halted("q").await;
        known.until_going("r").await;
        assert_eq!(known.until_going("q").now_or_never(), None);
        assert!(known.holds_queue("q") && !known.holds_queue("b") && !known.holds_blueprint("q"));
        assert_eq!(known.note(vec![halt(queue())], now), []);
        let changes = known.note(vec![halt(blueprint())], now);
        assert_eq!(changes, [HaltChange::Lifted(queue()), HaltChange::Paused(blueprint(), None)]);
        known.until_going("q").await;
        assert!(known.holds_blueprint("b"));
        assert!(known.is_fresh());
        tokio::time::advance(FRESH).await;
        assert!(!known.is_fresh() && known.holds_blueprint("b"));
    }
}
