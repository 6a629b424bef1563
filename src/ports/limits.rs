//! Limits by key: how many executions go on at a time under one key, and how many start within a time. The store counts, for all
//! workers together, by its own clock.
//!
//! An execution that may not start stands in the key's line, and gets the time to ask again. The store keeps nobody waiting, and calls
//! nobody: whoever does not come for [`LATE`] after that has left the line. Of two that come, the one that was told the
//! earlier moment goes first; who is new waits for those that come [`SOON`].
//!
//! ```text
//!            start ──► free, and nobody comes before it ──► starts ──► keep, keep, … ──► end
//!              ▲       else ──► in line ─► after so long ─┐
//!              └──────────────────────────────────────────┘   leave: its run is over
//! ```

use std::time::Duration;

use super::keys;
use crate::time::milliseconds;

/// How long the place in a line is kept of one that does not come.
pub const LATE: Duration = Duration::from_secs(5);
/// Who is new waits for those in line that come within this time. Whoever is among the first in line comes as often.
pub const SOON: Duration = Duration::from_secs(3);
/// The shortest wait before an execution asks again.
pub const SHORTEST: Duration = Duration::from_millis(100);
/// The longest time that a rate has one wait before it asks again: those before it may have been cancelled meanwhile.
pub const LONGEST: Duration = Duration::from_secs(300);
/// How long a key that nobody asks for is remembered.
pub const FACTS_STAY: Duration = Duration::from_secs(86_400);

/// How long this key is remembered once nobody asks for it. One of a run is gone with the run's other keys: who removes a run that
/// is older leaves nothing of it.
pub fn facts_stay(key: &str) -> Duration {
    if keys::is_run_limit(key) { Duration::from_secs(keys::TTL) } else { FACTS_STAY }
}

/// What holds for one key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitRules {
    /// How many executions go on at a time; none for any number.
    pub concurrency: Option<u32>,
    /// How many start within a time; none for any number.
    pub rate: Option<Rate>,
}

/// At most `count` starts in any time of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// The time.
    pub per: Duration,
}

/// Something about one key.
#[derive(Debug, Clone, Copy)]
pub struct LimitRequest<'a> {
    /// The key.
    pub key: &'a str,
    /// What about it.
    pub what: LimitStep<'a>,
}

/// What is said about a key.
#[derive(Debug, Clone, Copy)]
pub enum LimitStep<'a> {
    /// An execution is to start.
    Start(Entrant<'a>),
    /// One goes on.
    Keep {
        /// Which.
        holder: &'a str,
        /// How long it counts without another word.
        ttl: Duration,
    },
    /// The code of one is over.
    End {
        /// Which.
        holder: &'a str,
        /// How long it took; none where that was said already.
        took: Option<Duration>,
    },
    /// One that stands in line does not come any more.
    Leave {
        /// Which.
        ticket: &'a str,
    },
    /// Nothing starts for so long.
    Pause {
        /// How long.
        length: Duration,
    },
}

/// How a key stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitUse {
    /// The key.
    pub key: String,
    /// What held for it when an execution under it last asked for a start.
    pub rules: LimitRules,
    /// How many executions go on.
    pub in_use: u64,
    /// How many starts count for the rate.
    pub used: u64,
    /// How many stand in its line.
    pub waiting: u64,
    /// For how long nothing starts; zero where it is not paused.
    pub paused: Duration,
}

/// An execution that is to start.
#[derive(Debug, Clone, Copy)]
pub struct Entrant<'a> {
    /// What holds for its key.
    pub rules: LimitRules,
    /// Its name in the line: the same each time it comes.
    pub ticket: &'a str,
    /// Its name while it goes on: another one each time it asks, beginning with its worker and `#`.
    pub holder: &'a str,
    /// How long it counts without another word.
    pub ttl: Duration,
}

/// The answer to one that is to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It starts, and counts from now on.
    Now,
    /// It comes again after so long.
    After {
        /// How long.
        wait: Duration,
        /// What it waits for.
        why: LimitReason,
    },
}

/// What one in the line of a key waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitReason {
    /// As many go on as may at a time, or others that came earlier are to have the free places.
    Concurrency,
    /// As many have started as may within the time of the rate, those in line before it counted.
    Rate,
    /// Nothing starts for a while: a node asked for that.
    Paused,
}

