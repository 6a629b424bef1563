//! What was told of whole runs: once where nothing goes wrong, and at least once whatever does.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::workflow::ledger::{Milestone, Numbered, Onward};

/// The beginning of a run that no worker told.
pub const UNTOLD_BEGINNING: &str = "that it began was not told";
/// The end of a run that no worker told.
pub const UNTOLD_END: &str = "how it ended was not told";

/// What was told, by run, in the order in which it was heard.
#[derive(Debug, Default)]
pub struct Tellings {
    all: Mutex<BTreeMap<String, Vec<Numbered>>>,
}

impl Tellings {
    /// Something was heard.
    pub fn heard(&self, run: &str, milestones: Vec<Numbered>) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(run.to_owned()).or_default().extend(milestones);
    }

    /// What is wrong with what was told of a run that has ended with this status.
    pub fn wrong_of(&self, run: &str, status: &str, is_calm: bool) -> Vec<&'static str> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        wrong(all.get(run).map(Vec::as_slice).unwrap_or_default(), status, is_calm)
    }
}

fn wrong(told: &[Numbered], status: &str, is_calm: bool) -> Vec<&'static str> {
    let count =
        |is_it: &dyn Fn(&Milestone) -> bool| told.iter().filter(|each| is_it(&each.milestone)).count();
    let is_end =
        |each: &Milestone| matches!(each, Milestone::Finish { status: told, .. } if told.as_str() == status);
    let mut wrong = Vec::new();
    if count(&|each| *each == Milestone::Onward(Onward::Start)) == 0 {
        wrong.push(UNTOLD_BEGINNING);
    }
    if count(&is_end) == 0 {
        wrong.push(UNTOLD_END);
    }
    if !is_calm {
        return wrong;
    }
    let repeated = told.iter().enumerate().any(|(index, each)| told[..index].contains(each));
    if repeated || count(&|each| matches!(each, Milestone::Finish { .. })) > 1 {
        wrong.push("something was told twice, although nothing went wrong");
    }
    // It goes on when it begins, and after each pause.
    let resumes = count(&|each| *each == Milestone::Onward(Onward::Resume));
    if resumes != 1 + count(&|each| *each == Milestone::Pause) {
        wrong.push("a pause was told without its end, or an end without its pause");
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::ledger::RunStatus;

    #[test]
    fn what_is_missing_or_too_much_is_found() {
        let numbered = |milestone, number| Numbered { milestone, number };
        let finish = |status| Milestone::Finish { status, errors: Vec::new() };
        let [start, resume] =
            [Onward::Start, Onward::Resume].map(|onward| numbered(Milestone::Onward(onward), 1));
        let end = numbered(finish(RunStatus::Completed), 2);
        let pause = numbered(Milestone::Pause, 1);
        let whole = [start.clone(), resume.clone(), end.clone()];
        let twice = [&whole[..], &[end]].concat();
        let paused = [&whole[..], &[pause]].concat();
        for (told, status, found) in [
            (&whole[..], "completed", [0, 0]),
            (&whole[1..], "completed", [1, 1]),
            (&whole[..], "failed", [1, 1]),
            (&twice[..], "completed", [0, 1]),
            (&paused[..], "completed", [0, 1]),
        ] {
            assert_eq!([false, true].map(|is_calm| wrong(told, status, is_calm).len()), found, "{told:?}");
        }
    }
}
