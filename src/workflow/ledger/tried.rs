//! The attempts at a node that failed: what is stored of each, so that whoever looks at a run sees why a node took three of them.
//!
//! A node that fails over and over may not make its run grow: the first attempt and the last ones are kept, and of each the beginning
//! of what it says; a stack is kept once where several are the same, and none where a run has very many nodes. Version 2.0.0 drops
//! them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// So many failed attempts are kept of a node: the first, and the last of the others.
const MOST: usize = 10;
/// How much is kept of an error's message: characters.
const LONGEST_MESSAGE: usize = 500;
/// How much is kept of its stack: characters.
const LONGEST_STACK: usize = 1_000;

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

/// The tries within one execution: core tries a node again without leaving its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tries {
    /// Those that failed before the one that it ended in.
    pub earlier: Vec<EarlierTry>,
    /// Which one it ended in, from 1.
    pub last: u32,
}

impl Default for Tries {
    fn default() -> Self {
        Self { earlier: Vec::new(), last: 1 }
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
    /// It failed where the next one did, which says it.
    #[serde(rename = "l", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_like_next: bool,
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
            is_like_next: false,
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
        self.push(FailedTry::of(why, round, attempt));
    }

    /// One that only asked for a later time. Of several in a row the last one is kept: a node may ask every minute for a week.
    pub(super) fn add_postponed(&mut self, why: &Why, round: u32, attempt: u32) {
        self.0.pop_if(|last| last.postponed && (last.round, last.attempt) == (round, attempt));
        self.push(FailedTry { postponed: true, ..FailedTry::of(why, round, attempt) });
    }

    /// Notes when and on which worker an execution ended, and what failed within it. If it failed itself, that was added to what
    /// there was `before`.
    pub(super) fn note(&mut self, end: Ended<'_>, before: Option<&Self>) {
        let Ended { round, attempt, now, worker, tries } = end;
        let had = before.and_then(|before| before.0.last());
        let own = self.0.pop_if(|last| had != Some(&*last));
        let number = |number: u32| attempt.saturating_add(number.saturating_sub(1));
        for EarlierTry { number: which, why, ago } in tries.map(|tries| &tries.earlier).into_iter().flatten()
        {
            let ago = ago.as_millis().try_into().unwrap_or(u64::MAX);
            let tried = FailedTry::of(why, round, number(*which));
            self.push(FailedTry { ended: Some(now.saturating_sub(ago)), worker, ..tried });
        }
        if let Some(own) = own {
            let attempt = tries.map_or(own.attempt, |tries| number(tries.last));
            self.push(FailedTry { attempt, ended: Some(now), worker, ..own });
        }
    }

    /// Of several in a row that failed at the same place, the last says where.
    fn push(&mut self, tried: FailedTry) {
        if let Some(last) = self.0.last_mut().filter(|last| last.stack.is_some() && last.stack == tried.stack)
        {
            (last.stack, last.is_like_next) = (None, true);
        }
        self.0.push(tried);
        self.forget();
    }

    /// Keeps no stack: there are too many nodes.
    pub(super) fn forget_stacks(&mut self) {
        for tried in &mut self.0 {
            (tried.stack, tried.is_like_next) = (None, false);
        }
    }

    /// Where an attempt failed, by its place among them.
    pub fn stack_of(&self, place: usize) -> Option<&str> {
        let rest = self.0.get(place..)?;
        let says = rest.iter().find(|tried| !tried.is_like_next)?;
        says.stack.as_deref()
    }

    fn forget(&mut self) {
        if self.0.len() > MOST {
            let stack = self.stack_of(0).map(str::to_owned);
            if let Some(first) = self.0.first_mut() {
                // Those that say it for this one may go.
                (first.stack, first.is_like_next) = (stack, false);
            }
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
    /// The tries within it; none where it was one, or none of a worker.
    pub tries: Option<&'a Tries>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(tries: &FailedTries) -> Vec<(&str, u32)> {
        tries.iter().map(|tried| (tried.message.as_str(), tried.attempt)).collect()
    }

    const ENDED: Ended<'_> = Ended { round: 1, attempt: 2, now: 50, worker: Some(0), tries: None };

    fn earlier(number: u32, message: &str, ago: u64) -> EarlierTry {
        EarlierTry { number, why: message.into(), ago: Duration::from_millis(ago) }
    }

    #[test]
    fn what_failed_within_an_execution_comes_before_its_end() {
        let mut tries = FailedTries::default();
        tries.add(&"first".into(), 1, 1);
        tries.note(Ended { attempt: 1, ..ENDED }, None);
        let before = tries.clone();
        tries.add(&"last".into(), 1, 2);
        let within = Tries { earlier: vec![earlier(1, "second", 20), earlier(2, "third", 60)], last: 3 };
        tries.note(Ended { tries: Some(&within), ..ENDED }, Some(&before));
        assert_eq!(messages(&tries), [("first", 1), ("second", 2), ("third", 3), ("last", 4)]);
        let moments: Vec<_> = tries.iter().map(|tried| tried.ended).collect();
        assert_eq!(moments, [Some(50), Some(30), Some(0), Some(50)]);
    }

    #[test]
    fn an_execution_that_did_not_fail_adds_only_what_failed_within_it() {
        let mut tries = FailedTries::default();
        tries.add(&"of a run that 2.0.0 failed".into(), 1, 1);
        let before = tries.clone();
        let within = Tries { earlier: vec![earlier(1, "once", 5)], last: 2 };
        tries.note(Ended { tries: Some(&within), ..ENDED }, Some(&before));
        assert_eq!(messages(&tries), [("of a run that 2.0.0 failed", 1), ("once", 2)]);
        assert_eq!(tries.iter().next().unwrap().ended, None);
    }

    #[test]
    fn of_several_that_failed_at_the_same_place_the_last_says_where() {
        let mut tries = FailedTries::default();
        for (attempt, stack) in [(1, "at f"), (2, "at f"), (3, "at g"), (4, "at f")] {
            tries.add(&Why { message: "no".into(), stack: Some(stack.into()) }, 1, attempt);
        }
        let kept: Vec<_> = tries.iter().map(|tried| tried.stack.as_deref()).collect();
        assert_eq!(kept, [None, Some("at f"), Some("at g"), Some("at f")]);
        let said: Vec<_> = (0..4).map(|place| tries.stack_of(place)).collect();
        assert_eq!(said, [Some("at f"), Some("at f"), Some("at g"), Some("at f")]);
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
            let before = tries.clone();
            tries.add_postponed(&format!("later {at}").into(), 1, 2);
            tries.note(ENDED, Some(&before));
        }
        assert_eq!(messages(&tries), [("no", 1), ("later 3", 2)]);
        assert_eq!(tries.iter().map(|tried| tried.postponed).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let why = Why { message: "ä".repeat(501), stack: Some("ö".repeat(1_000)) };
        let tried = FailedTry::of(&why, 1, 1);
        assert_eq!(tried.message, format!("{}…", "ä".repeat(500)));
        assert_eq!(tried.stack, why.stack);
    }
}
