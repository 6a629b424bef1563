//! The queues and blueprints that are paused, as far as this worker knows.

use std::collections::BTreeMap;
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
    known: watch::Sender<Option<Look>>,
}

/// What a worker saw.
#[derive(Debug, Clone, Default)]
struct Look {
    halts: Halts,
    /// When it began to look; none where it cannot.
    at: Option<Instant>,
}

impl Default for KnownHalts {
    fn default() -> Self {
        Self { known: watch::Sender::new(None) }
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
        let now: Halts = stored.into_iter().map(|halt| (halt.what, halt.reason)).collect();
        let look = Look { halts: now.clone(), at: Some(looked) };
        let before = self.known.send_replace(Some(look)).unwrap_or_default().halts;
        let lifted = before.keys().filter(|what| !now.contains_key(what)).cloned().map(HaltChange::Lifted);
        let paused = now.iter().filter(|(what, _)| !before.contains_key(what));
        lifted.chain(paused.map(|(what, reason)| HaltChange::Paused(what.clone(), reason.clone()))).collect()
    }

    /// The worker cannot look, and retrying may not help: it works by what it knows.
    pub fn note_blind(&self) {
        self.known.send_if_modified(|known| {
            let is_new = known.is_none();
            known.get_or_insert_default();
            is_new
        });
    }

    /// Whether a queue is paused.
    pub fn holds_queue(&self, queue: &str) -> bool {
        holds(self.known.borrow().as_ref(), &Haltable::Queue(queue.to_owned()))
    }

    /// Whether a blueprint is paused.
    pub fn holds_blueprint(&self, blueprint: &str) -> bool {
        let known = self.known.borrow();
        // Most of the time nothing is paused, and every job asks.
        known.as_ref().is_some_and(|look| !look.halts.is_empty())
            && holds(known.as_ref(), &Haltable::Blueprint(blueprint.to_owned()))
    }

    /// Whether what is known is new enough to acknowledge a message by it.
    pub fn is_fresh(&self) -> bool {
        let known = self.known.borrow();
        known.as_ref().and_then(|look| look.at).is_some_and(|looked| looked.elapsed() < FRESH)
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

    async fn until(&self, is_met: impl FnMut(&Option<Look>) -> bool) {
        // The sender lives as long as this does.
        let _ = self.known.subscribe().wait_for(is_met).await;
    }
}

fn holds(known: Option<&Look>, what: &Haltable) -> bool {
    known.is_some_and(|look| look.halts.contains_key(what))
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

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_cannot_look_works_at_once_and_keeps_to_what_it_knew() {
        let (known, queue) = (KnownHalts::default(), Haltable::Queue("q".into()));
        known.note_blind();
        assert_eq!(known.until_known().now_or_never(), Some(()));
        assert!(!known.is_fresh() && !known.holds_queue("q"));
        assert_eq!(known.note(vec![halt(queue.clone())], Instant::now()), [HaltChange::Paused(queue, None)]);
        known.note_blind();
        assert!(known.holds_queue("q"));
    }
}
