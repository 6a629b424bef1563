//! The schedules as they are recorded, and whether their runs go on.

use std::collections::{BTreeMap, BTreeSet};

use super::service::Runs;
use crate::error::{Code, Error, Result};
use crate::ports::scheduling::{FoundSchedules, ScheduleSearch, ScheduleWrite, ScheduleWritten};
use crate::record::NewRun;
use crate::workflow::ledger::RunStatus;

impl Runs {
    /// The schedules that a search finds; none where there is no table for them.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn schedules(&self, search: &ScheduleSearch) -> Result<Option<FoundSchedules>> {
        self.run_store().record().schedules(search).await
    }

    /// Changes a schedule and inserts runs, or does neither.
    ///
    /// # Errors
    /// There is no table for schedules, or the server is out of reach. Where its answer was lost, both may have been done.
    pub async fn write_schedule(
        &self,
        write: &ScheduleWrite<'_>,
        runs: &[NewRun],
    ) -> Result<ScheduleWritten> {
        let written = self.run_store().record().write_schedule(write, runs).await?;
        written.ok_or_else(|| no_table("Changing the schedule"))
    }

    /// Those of some runs that are over, or gone.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn over(&self, runs: &[String]) -> Result<BTreeSet<String>> {
        let statuses = self.statuses(runs).await?;
        let goes_on = |run: &String| {
            statuses.get(run).is_some_and(|status| {
                [RunStatus::Running, RunStatus::Awaiting].iter().any(|open| open.as_str() == status)
            })
        };
        Ok(runs.iter().filter(|run| !goes_on(run)).cloned().collect())
    }

    /// The statuses of those of some runs that are there.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn statuses(&self, runs: &[String]) -> Result<BTreeMap<String, String>> {
        if runs.is_empty() {
            return Ok(BTreeMap::new());
        }
        let names: Vec<&str> = runs.iter().map(String::as_str).collect();
        let views = self.run_store().record().views(&names).await?;
        Ok(views.into_iter().filter_map(|(run, view)| Some((run, view.status?))).collect())
    }

    /// Why a run of this id cannot be, if it is known what ids the tables have.
    pub fn refuses_id(&self, run: &str) -> Option<Error> {
        self.run_store().record().refuses_id(run)
    }
}

/// There is no table for schedules.
pub fn no_table(operation: &'static str) -> Error {
    let what =
        "the table of schedules is not there: migrate makes it (step 6; npx flowcraft-rabbitmq migrate up)";
    Error::new(Code::TableMissing, operation, what)
}
