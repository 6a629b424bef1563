//! What happened in the last minutes, counted. Pure.

use std::collections::HashMap;

use super::kinds::Of;
use crate::ports::throughput::MinuteCount;

/// So many blueprints are told apart: a fleet may make blueprints without end. The others have no name.
const BLUEPRINTS: usize = 1_000;
/// A longer name is not told apart: an index takes no row of any length.
const LONGEST_NAME: usize = 500;

/// Counts of the last minutes, by blueprint.
#[derive(Debug, Default)]
pub struct Tally {
    blueprints: HashMap<String, Vec<Line>>,
}

#[derive(Debug)]
struct Line {
    minute: u64,
    queue: String,
    outcome: &'static str,
    count: u64,
    /// How many of them are stored.
    stored: u64,
}

impl Tally {
    /// Something happened so many times in a minute. What was counted before costs no allocation.
    pub fn add(&mut self, minute: u64, of: Of<'_>, times: u64) {
        let fits = of.blueprint.len() <= LONGEST_NAME
            && (self.blueprints.len() < BLUEPRINTS || self.blueprints.contains_key(of.blueprint));
        let name = if fits { of.blueprint } else { "" };
        let lines = match self.blueprints.get_mut(name) {
            Some(lines) => lines,
            None => self.blueprints.entry(name.to_owned()).or_default(),
        };
        let is_same =
            |line: &&mut Line| line.minute == minute && line.outcome == of.word && line.queue == of.queue;
        match lines.iter_mut().rev().find(is_same) {
            Some(line) => line.count += times,
            None => {
                let queue = of.queue.to_owned();
                lines.push(Line { minute, queue, outcome: of.word, count: times, stored: 0 });
            }
        }
    }

    /// What is to be stored: all that has grown since it was.
    pub fn unstored(&self) -> Vec<MinuteCount> {
        let grown = |(blueprint, line): (&String, &Line)| {
            let Line { minute, ref queue, outcome, count, stored } = *line;
            (count > stored).then(|| MinuteCount {
                minute,
                blueprint: blueprint.clone(),
                queue: queue.clone(),
                outcome,
                count,
            })
        };
        let lines = |(blueprint, lines)| std::iter::repeat(blueprint).zip(lines);
        self.blueprints.iter().flat_map(lines).filter_map(grown).collect()
    }

    /// These are stored.
    pub fn note_stored(&mut self, counts: &[MinuteCount]) {
        for count in counts {
            let lines = self.blueprints.get_mut(&count.blueprint).into_iter().flatten();
            let same = lines.filter(|line| {
                line.minute == count.minute && line.outcome == count.outcome && line.queue == count.queue
            });
            same.for_each(|line| line.stored = count.count);
        }
    }

    /// Drops all minutes before this one.
    pub fn forget_before(&mut self, minute: u64) {
        self.blueprints.retain(|_, lines| {
            lines.retain(|line| line.minute >= minute);
            !lines.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tally: &Tally) -> Vec<String> {
        let text = |count: MinuteCount| {
            format!("{} {} {} {} {}", count.minute, count.blueprint, count.queue, count.outcome, count.count)
        };
        let mut told: Vec<String> = tally.unstored().into_iter().map(text).collect();
        told.sort();
        told
    }

    #[test]
    fn a_minute_is_stored_as_often_as_it_has_grown_and_always_whole() {
        let mut tally = Tally::default();
        let (done, started) = (Of::jobs("b", "q").ended("completed"), Of::jobs("b", "q").ended("started"));
        tally.add(1, done, 2);
        tally.add(1, started, 1);
        tally.add(2, done, 1);
        tally.add(1, done, 3);
        assert_eq!(told(&tally), ["1 b q completed 5", "1 b q started 1", "2 b q completed 1"]);
        let counts = tally.unstored();
        tally.add(2, done, 1);
        tally.note_stored(&counts);
        assert_eq!(told(&tally), ["2 b q completed 2"]);
        tally.forget_before(2);
        tally.add(1, done, 1);
        assert_eq!(told(&tally), ["1 b q completed 1", "2 b q completed 2"]);
    }

    #[test]
    fn blueprints_beyond_the_limit_and_names_beyond_any_are_counted_together() {
        let mut tally = Tally::default();
        for number in 0..=BLUEPRINTS {
            tally.add(1, Of::jobs(&number.to_string(), "q"), 1);
        }
        tally.add(1, Of::jobs(&"x".repeat(LONGEST_NAME + 1), "q"), 1);
        tally.add(1, Of::jobs("7", "q"), 1);
        let told = told(&tally);
        assert!(told.contains(&"1  q  2".to_owned()) && told.contains(&"1 7 q  2".to_owned()), "{told:?}");
    }
}
