//! Is this run stale, is this job lost, may it be published again? Pure: no clock, no server.

use std::time::Duration;

use crate::ids::NodeId;
use crate::ports::keys;
use crate::time;
use crate::workflow::ledger::{DueJob, Ledger};

/// A run whose `updated_at` is older than this may have lost a job: longer than a job comes again that waits for another worker.
pub const STALE_AFTER: Duration = Duration::from_secs(5);
/// The same beside workers of version 1, which neither hold leases nor renew `updated_at`.
pub const STALE_AFTER_BESIDE_VERSION_1: Duration = Duration::from_secs(60);
/// How long a worker remembers that it met one.
pub const VERSION_1_STAYS: Duration = Duration::from_secs(3600);
/// How much later than its time a timer may come into the queue, and how far another clock may be off.
pub const TIMER_MARGIN: Duration = Duration::from_secs(10);

/// The age of `updated_at` at which a run is stale, given the time since this worker last met version 1.
pub fn stale_after(since_version_1: Option<Duration>) -> Duration {
    match since_version_1 {
        Some(since) if since < VERSION_1_STAYS => STALE_AFTER_BESIDE_VERSION_1,
        _ => STALE_AFTER,
    }
}

/// What has left a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueProgress {
    /// Nothing waits in it.
    pub drained: bool,
    /// The youngest message delivered since the last tick, by the moment it was made due: milliseconds since 1970.
    pub youngest: Option<u64>,
    /// By the record's clock, as this worker knows it, in milliseconds since 1970.
    pub now: u64,
}

impl QueueProgress {
    /// Whether what was published by then, in microseconds since 1970, has left the queue.
    pub fn has_passed(self, moment: i64) -> bool {
        let moment = u64::try_from(moment).unwrap_or(0) / 1000;
        self.drained || self.youngest.is_some_and(|youngest| youngest > moment)
    }

    /// Whether the message of a client that inserted its row at `moment`, in microseconds since 1970, must have left the
    /// queue. Such a message carries no time, so a margin is added.
    pub fn has_passed_client(self, moment: i64) -> bool {
        let margin = i64::try_from(TIMER_MARGIN.as_micros()).unwrap_or(i64::MAX);
        self.has_passed(moment.saturating_add(margin))
    }

    /// Whether what was to be delivered at a moment, in milliseconds since 1970, has. It came into the queue a
    /// little after its time, and that time is of another clock.
    pub fn has_passed_timer(self, moment: u64) -> bool {
        let come = moment.saturating_add(time::milliseconds(TIMER_MARGIN));
        come < self.now && (self.drained || self.youngest.is_some_and(|youngest| youngest > come))
    }
}

/// What earlier scans found of a stale run: since when it was stale then, in microseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Earlier {
    /// In the last scan.
    pub suspect: Option<i64>,
    /// When it turned out that this worker cannot recover it.
    pub hopeless: Option<i64>,
}

/// What is to be done with a stale run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// This worker cannot recover it, and nothing has happened to it since that was found.
    Hopeless,
    /// It was not stale in the last scan, or something happened to it since: the next scan tells.
    Suspect,
    /// A job of it may still wait in the queue.
    MayWait,
    /// A job that it made due has left the queue, and nothing came of it: lost, unless somebody holds its lease.
    Lost,
}

/// Whether a run that is stale `since` then, in microseconds since 1970, has lost a job.
pub fn judge(since: i64, earlier: Earlier, queue: QueueProgress) -> Judgement {
    if earlier.hopeless == Some(since) {
        Judgement::Hopeless
    } else if earlier.suspect != Some(since) {
        Judgement::Suspect
    } else if queue.has_passed(since) {
        Judgement::Lost
    } else {
        Judgement::MayWait
    }
}

/// Which of a run's jobs may be published again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eligible {
    /// Somebody asked for it: every job whose time has come by then, in milliseconds since 1970.
    DueBy(u64),
    /// A scan of stale runs: what was due at once, and timers that have left the queue.
    Queue(QueueProgress),
    /// A scan of sleepers: timers that have left the queue.
    Timers(QueueProgress),
}

impl Eligible {
    /// Whether a job may be published again, if nobody holds its lease.
    pub fn covers(self, due: &DueJob) -> bool {
        match self {
            Self::DueBy(now) => due.not_before.is_none_or(|at| at <= now),
            Self::Queue(queue) => due.not_before.is_none_or(|at| queue.has_passed_timer(at)),
            Self::Timers(queue) => due.not_before.is_some_and(|at| queue.has_passed_timer(at)),
        }
    }

    /// The jobs of a run that may be published again, if nobody holds their leases.
    pub fn of(self, ledger: &Ledger) -> Vec<DueJob> {
        ledger.pending().into_iter().filter(|due| self.covers(due)).collect()
    }
}

/// The nodes whose leases speak against publishing a job again: its own, and the one whose worker may be about to
/// publish it.
pub fn leases_of<'a>(due: &'a DueJob, ledger: &'a Ledger) -> impl Iterator<Item = &'a NodeId> {
    let by = ledger.entry(&due.node).and_then(|entry| entry.by.as_ref());
    std::iter::once(&due.node).chain(by)
}

