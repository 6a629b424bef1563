//! The journal's table in SQL: its name, the statements that read it and append to it, and whether it exists.
//!
//! Two workers cannot append the same entry: its number is part of the key. Nor can one worker append while another folds:
//! appending takes a shared lock on the row, folding an exclusive one. Statements for plain rows write nothing once the
//! journal exists, so a worker that has not noticed it does no harm.

use std::sync::atomic::{AtomicBool, Ordering};

use super::connection::Asks;
use super::contexts::Contexts;
use super::sql::limits_of_run;
use crate::error::{Code, Error, Result, SqlState};
use crate::migrations::beside;

/// The journal's table, as far as this worker knows.
#[derive(Debug, Default)]
pub(super) struct JournalTable {
    is_there: AtomicBool,
}

impl JournalTable {
    /// Its quoted name, by that of the context table.
    pub fn of(contexts: &str) -> String {
        beside(contexts, "journal")
    }

    pub fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Relaxed)
    }

    /// Looks whether it exists.
    pub async fn look(&self, client: &impl Asks, contexts: &str) -> Result<()> {
        let look = "SELECT to_regclass($1) IS NOT NULL";
        let found = client.connection().rows_within(look, &[&Self::of(contexts)]).await?;
        let is_there = found.first().is_some_and(|row| row.get(0));
        self.is_there.store(is_there, Ordering::Relaxed);
        Ok(())
    }

    pub fn found(&self) {
        self.is_there.store(true, Ordering::Relaxed);
    }

    /// Whether a statement failed because the journal was removed, and records that. Each of several statements under way
    /// gets that answer. If another table is missing, the next statement reports it.
    pub fn has_gone(&self, error: &Error) -> bool {
        let gone = error.code == Code::TableMissing && error.sql_state == Some(SqlState::UNDEFINED_TABLE);
        if gone {
            self.is_there.store(false, Ordering::Relaxed);
        }
        gone
    }

    /// SQL: the journal does not exist.
    pub fn is_absent(contexts: &str) -> String {
        format!("to_regclass('{}') IS NULL", Self::of(contexts).replace('\'', "''"))
    }
}

/// Runs, and what is newer of each than a revision of it. $1 runs, $2 the revisions of their rows, $3 their last known
/// entries. Answers with run, moment, revision, whether the row is that one, the row if not, the last entry, entries.
pub(super) fn load(contexts: &Contexts, now: &str) -> String {
    let (journal, cast) = (JournalTable::of(&contexts.sql), contexts.ids.cast());
    format!(
        "SELECT t.run_id::text, {now}, t.xmin::text::bigint, t.xmin::text::bigint = g.version, \
         CASE WHEN t.xmin::text::bigint <> g.version THEN t.context_data::text END, j.last, j.changes \
         FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS g (run_id, version, entry) \
         JOIN {contexts} AS t ON t.run_id = g.run_id{cast} CROSS JOIN LATERAL \
         (SELECT max(entry) AS last, array_agg(change::text ORDER BY entry) AS changes FROM {journal} AS j \
         WHERE j.run_id = g.run_id \
         AND j.entry > CASE WHEN t.xmin::text::bigint = g.version THEN g.entry ELSE 0 END) AS j"
    )
}

/// Appends one entry that concerns the context alone. $1 run, $2 the revision of its row, $3 the last entry, $4 the change
pub(super) fn append_patch(contexts: &Contexts) -> String {
    let journal = JournalTable::of(&contexts.sql);
    let id = contexts.ids.first();
    format!(
        "WITH {}, held AS MATERIALIZED (SELECT t.run_id FROM limits, {contexts} AS t \
         WHERE t.run_id = {id} AND t.xmin::text::bigint = $2::bigint FOR SHARE) \
         INSERT INTO {journal} (run_id, entry, change) SELECT run_id::text, $3::bigint + 1, $4::text::json FROM held \
         ON CONFLICT DO NOTHING RETURNING run_id",
        limits_of_run()
    )
}
