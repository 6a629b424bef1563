//! Which steps a migration takes, and by which acts.

use super::act::{Act, Statement};
use super::facts::Facts;
use super::steps::{LAST, MigrationStep, STEPS};
use super::target::{Direction, StepReport, StepStatus, Target};

/// A step that is to be taken.
#[derive(Debug)]
pub struct Planned {
    /// The step.
    pub step: &'static MigrationStep,
    /// Its acts, the last of which records it.
    pub acts: Vec<Act>,
    /// What is told of it.
    pub report: StepReport,
    /// Nothing of it was there before: what fails can be taken back.
    pub is_new: bool,
}

/// The steps on the way to a target, in their order.
pub fn plan(target: Target, facts: &Facts) -> Vec<Planned> {
    let last = target.last(LAST);
    let mut recording = Recording { table: facts.migrations(), is_there: facts.migrations };
    match target.direction {
        Direction::Up => {
            let steps = STEPS.iter().filter(|step| step.number <= last);
            steps.filter_map(|step| made(step, facts, &mut recording)).collect()
        }
        Direction::Down => {
            let steps = STEPS.iter().rev().filter(|step| step.number > last);
            let mut taken: Vec<Planned> =
                steps.filter_map(|step| taken_away(step, facts, &recording)).collect();
            if let Some(end) = taken.last_mut().filter(|_| last == 0 && facts.migrations) {
                finish(&mut end.acts, vec![format!("DROP TABLE {}", recording.table)]);
            }
            for planned in &mut taken {
                planned.report.sql = sql(&planned.acts);
            }
            taken
        }
    }
}

/// What takes back what there is of a step whose acts failed.
pub fn taking_back(step: &MigrationStep, facts: &Facts) -> Vec<Act> {
    (step.down)(facts)
}

/// Where every step stands.
pub fn status(facts: &Facts) -> Vec<StepStatus> {
    // Version 2.0.0 made the first three and recorded none.
    let unrecorded = facts.journal && !facts.migrations;
    let status = |step: &MigrationStep| {
        let done_at = facts.recorded.get(&step.number).copied();
        let is_there = (step.up)(facts).is_empty();
        let done = is_there && (done_at.is_some() || unrecorded);
        let notes = (step.lacks)(facts);
        StepStatus { step: step.number, name: step.name, done, done_at: done_at.filter(|_| done), notes }
    };
    STEPS.iter().map(status).collect()
}

/// The table in which steps are recorded.
struct Recording {
    table: String,
    is_there: bool,
}

impl Recording {
    /// Records a step as done; makes the table with the first one.
    fn record(&mut self, step: &MigrationStep) -> Vec<String> {
        let Self { table, .. } = self;
        let create = format!(
            "CREATE TABLE IF NOT EXISTS {table} (step INTEGER PRIMARY KEY, name TEXT NOT NULL, \
             done_at TIMESTAMPTZ NOT NULL DEFAULT now())"
        );
        let insert = format!(
            "INSERT INTO {table} (step, name) VALUES ({}, '{}') ON CONFLICT (step) DO UPDATE SET done_at = now()",
            step.number, step.name
        );
        let is_new = !std::mem::replace(&mut self.is_there, true);
        is_new.then_some(create).into_iter().chain([insert]).collect()
    }

    fn forget(&self, step: &MigrationStep) -> Vec<String> {
        let delete = format!("DELETE FROM {} WHERE step = {}", self.table, step.number);
        self.is_there.then_some(delete).into_iter().collect()
    }
}

fn made(step: &'static MigrationStep, facts: &Facts, recording: &mut Recording) -> Option<Planned> {
    let mut acts = (step.up)(facts);
    let is_recorded = facts.recorded.contains_key(&step.number);
    let is_new = (step.down)(facts).is_empty();
    if acts.is_empty() && is_recorded {
        return None;
    }
    let taken_over = acts.is_empty() && !is_new;
    finish(&mut acts, recording.record(step));
    let planned = planned(step, Direction::Up, facts, acts);
    Some(Planned { is_new, report: StepReport { taken_over, ..planned.report }, ..planned })
}

fn taken_away(step: &'static MigrationStep, facts: &Facts, recording: &Recording) -> Option<Planned> {
    let mut acts = (step.down)(facts);
    if acts.is_empty() && !facts.recorded.contains_key(&step.number) {
        return None;
    }
    finish(&mut acts, recording.forget(step));
    Some(planned(step, Direction::Down, facts, acts))
}

fn planned(step: &'static MigrationStep, direction: Direction, facts: &Facts, acts: Vec<Act>) -> Planned {
    let notes = if direction == Direction::Up { (step.lacks)(facts) } else { Vec::new() };
    let (number, name) = (step.number, step.name);
    let report = StepReport { step: number, name, direction, taken_over: false, sql: sql(&acts), notes };
    Planned { step, acts, report, is_new: false }
}

fn sql(acts: &[Act]) -> Vec<String> {
    acts.iter().flat_map(Act::sql).collect()
}

/// Adds statements to the last transaction of a step, or to one of their own.
fn finish(acts: &mut Vec<Act>, statements: Vec<String>) {
    if statements.is_empty() {
        return;
    }
    match acts.last_mut() {
        Some(Act::Together(last)) => last.extend(statements.into_iter().map(Statement::Sql)),
        _ => acts.push(Act::together(statements)),
    }
}

#[cfg(test)]
mod tests;
