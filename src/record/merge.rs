//! Several decisions on one run: each sees the result of the one before it, and all are written as one change.

use super::change::{Change, Decide};
use super::document::Document;
use crate::error::Result;

/// Several decisions on one run, merged.
#[derive(Debug)]
pub struct Merged {
    /// All their changes in one; none if there is none.
    pub change: Option<Change>,
    /// The run with it.
    pub after: Document,
    /// For each decision: whether it changes anything, or its error.
    pub answers: Vec<Result<bool>>,
}

impl Merged {
    /// Whether one of them decided to change nothing.
    pub fn has_declined(&self) -> bool {
        self.answers.iter().any(|answer| matches!(answer, Ok(false)))
    }
}

/// Makes decisions on a run, each on the result of the one before it. One that fails does not affect the others.
pub fn merge<'a>(base: &Document, decisions: impl Iterator<Item = &'a mut Decide>) -> Merged {
    let mut merged = Merged { change: None, after: base.clone(), answers: Vec::new() };
    for decide in decisions {
        let answer = decide(&merged.after);
        merged.answers.push(answer.map(|change| match change {
            None => false,
            Some(change) => {
                merged.after = merged.after.after(&change.patch, &change.reserved);
                merged.change = Some(match merged.change.take() {
                    Some(earlier) => earlier.then(change),
                    None => change,
                });
                true
            }
        }));
    }
    merged
}
