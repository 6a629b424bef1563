//! The attempts at a node that failed: what is stored of each, so that whoever looks at a run sees why a node took three of them.
//!
//! A node that fails over and over may not make its run grow: the first attempt and the last ones are kept, and of each the beginning
//! of what it says. Version 2.0.0 drops them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// So many failed attempts are kept of a node: the first, and the last of the others.
const MOST: usize = 10;
/// How much is kept of an error's message: characters.
const LONGEST_MESSAGE: usize = 500;
/// How much is kept of its stack: characters.
const LONGEST_STACK: usize = 1_500;

/// Why an attempt failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Why {
    /// In a sentence.
    pub message: String,
    /// Where in the user's code, if it was there: the stack of the error, without its message.
    pub stack: Option<String>,
}

impl From<String> for Why {
    fn from(message: String) -> Self {
        Self { message, stack: None }
    }
}

impl From<&str> for Why {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

/// An attempt that failed, and that the same execution followed with another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierTry {
    /// Which try of the execution it was, from 1.
    pub number: u32,
    /// Why.
    pub why: Why,
    /// How long before its answer it failed.
    pub ago: Duration,
}

/// An attempt that failed, as a run stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTry {
    /// Its error's message, cut where it is long.
    #[serde(rename = "m")]
    pub message: String,
    /// Its error's stack, cut where it is long.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// In which round of its node it was made.
    #[serde(rename = "r", default)]
    pub round: u32,
    /// Which attempt of its round it was, from 1.
    #[serde(rename = "n")]
    pub attempt: u32,
    /// It only asked for a later time, and counts as none.
    #[serde(rename = "p", default, skip_serializing_if = "std::ops::Not::not")]
    pub postponed: bool,
    /// When it ended: milliseconds after [`RunTimes::since`](super::RunTimes).
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<u64>,
    /// The worker, by its place in the run's list of them.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub(super) worker: Option<u32>,
}

impl FailedTry {
    fn of(Why { message, stack }: &Why, round: u32, attempt: u32) -> Self {
        let stack = stack.as_deref().map(|stack| beginning(stack, LONGEST_STACK));
        Self {
            message: beginning(message, LONGEST_MESSAGE),
            stack,
            round,
            attempt,
            postponed: false,
            ended: None,
            worker: None,
        }
    }
}

fn beginning(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The failed attempts of a node, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FailedTries(Vec<FailedTry>);

impl FailedTries {
    /// Whether none is known.
    pub fn are_unknown(&self) -> bool {
        self.0.is_empty()
    }

    /// The oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &FailedTry> {
        self.0.iter()
    }

    /// One more. When and where it was made is for [`note`](Self::note) to say.
    pub(super) fn add(&mut self, why: &Why, round: u32, attempt: u32) {
        self.0.push(FailedTry::of(why, round, attempt));
        self.forget();
    }

    /// One that only asked for a later time. Of several in a row the last one is kept: a node may ask every minute for a week.
    pub(super) fn add_postponed(&mut self, why: &Why, round: u32, attempt: u32) {
        self.0.pop_if(|last| last.postponed && (last.round, last.attempt) == (round, attempt));
        self.0.push(FailedTry { postponed: true, ..FailedTry::of(why, round, attempt) });
        self.forget();
    }

    /// Notes when and on which worker the execution ended, of which these attempts came first. If it `failed`, its own is the last that
    /// was added.
    pub(super) fn note(&mut self, end: Ended<'_>, failed: bool) {
        let Ended { round, attempt, now, worker, earlier } = end;
        let own = self.0.pop_if(|last| failed && last.ended.is_none());
        for EarlierTry { number, why, ago } in earlier {
            let ago = ago.as_millis().try_into().unwrap_or(u64::MAX);
            let tried = FailedTry::of(why, round, attempt.saturating_add(number.saturating_sub(1)));
            self.0.push(FailedTry { ended: Some(now.saturating_sub(ago)), worker, ..tried });
        }
        if let Some(own) = own {
            let before = earlier.last().map_or(0, |last| last.number);
            let attempt = own.attempt.saturating_add(before);
            self.0.push(FailedTry { attempt, ended: Some(now), worker, ..own });
        }
        self.forget();
    }

    fn forget(&mut self) {
        if self.0.len() > MOST {
            self.0.drain(1..=self.0.len() - MOST);
        }
    }
}

/// How an execution ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended<'a> {
    /// The round of its node.
    pub round: u32,
    /// Which attempt of its round it began as.
    pub attempt: u32,
    /// When: milliseconds after [`RunTimes::since`](super::RunTimes).
    pub now: u64,
    /// On which worker.
    pub worker: Option<u32>,
    /// What failed within it before.
    pub earlier: &'a [EarlierTry],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(tries: &FailedTries) -> Vec<(&str, u32)> {
        tries.iter().map(|tried| (tried.message.as_str(), tried.attempt)).collect()
    }

    fn ended(earlier: &[EarlierTry]) -> Ended<'_> {
        Ended { round: 1, attempt: 2, now: 50, worker: Some(0), earlier }
    }

    fn earlier(number: u32, message: &str, ago: u64) -> EarlierTry {
        EarlierTry { number, why: message.into(), ago: Duration::from_millis(ago) }
    }

    #[test]
    fn what_failed_within_an_execution_comes_before_its_end() {
        let mut tries = FailedTries::default();
        tries.add(&"first".into(), 1, 1);
        tries.note(Ended { attempt: 1, ..ended(&[]) }, true);
        tries.add(&"last".into(), 1, 2);
        tries.note(ended(&[earlier(1, "second", 20), earlier(2, "third", 60)]), true);
        assert_eq!(messages(&tries), [("first", 1), ("second", 2), ("third", 3), ("last", 4)]);
        let moments: Vec<_> = tries.iter().map(|tried| tried.ended).collect();
        assert_eq!(moments, [Some(50), Some(30), Some(0), Some(50)]);
    }

    #[test]
    fn an_execution_that_did_not_fail_adds_only_what_failed_within_it() {
        let mut tries = FailedTries::default();
        tries.add(&"of a worker that is gone".into(), 1, 1);
        tries.note(ended(&[earlier(1, "once", 5)]), false);
        assert_eq!(messages(&tries), [("of a worker that is gone", 1), ("once", 2)]);
        assert_eq!(tries.iter().next().unwrap().ended, None);
    }

    #[test]
    fn of_many_the_first_and_the_last_are_kept() {
        let mut tries = FailedTries::default();
        for attempt in 1..=30 {
            tries.add(&format!("no {attempt}").into(), 1, attempt);
        }
        let kept: Vec<u32> = tries.iter().map(|tried| tried.attempt).collect();
        assert_eq!(kept, [1, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
    }

    #[test]
    fn of_those_that_ask_for_a_later_time_the_last_is_kept() {
        let mut tries = FailedTries::default();
        tries.add(&"no".into(), 1, 1);
        for at in 1..=3 {
            tries.add_postponed(&format!("later {at}").into(), 1, 2);
            tries.note(ended(&[]), true);
        }
        assert_eq!(messages(&tries), [("no", 1), ("later 3", 2)]);
        assert_eq!(tries.iter().map(|tried| tried.postponed).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let why = Why { message: "ä".repeat(501), stack: Some("ö".repeat(1_500)) };
        let tried = FailedTry::of(&why, 1, 1);
        assert_eq!(tried.message, format!("{}…", "ä".repeat(500)));
        assert_eq!(tried.stack, why.stack);
    }
}
