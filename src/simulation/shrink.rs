//! A plan that breaks a promise, made smaller for as long as it breaks the same.

use std::time::Duration;

use super::plan::Plan;

/// The smallest plan found that still breaks it, by asking `breaks`.
pub fn shrink(plan: Plan, breaks: impl Fn(&Plan) -> bool) -> Plan {
    let mut smallest = plan;
    loop {
        let smaller = candidates(&smallest).into_iter().find(|candidate| breaks(candidate));
        match smaller {
            Some(smaller) => smallest = smaller,
            None => return smallest,
        }
    }
}

fn candidates(plan: &Plan) -> Vec<Plan> {
    let mut candidates = Vec::new();
    for index in 0..plan.troubles.len() {
        let mut smaller = plan.clone();
        smaller.troubles.remove(index);
        candidates.push(smaller);
    }
    if plan.runs > 1 {
        candidates.push(Plan { runs: plan.runs - 1, ..plan.clone() });
    }
    if plan.schedules > 0 {
        candidates.push(Plan { schedules: plan.schedules - 1, ..plan.clone() });
    }
    if plan.workers > 1 {
        candidates.push(Plan { workers: plan.workers - 1, ..plan.clone() });
    }
    if plan.stormy > Duration::from_secs(5) {
        candidates.push(Plan { stormy: plan.stormy / 2, ..plan.clone() });
    }
    if plan.parents {
        candidates.push(Plan { parents: false, ..plan.clone() });
    }
    if plan.replaces {
        candidates.push(Plan { replaces: false, ..plan.clone() });
    }
    if plan.pauses {
        candidates.push(Plan { pauses: false, ..plan.clone() });
    }
    if plan.halts {
        candidates.push(Plan { halts: false, ..plan.clone() });
    }
    if plan.cancels {
        candidates.push(Plan { cancels: false, ..plan.clone() });
    }
    if plan.crowds {
        candidates.push(Plan { crowds: false, ..plan.clone() });
    }
    if plan.limit.is_some() {
        candidates.push(Plan { limit: None, ..plan.clone() });
    }
    if plan.calls {
        candidates.push(Plan { calls: false, ..plan.clone() });
    }
    if plan.journal {
        candidates.push(Plan { journal: false, ..plan.clone() });
    }
    candidates
}
