//! The column of the status table that has the tags of runs, as far as this worker knows: a migration makes it, and takes it
//! away.
//!
//! The record has the tags too, under its reserved key. Version 2.0.0 drops them there with its first change of a run, and
//! leaves the column as it is. Only the column has an index.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Asks;
use crate::error::{Code, Error, Result, SqlState};
use crate::migrations::TAGS_COLUMN;

/// What is asked often looks for a column that was not there again after so long.
const LATELY: Duration = Duration::from_secs(5);
/// $1 the quoted name of the status table, $2 the column.
const LOOK: &str = "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2::text \
                    AND atttypid = 'text[]'::regtype AND NOT attisdropped)";

/// The column, which is looked for until it was found.
#[derive(Debug, Default)]
pub(super) struct TagsColumn {
    is_there: AtomicBool,
    looked: Mutex<Option<Instant>>,
}

impl TagsColumn {
    pub fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Relaxed)
    }

    /// Looks for it, whatever is known.
    pub async fn look(&self, client: &impl Asks, statuses: &str) -> Result<bool> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner).replace(Instant::now());
        let found = client.connection().rows_within(LOOK, &[&statuses, &TAGS_COLUMN]).await?;
        let is_there = found.first().is_some_and(|row| row.get(0));
        self.is_there.store(is_there, Ordering::Relaxed);
        Ok(is_there)
    }

    /// Whether it is there. Looks for one that was not.
    pub async fn find(&self, client: &impl Asks, statuses: &str) -> Result<bool> {
        if self.is_there() { Ok(true) } else { self.look(client, statuses).await }
    }

    /// Whether it was there a few seconds ago.
    pub async fn find_lately(&self, client: &impl Asks, statuses: &str) -> Result<bool> {
        let looked = *self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        match looked.is_some_and(|looked| looked.elapsed() < LATELY) {
            true => Ok(self.is_there()),
            false => self.find(client, statuses).await,
        }
    }

    /// Whether a statement failed because the column was removed, and notes that.
    pub fn has_gone(&self, error: &Error) -> bool {
        let gone = error.code == Code::ColumnMissing && error.sql_state == Some(SqlState::UNDEFINED_COLUMN);
        if gone {
            self.is_there.store(false, Ordering::Relaxed);
        }
        gone
    }
}
