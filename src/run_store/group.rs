//! The commits of one run, merged into one change.

use super::requests::CommitRequest;
use crate::error::Error;
use crate::record::{Document, Merged, WriteKind, merge, size_of};

/// The commits of one run.
pub(super) struct Group {
    pub run: String,
    pub base: Document,
    /// The base was just loaded.
    pub fresh: bool,
    pub commits: Vec<CommitRequest>,
}

/// A group and what its commits merge into.
pub(super) struct PlannedGroup {
    pub group: Group,
    pub merged: Merged,
}

impl PlannedGroup {
    /// About how many bytes it writes.
    pub fn bytes(&self, kind: WriteKind) -> usize {
        match (kind, &self.merged.change) {
            (WriteKind::Fold, Some(_)) => self.merged.after.approximate_bytes,
            (_, Some(change)) => size_of(&change.patch),
            (_, None) => 0,
        }
    }
}

impl Group {
    pub fn answer_all(self, error: &Error) {
        self.commits.into_iter().for_each(|commit| drop(commit.answer.send(Err(error.clone()))));
    }

    /// Merges the decisions and answers those that fail. A decision to change nothing counts only if the base was just loaded:
    /// otherwise the group comes back.
    fn plan(mut self) -> std::result::Result<PlannedGroup, Box<Self>> {
        let mut merged = merge(&self.base, self.commits.iter_mut().map(|commit| &mut commit.decide));
        let mut kept = Vec::with_capacity(self.commits.len());
        let mut answers = Vec::with_capacity(self.commits.len());
        for (commit, answer) in self.commits.into_iter().zip(std::mem::take(&mut merged.answers)) {
            match answer {
                Ok(_) => {
                    kept.push(commit);
                    answers.push(answer);
                }
                Err(error) => drop(commit.answer.send(Err(error))),
            }
        }
        self.commits = kept;
        merged.answers = answers;
        if !self.fresh && merged.has_declined() {
            return Err(Box::new(self));
        }
        Ok(PlannedGroup { group: self, merged })
    }
}

/// Plans groups: those that are planned, and those to be decided again on a newer base.
pub(super) fn partition(groups: Vec<Group>) -> (Vec<PlannedGroup>, Vec<Group>) {
    let (mut plans, mut again) = (Vec::new(), Vec::new());
    for group in groups {
        match group.plan() {
            Ok(plan) => plans.push(plan),
            Err(group) => again.push(*group),
        }
    }
    (plans, again)
}

/// Groups that are not written yet.
#[derive(Default)]
pub(super) struct Unwritten {
    /// To be decided again: others changed their runs.
    pub again: Vec<Group>,
    /// To be written one by one, because one of them may be to blame: only that one may fail.
    pub alone: Vec<Group>,
}