impl LimitReason {
    /// That of one that has so many before it, where so many starts of the rate are left; none where there is no rate. Redis has the
    /// same rule in its script.
    pub fn of(is_paused: bool, left: Option<u64>, ahead: u64) -> Self {
        match left {
            _ if is_paused => Self::Paused,
            Some(left) if left <= ahead => Self::Rate,
            _ => Self::Concurrency,
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::Rate => "rate",
            Self::Paused => "paused",
        }
    }
}

/// What a key looks like to one that stands in its line. Milliseconds, all of them.
#[derive(Debug, Clone, Copy)]
pub struct Queueing {
    /// How many stand before it.
    pub rank: u64,
    /// How many executions go on.
    pub in_use: u64,
    /// How long they take.
    pub length: u64,
    /// For how long nothing starts.
    pub paused: u64,
}

impl Queueing {
    /// After how long one in line comes again, but for the rate. Redis has the same rule in its script.
    pub fn wait(&self, concurrency: Option<u32>) -> u64 {
        let Self { rank, in_use, length, paused } = *self;
        let shortest = milliseconds(SHORTEST);
        let wait = shortest.max(paused);
        let Some(concurrency) = concurrency.map(u64::from) else { return wait };
        let behind = (rank + 1 + in_use).saturating_sub(concurrency);
        if behind == 0 {
            return wait;
        }
        let often = (length / 10).clamp(shortest, milliseconds(SOON));
        let turn = behind.saturating_mul(length) * 9 / (10 * concurrency.max(1));
        // How long executions take may change: nobody goes by it for too long.
        let longest = if rank < 2 * concurrency { milliseconds(SOON) } else { (rank * 50).max(5_000) };
        wait.max(often).max(turn.min(longest))
    }
}

impl Rate {
    /// When the one with this rank in line starts, given the moments of the starts that still count, the earliest first.
    pub fn turn(&self, starts: &[u64], rank: u64, now: u64) -> u64 {
        let (count, per) = (u64::from(self.count.max(1)), milliseconds(self.per));
        let used = starts.len() as u64;
        let Some(index) = (used + rank).checked_sub(count) else { return now };
        // Those before it have their turns at the same places of the windows before.
        let windows = if index < used { 0 } else { (index - used) / count + 1 };
        match index.checked_sub(windows * count).and_then(|index| starts.get(usize::try_from(index).ok()?)) {
            Some(start) => start + (windows + 1) * per,
            None => now + windows * per,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_runs_own_key_goes_with_its_other_keys() {
        assert_eq!(facts_stay(&keys::run_limit("r")).as_secs(), keys::TTL);
        for key in ["tenant:42", "openai", "run:r", ""] {
            assert_eq!(facts_stay(key), FACTS_STAY, "{key}");
        }
    }

    #[test]
    fn one_that_waits_for_a_rate_comes_when_the_start_before_it_counts_no_more() {
        let rate = Rate { count: 3, per: Duration::from_millis(1_000) };
        for (starts, rank, expected) in [
            (&[][..], 0, 500),
            (&[], 2, 500),
            (&[], 3, 1_500),
            (&[], 6, 2_500),
            (&[100, 200], 0, 500),
            (&[100, 200], 1, 1_100),
            (&[100, 200], 2, 1_200),
            (&[100, 200], 3, 1_500),
            (&[100, 200], 4, 2_100),
            (&[100, 200, 300], 0, 1_100),
            (&[100, 200, 300], 2, 1_300),
            (&[100, 200, 300], 3, 2_100),
            (&[100, 200, 300], 8, 3_300),
        ] {
            assert_eq!(rate.turn(starts, rank, 500), expected, "{starts:?} {rank}");
        }
    }

    #[test]
    fn one_that_waits_for_a_place_comes_by_how_long_executions_take() {
        for (rank, in_use, length, paused, expected) in [
            (0, 3, 1_000, 0, 100),
            (0, 4, 40, 0, 100),
            (0, 4, 1_000, 0, 225),
            (7, 4, 10_000, 0, 3_000),
            (8, 4, 1_000, 0, 2_025),
            (100, 4, 1_000, 0, 5_000),
            (1_000, 4, 1_000, 0, 50_000),
            (0, 4, 100_000, 0, 3_000),
            (0, 0, 0, 7_000, 7_000),
        ] {
            let line = Queueing { rank, in_use, length, paused };
            assert_eq!(line.wait(Some(4)), expected, "{line:?}");
        }
        assert_eq!(Queueing { rank: 9, in_use: 9, length: 9_000, paused: 0 }.wait(None), 100);
    }
}
