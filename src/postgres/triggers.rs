//! Whether the context table keeps what is written as it is written: a trigger of the user's may change it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connection::{Asks, Connection};
use crate::error::Result;

/// How soon a trigger that is made beside running workers is noticed.
const LOOKS_EVERY: Duration = Duration::from_secs(30);

/// Those that a write calls: the bits of `tgtype` are those of INSERT and UPDATE.
const LOOK: &str = "
    SELECT EXISTS (SELECT FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 20 <> 0 AND tgrelid IN
        (SELECT relid FROM pg_partition_tree(to_regclass($1)) UNION SELECT to_regclass($1)))";
/// Whether a trigger sees each row before it is inserted: the bits of `tgtype` are those of ROW, BEFORE and INSERT.
const FILLS: &str = "
    SELECT EXISTS (SELECT FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 7 = 7
        AND tgrelid = to_regclass($1))";

/// Whether a trigger of the user's may give a new row the values that it owes.
pub(super) async fn may_fill(client: &impl Asks, table: &str) -> Result<bool> {
    let found = client.connection().rows_within(FILLS, &[&table]).await?;
    Ok(found.first().is_some_and(|row| row.get(0)))
}

/// What is known of the table's triggers.
#[derive(Debug, Default)]
pub(super) struct Triggers {
    are_there: AtomicBool,
    looked: Mutex<Option<Instant>>,
}

impl Triggers {
    /// Whether what is written may be stored as something else.
    pub fn are_there(&self) -> bool {
        self.are_there.load(Ordering::Relaxed)
    }

    /// Looks, if the last look was long ago.
    pub async fn look(&self, client: &Connection, contexts: &str) -> Result<()> {
        let is_due = {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = looked.is_none_or(|looked| looked.elapsed() > LOOKS_EVERY);
            if is_due {
                *looked = Some(Instant::now());
            }
            is_due
        };
        if is_due {
            let found = client.rows_within(LOOK, &[&contexts]).await?;
            self.are_there.store(found.first().is_some_and(|row| row.get(0)), Ordering::Relaxed);
        }
        Ok(())
    }
}
