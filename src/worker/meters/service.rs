//! Counts and measures. Until somebody asks for it, each call is one look at a flag.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::buckets::{BOUNDS, Buckets};
use super::kinds::{Counter, Measure, Of};
use super::throughput::Throughput;

/// What stands for every blueprint beyond the limit: each has series of its own, and a fleet may make blueprints without end.
const OTHER: &str = "other";
/// How many single measurements are kept until they are taken. What comes beyond is in the histograms alone.
const SAMPLES_KEPT: usize = 20_000;

/// What is counted and measured. Nothing is, before [`Meters::begin`], but what is stored.
#[derive(Default)]
pub struct Meters {
    is_on: AtomicBool,
    state: Mutex<State>,
    /// What is counted to be stored; none in tests.
    stored: Option<Arc<Throughput>>,
}

#[derive(Debug, Default)]
struct State {
    /// How many blueprints are told apart.
    limit: usize,
    blueprints: BTreeSet<String>,
    counters: BTreeMap<(Counter, Labels), u64>,
    measures: BTreeMap<(Measure, Labels), Buckets>,
    /// None where nobody takes single measurements.
    samples: Option<Vec<Sample>>,
    /// The youngest job that came straight from each queue: when it was due, in milliseconds since 1970.
    youngest: HashMap<String, u64>,
}

/// By what a series is told apart; empty where it is not.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Labels {
    #[serde(skip_serializing_if = "String::is_empty")]
    blueprint: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    queue: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    word: &'static str,
}

/// One measurement, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample(&'static str, Labels, f64);