/// Whether a lease with this holder is free. A reconciler of version 1 marks that it published a job, not that somebody
/// executes it.
pub fn is_free(holder: Option<&str>) -> bool {
    holder.is_none_or(|holder| holder == keys::RECONCILER_MARK)
}

/// The moment, in milliseconds since 1970, before which a timer must have been for its node to have overslept.
pub fn overslept_before(now: u64) -> u64 {
    now.saturating_sub(time::milliseconds(TIMER_MARGIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::ledger::tests::support::Story;

    const NOW: u64 = 1_000_000;

    fn queue(drained: bool, youngest: Option<u64>) -> QueueProgress {
        QueueProgress { drained, youngest, now: NOW }
    }

    #[test]
    fn an_empty_queue_holds_nothing_and_a_silent_one_proves_nothing() {
        assert!(queue(true, None).has_passed(i64::MAX));
        assert!(!queue(false, None).has_passed(0));
    }

    #[test]
    fn what_was_published_before_a_delivered_message_has_left_the_queue() {
        let passed = queue(false, Some(5_000));
        assert!(
            passed.has_passed(4_999_000) && !passed.has_passed(5_000_000) && !passed.has_passed(6_000_000)
        );
    }

    #[test]
    fn a_client_may_publish_a_little_after_it_inserted_its_row() {
        let inserted = 1_000_000;
        for (queue, passed) in [
            (queue(true, None), true),
            (queue(false, None), false),
            (queue(false, Some(1_001)), false),
            (queue(false, Some(11_000)), false),
            (queue(false, Some(11_001)), true),
        ] {
            assert_eq!(queue.has_passed_client(inserted), passed, "{queue:?}");
        }
    }

    #[test]
    fn a_run_is_given_more_time_beside_version_1_for_an_hour() {
        for (since, expected) in [
            (None, STALE_AFTER),
            (Some(Duration::ZERO), STALE_AFTER_BESIDE_VERSION_1),
            (Some(VERSION_1_STAYS - Duration::from_secs(1)), STALE_AFTER_BESIDE_VERSION_1),
            (Some(VERSION_1_STAYS), STALE_AFTER),
        ] {
            assert_eq!(stale_after(since), expected, "{since:?}");
        }
    }

    #[test]
    fn a_run_has_lost_a_job_when_it_was_as_stale_before_and_the_queue_has_moved_past_it() {
        let (since, other) = (Some(7_000), Some(6_000));
        let (empty, moved, still) = (queue(true, None), queue(false, Some(8)), queue(false, None));
        for (suspect, hopeless, queue, expected) in [
            (None, None, empty, Judgement::Suspect),
            (other, None, empty, Judgement::Suspect),
            (since, None, still, Judgement::MayWait),
            (since, None, queue(false, Some(7)), Judgement::MayWait),
            (since, None, moved, Judgement::Lost),
            (since, None, empty, Judgement::Lost),
            // Nothing happened to it since it could not be recovered: not again.
            (since, since, empty, Judgement::Hopeless),
            (None, since, empty, Judgement::Hopeless),
            (since, other, empty, Judgement::Lost),
        ] {
            let earlier = Earlier { suspect, hopeless };
            assert_eq!(judge(7_000, earlier, queue), expected, "{earlier:?} {queue:?}");
        }
    }

    #[test]
    fn which_jobs_may_be_published_again() {
        let margin = time::milliseconds(TIMER_MARGIN);
        let (empty, busy) = (queue(true, None), queue(false, Some(1)));
        let long_past = Some(NOW - margin - 1);
        for (eligible, not_before, expected) in [
            (Eligible::DueBy(NOW), None, true),
            (Eligible::DueBy(NOW), Some(NOW), true),
            (Eligible::DueBy(NOW), Some(NOW + 1), false),
            (Eligible::Queue(busy), None, true),
            (Eligible::Queue(empty), long_past, true),
            (Eligible::Queue(busy), long_past, false),
            (Eligible::Queue(empty), Some(NOW - margin), false),
            (Eligible::Queue(queue(false, Some(NOW))), long_past, true),
            (Eligible::Timers(empty), None, false),
            (Eligible::Timers(empty), long_past, true),
            (Eligible::Timers(busy), long_past, false),
        ] {
            let due = DueJob { node: "a".into(), not_before, ..DueJob::default() };
            assert_eq!(eligible.covers(&due), expected, "{eligible:?} {not_before:?}");
        }
    }

    #[test]
    fn a_job_is_left_alone_while_its_own_or_its_predecessors_lease_is_held() {
        let story = Story::of("a -> b").finishes("a");
        let due = story.ledger.due();
        let leases: Vec<&str> = leases_of(&due[0], &story.ledger).map(NodeId::as_str).collect();
        assert_eq!(leases, ["b", "a"]);
        assert!(is_free(None) && is_free(Some(keys::RECONCILER_MARK)) && !is_free(Some("worker#1")));
    }
}
