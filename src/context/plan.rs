//! What the commits of one run come to: each is decided upon the one before it, and all are written as one change.

use super::change::Change;
use super::commit::Commit;
use super::document::{Document, Patch};
use crate::error::Error;

/// The commits of one run.
pub(super) struct Group {
    pub run: String,
    pub base: Document,
    /// The base was loaded for them.
    pub fresh: bool,
    pub commits: Vec<Commit>,
}

/// What they come to.
pub(super) struct Plan {
    pub group: Group,
    /// All their changes in one; none where there is none.
    pub change: Option<Change>,
    /// The run with it.
    pub after: Document,
    /// Which of them change nothing.
    pub declined: Vec<bool>,
}

impl Group {
    pub fn answer_all(self, error: &Error) {
        self.commits.into_iter().for_each(|commit| drop(commit.answer.send(Err(error.clone()))));
    }

    /// Decides one upon the other. A decision to change nothing is only taken on a row as it is now.
    fn plan(mut self) -> std::result::Result<Plan, Box<Self>> {
        let mut merged: Option<Change> = None;
        let mut after = self.base.clone();
        let commits = std::mem::take(&mut self.commits);
        let mut declined = Vec::with_capacity(commits.len());
        let mut kept = Vec::with_capacity(commits.len());
        for mut commit in commits {
            match (commit.decide)(&after) {
                Ok(change) => {
                    declined.push(change.is_none());
                    if let Some(change) = &change {
                        after = after.after(&change.patch, &change.reserved);
                    }
                    merged = match (merged.take(), change) {
                        (Some(earlier), Some(later)) => Some(earlier.then(later)),
                        (earlier, later) => later.or(earlier),
                    };
                    kept.push(commit);
                }
                Err(error) => drop(commit.answer.send(Err(error))),
            }
        }
        self.commits = kept;
        if !self.fresh && declined.contains(&true) {
            return Err(Box::new(self));
        }
        Ok(Plan { group: self, change: merged, after, declined })
    }
}

pub(super) fn partition(groups: Vec<Group>) -> (Vec<Plan>, Vec<Group>) {
    let (mut plans, mut again) = (Vec::new(), Vec::new());
    for group in groups {
        match group.plan() {
            Ok(plan) => plans.push(plan),
            Err(group) => again.push(*group),
        }
    }
    (plans, again)
}

impl Change {
    /// This change, and another upon it.
    fn then(mut self, later: Self) -> Self {
        let Patch { sets, deletes } = later.patch;
        self.patch.deletes.retain(|key| !sets.contains_key(key));
        for key in deletes {
            self.patch.sets.remove(&key);
            self.patch.deletes.push(key);
        }
        self.patch.sets.extend(sets);
        Self { patch: self.patch, reserved: later.reserved, ending: later.ending }
    }
}
