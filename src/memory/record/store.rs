//! The tables of a memory server, by name, and its transactions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::contexts::{Content, Contexts, Row};
use super::moment::Moment;
use super::statuses::Statuses;
use crate::error::Result;
use crate::json::Json;
use crate::ports::record::Tables;

/// The tables of one server.
#[derive(Debug, Default)]
pub struct RecordStore {
    state: Mutex<State>,
    /// The runs whose rows somebody has locked.
    locked: Mutex<BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct State {
    /// The last transaction that wrote something.
    xid: i64,
    contexts: BTreeMap<String, Contexts>,
    statuses: BTreeMap<String, Statuses>,
}

/// The two tables of a record, held.
pub struct TablesState<'a> {
    pub contexts: &'a mut Contexts,
    pub statuses: &'a mut Statuses,
}

/// What the tables say of a run, as a test or a client of the user's looks at it.
#[derive(Debug, Clone, Default)]
pub struct RunRow {
    /// `context_data` as it is at the moment, without the reserved key; none if there is no row.
    pub context: Option<String>,
    /// The engine's bookkeeping as it stands in the row; what a journal says is not in it.
    pub bookkeeping: Option<Json>,
    /// `status`; none if there is no row.
    pub status: Option<String>,
    /// The final payload.
    pub result: Option<Json>,
    /// Microseconds since 1970.
    pub updated_at: Option<i64>,
}

/// A run as a client of the user's gives it.
#[derive(Debug, Clone, Copy)]
pub struct GivenRun<'a> {
    /// The run.
    pub run: &'a str,
    /// Its context, as JSON.
    pub context: &'a str,
    /// Its status, if the client says one.
    pub status: Option<&'a str>,
}

impl RecordStore {
    /// Locks the rows of a run, as a transaction of somebody else's does, or lets them go.
    pub fn lock(&self, run: &str, is_locked: bool) {
        let mut locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        if is_locked {
            locked.insert(run.to_owned());
        } else {
            locked.remove(run);
        }
    }

    /// Those of some runs that are locked.
    pub fn locked_among(&self, runs: &[&str]) -> Vec<String> {
        let locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        runs.iter().filter(|run| locked.contains(**run)).map(|run| (*run).to_owned()).collect()
    }

    /// Looks at two tables, or changes them, in one step.
    pub fn with<T>(&self, tables: &Tables, act: impl FnOnce(TablesState<'_>) -> T) -> T {
        self.within(tables, |state, _| act(state))
    }

    /// Changes two tables in a transaction of its own, whose moment was taken before.
    pub fn transaction<T>(
        &self,
        tables: &Tables,
        at: u64,
        act: impl FnOnce(TablesState<'_>, Moment) -> Result<T>,
    ) -> Result<T> {
        self.within(tables, |state, xid| {
            *xid += 1;
            act(state, Moment { xid: *xid, at })
        })
    }

    fn within<T>(&self, tables: &Tables, act: impl FnOnce(TablesState<'_>, &mut i64) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { xid, contexts, statuses } = &mut *state;
        let name = |table: &Option<String>| table.clone().unwrap_or_default();
        let contexts = contexts.entry(name(&tables.contexts)).or_default();
        let statuses = statuses.entry(name(&tables.statuses)).or_default();
        act(TablesState { contexts, statuses }, xid)
    }

    /// Inserts a run as a client of the user's does: a context row, and a status row if it says one.
    ///
    /// # Errors
    /// The context is no JSON, or cannot be stored.
    pub fn insert(&self, tables: &Tables, given: GivenRun<'_>, at: u64) -> Result<()> {
        let GivenRun { run, context, status } = given;
        let content = Content::parse(context)?;
        self.transaction(tables, at, |state, moment| {
            state.contexts.rows.insert(run.to_owned(), Row { xmin: moment.xid, content });
            if let Some(status) = status {
                state.statuses.set(run, status, moment.micros());
            }
            Ok(())
        })
    }

    /// Writes a run's status row anew, as a client of the user's does.
    pub fn set_status(&self, tables: &Tables, run: &str, status: &str, at: u64) {
        let micros = i64::try_from(at.saturating_mul(1000)).unwrap_or(i64::MAX);
        self.with(tables, |state| state.statuses.set(run, status, micros));
    }

    /// Removes a run's rows, as a client of the user's does.
    pub fn remove(&self, tables: &Tables, run: &str) {
        self.with(tables, |state| {
            state.contexts.rows.remove(run);
            if let Some(journal) = &mut state.contexts.journal {
                // As the trigger of the last step does.
                journal.remove(run);
            }
            if let Some(history) = &mut state.contexts.history {
                history.forget(run);
            }
            state.statuses.rows.remove(run);
        });
    }

    /// What the tables say of a run.
    ///
    /// # Errors
    /// An entry of its journal cannot be read.
    pub fn row(&self, tables: &Tables, run: &str) -> Result<RunRow> {
        self.with(tables, |state| {
            let status = state.statuses.rows.get(run);
            Ok(RunRow {
                context: state.contexts.live(run)?,
                bookkeeping: state
                    .contexts
                    .rows
                    .get(run)
                    .and_then(|row| row.content.reserved_value().cloned()),
                status: status.map(|row| row.status.clone()),
                result: status.and_then(|row| row.result.clone()),
                updated_at: status.map(|row| row.updated_at),
            })
        })
    }

    /// The runs whose status is `running`, and when each last changed, in microseconds since 1970.
    pub fn running(&self, tables: &Tables) -> Vec<(String, i64)> {
        self.with(tables, |state| {
            let running = state.statuses.rows.iter().filter(|(_, row)| row.is_running());
            running.map(|(run, row)| (run.clone(), row.updated_at)).collect()
        })
    }

    /// Every run that has a row, in the order of their ids.
    pub fn runs(&self, tables: &Tables) -> Vec<String> {
        self.with(tables, |state| state.contexts.rows.keys().cloned().collect())
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
        self.locked.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
