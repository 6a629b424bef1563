//! Migrations in memory: the same steps in the same order. Only the journal and the tables of our own are more than a
//! record.

use std::collections::BTreeMap;

use super::moment::Moment;
use super::store::TablesState;
use crate::error::{Code, Error, Result};
use crate::migrations::{
    COMPRESSION, Direction, FINDING, FORGETTING, HISTORY, JOURNAL, LAST, OPEN_RUNS, PAUSED, SCHEDULES, STEPS,
    StepReport, StepStatus, TAGS, THROUGHPUT, Target, WORKERS,
};

impl TablesState<'_> {
    /// Takes the steps to a target, or only says which.
    pub fn migrate(&mut self, target: Target, moment: Moment) -> Result<Vec<StepReport>> {
        if target.to.is_some_and(|to| to > LAST) {
            return Err(Error::of_option("to", format!("there are {LAST} steps")));
        }
        let last = target.last(LAST);
        let is_done = |step: u32| self.contexts.steps.contains_key(&step);
        let mut steps: Vec<_> = match target.direction {
            Direction::Up => {
                STEPS.iter().filter(|step| step.number <= last && !is_done(step.number)).collect()
            }
            Direction::Down => {
                STEPS.iter().rev().filter(|step| step.number > last && is_done(step.number)).collect()
            }
        };
        let report = |step: &crate::migrations::MigrationStep| StepReport {
            step: step.number,
            name: step.name,
            direction: target.direction,
            taken_over: false,
            sql: Vec::new(),
            notes: Vec::new(),
        };
        let reports = steps.iter().map(|step| report(step)).collect();
        if target.dry_run {
            steps.clear();
        }
        for step in steps {
            self.take(step.number, target.direction, moment)?;
        }
        Ok(reports)
    }

    fn take(&mut self, step: u32, direction: Direction, moment: Moment) -> Result<()> {
        match (step, direction) {
            (JOURNAL, Direction::Up) => drop(self.contexts.journal.get_or_insert_default()),
            (JOURNAL, Direction::Down) => self.fold_all(moment)?,
            (WORKERS, Direction::Up) => drop(self.contexts.workers.get_or_insert_default()),
            (WORKERS, Direction::Down) => self.contexts.workers = None,
            (SCHEDULES, Direction::Up) => drop(self.contexts.schedules.get_or_insert_default()),
            (SCHEDULES, Direction::Down) => self.contexts.schedules = None,
            (PAUSED, Direction::Up) => drop(self.contexts.paused.get_or_insert_default()),
            (PAUSED, Direction::Down) => self.contexts.paused = None,
            (HISTORY, Direction::Up) => drop(self.contexts.history.get_or_insert_default()),
            (HISTORY, Direction::Down) => self.contexts.history = None,
            (THROUGHPUT, Direction::Up) => drop(self.contexts.throughput.get_or_insert_default()),
            (THROUGHPUT, Direction::Down) => self.contexts.throughput = None,
            // Nothing is to be made of these: memory forgets, compresses and finds runs and tags as it is.
            (OPEN_RUNS | COMPRESSION | FORGETTING | TAGS | FINDING, _) => {}
            (step, _) => {
                let what = format!("memory does not know what step {step} makes");
                return Err(Error::new(Code::Internal, "Migrating", what));
            }
        }
        match direction {
            Direction::Up => self.contexts.steps.insert(step, moment.at),
            Direction::Down => self.contexts.steps.remove(&step),
        };
        Ok(())
    }
}

/// Where every step stands.
pub fn status(steps: &BTreeMap<u32, u64>) -> Vec<StepStatus> {
    let status = |step: &crate::migrations::MigrationStep| {
        let done_at = steps.get(&step.number).copied();
        StepStatus { step: step.number, name: step.name, done: done_at.is_some(), done_at, notes: Vec::new() }
    };
    STEPS.iter().map(status).collect()
}