/// All that was counted and measured.
#[derive(Debug, Serialize)]
pub struct Snapshot {
    bounds: [f64; BOUNDS.len()],
    counters: Vec<(&'static str, Labels, u64)>,
    measures: Vec<(&'static str, Labels, Buckets)>,
    /// By queue: how long ago the youngest job that came from it was due, in milliseconds.
    youngest: BTreeMap<String, u64>,
}

impl Meters {
    /// Those that also store what happened.
    pub fn storing(throughput: Throughput) -> Self {
        Self { stored: Some(Arc::new(throughput)), ..Self::default() }
    }

    /// What is counted to be stored.
    pub fn throughput(&self) -> Option<&Throughput> {
        self.stored.as_deref()
    }

    /// Counts and measures from now on, telling so many blueprints apart. With `samples`, single measurements are kept too.
    pub fn begin(&self, limit: usize, samples: bool) {
        self.with(|state| {
            state.limit = state.limit.max(limit);
            if samples {
                state.samples.get_or_insert_default();
            }
        });
        self.is_on.store(true, Ordering::Relaxed);
    }

    /// Whether anybody asks for it.
    pub fn are_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Something happened so many times.
    pub fn count(&self, counter: Counter, of: Of<'_>, times: u64) {
        if let Some(stored) = self.stored.as_ref().filter(|_| times > 0) {
            match counter {
                Counter::RunsStarted => stored.count(of.ended("started"), times),
                Counter::RunsEnded => stored.count(of, times),
                _ => {}
            }
        }
        if self.are_on() && times > 0 {
            self.with(|state| {
                let labels = state.labels(of);
                *state.counters.entry((counter, labels)).or_default() += times;
            });
        }
    }

    /// Something took so long.
    pub fn measure(&self, measure: Measure, of: Of<'_>, took: Duration) {
        if let Some(stored) = self.stored.as_ref().filter(|_| measure == Measure::Node) {
            stored.count(of.ended("nodes"), 1);
        }
        if !self.are_on() {
            return;
        }
        let seconds = took.as_secs_f64();
        self.with(|state| {
            let labels = state.labels(of);
            if let Some(samples) = state.samples.as_mut().filter(|samples| samples.len() < SAMPLES_KEPT) {
                samples.push(Sample(measure.as_str(), labels.clone(), seconds));
            }
            state.measures.entry((measure, labels)).or_default().add(seconds);
        });
    }

    /// A job came straight from its queue, and was due at that moment: milliseconds since 1970.
    pub fn note_youngest(&self, queue: &str, due: u64) {
        if !self.are_on() {
            return;
        }
        self.with(|state| match state.youngest.get_mut(queue) {
            Some(youngest) => *youngest = due.max(*youngest),
            None => drop(state.youngest.insert(queue.to_owned(), due)),
        });
    }

    /// All that was counted and measured since it began; `now` is by the record's clock.
    pub fn read(&self, now: u64) -> Snapshot {
        self.with(|state| Snapshot {
            bounds: BOUNDS,
            counters: state
                .counters
                .iter()
                .map(|((counter, labels), count)| (counter.as_str(), labels.clone(), *count))
                .collect(),
            measures: state
                .measures
                .iter()
                .map(|((measure, labels), buckets)| (measure.as_str(), labels.clone(), buckets.clone()))
                .collect(),
            youngest: state
                .youngest
                .iter()
                .map(|(queue, due)| (queue.clone(), now.saturating_sub(*due)))
                .collect(),
        })
    }

    /// The single measurements since they were last taken.
    pub fn take_samples(&self) -> Vec<Sample> {
        self.with(|state| state.samples.as_mut().map(std::mem::take).unwrap_or_default())
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn labels(&mut self, Of { blueprint, queue, word }: Of<'_>) -> Labels {
        let is_known = blueprint.is_empty() || self.blueprints.contains(blueprint);
        let fits = is_known || self.blueprints.len() < self.limit;
        if fits && !is_known {
            self.blueprints.insert(blueprint.to_owned());
        }
        let blueprint = if fits { blueprint } else { OTHER };
        Labels { blueprint: blueprint.to_owned(), queue: queue.to_owned(), word }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: Of<'_> = Of { blueprint: "b", queue: "q", word: "" };

    fn counters(meters: &Meters) -> Vec<(&'static str, String, u64)> {
        let read = meters.read(0).counters.into_iter();
        read.map(|(name, labels, count)| (name, labels.blueprint, count)).collect()
    }

    #[test]
    fn nothing_is_counted_before_somebody_asks() {
        let meters = Meters::default();
        meters.count(Counter::Retries, OF, 1);
        meters.measure(Measure::Node, OF, Duration::from_secs(1));
        meters.begin(10, false);
        assert!(counters(&meters).is_empty() && meters.read(0).measures.is_empty());
        meters.count(Counter::Retries, OF, 2);
        meters.count(Counter::Retries, OF, 0);
        meters.begin(5, false);
        assert_eq!(counters(&meters), [("retries", "b".into(), 2)]);
    }

    #[test]
    fn blueprints_beyond_the_limit_are_counted_together() {
        let meters = Meters::default();
        meters.begin(2, false);
        for blueprint in ["one", "two", "three", "four", "one", ""] {
            meters.count(Counter::RunsStarted, Of::jobs(blueprint, "q"), 1);
        }
        let counted = counters(&meters);
        let expected = [("", 1), ("one", 2), ("other", 2), ("two", 1)];
        assert_eq!(counted, expected.map(|(blueprint, count)| ("runsStarted", blueprint.to_owned(), count)));
    }

    #[test]
    fn single_measurements_are_kept_for_who_takes_them_up_to_a_bound() {
        let meters = Meters::default();
        meters.begin(10, false);
        meters.measure(Measure::Node, OF, Duration::from_secs(1));
        assert!(meters.take_samples().is_empty());
        meters.begin(10, true);
        for _ in 0..=SAMPLES_KEPT {
            meters.measure(Measure::Wait, OF, Duration::from_millis(1));
        }
        assert_eq!(meters.take_samples().len(), SAMPLES_KEPT);
        assert!(meters.take_samples().is_empty());
        let waits = &meters.read(0).measures[0];
        assert_eq!((waits.0, waits.2.counts[0]), ("wait", SAMPLES_KEPT as u64 + 1));
    }

    #[test]
    fn the_youngest_job_of_a_queue_says_how_old_what_waits_is_at_most() {
        let meters = Meters::default();
        meters.begin(1, false);
        meters.note_youngest("q", 5_000);
        meters.note_youngest("q", 4_000);
        assert_eq!(meters.read(9_000).youngest["q"], 4_000);
        assert_eq!(meters.read(1_000).youngest["q"], 0);
    }
}
