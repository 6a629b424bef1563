//! The journal's table in SQL: its name, the statements that read it and append to it, and whether it exists.
//!
//! Two workers cannot append the same entry: its number is part of the key. Nor can one worker append while another folds:
//! appending takes a shared lock on the row, folding an exclusive one. Statements for plain rows write nothing once the
//! journal exists, so a worker that has not noticed it does no harm.

use std::sync::atomic::{AtomicBool, Ordering};

use deadpool_postgres::GenericClient;

use super::connect::database_error;
use crate::error::{Error, Result, SqlState};

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
    pub async fn look(&self, client: &impl GenericClient, contexts: &str) -> Result<()> {
        let found = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&Self::of(contexts)]).await;
        self.is_there.store(found.map_err(|error| database_error(&error))?.get(0), Ordering::Relaxed);
        Ok(())
    }

    pub fn found(&self) {
        self.is_there.store(true, Ordering::Relaxed);
    }

    /// Whether a statement failed because the journal was removed, and records that. Each of several statements under way
    /// gets that answer. If another table is missing, the next statement reports it.
    pub fn has_gone(&self, error: &Error) -> bool {
        let gone = error.sql_state == Some(SqlState::UNDEFINED_TABLE);
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

/// The quoted name of an object that belongs to a table. PostgreSQL truncates names to 63 bytes: a longer one ends with a
/// hash of the whole name.
pub(super) fn beside(table: &str, what: &str) -> String {
    let (schema, name) = table.rsplit_once("\".\"").unwrap_or(("", table));
    let name = name.trim_matches('"').replace("\"\"", "\"");
    let mut own = format!("{name}_{what}");
    if own.len() > LONGEST_NAME {
        let sum = name.bytes().fold(FNV_START, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(FNV_PRIME));
        let end = format!("_{sum:08x}_{what}");
        let kept = name.char_indices().map(|(index, _)| index);
        let kept = kept.take_while(|index| index + end.len() <= LONGEST_NAME).last().unwrap_or(0);
        own = format!("{}{end}", &name[..kept]);
    }
    let own = own.replace('"', "\"\"");
    if schema.is_empty() { format!("\"{own}\"") } else { format!("{schema}\".\"{own}\"") }
}

const LONGEST_NAME: usize = 63;
/// The FNV-1a hash: the same in every version of this package.
const FNV_START: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// Runs, and what is newer of each than a revision of it. $1 runs, $2 the revisions of their rows, $3 their last known
/// entries. Answers with run, moment, revision, whether the row is that one, the row if not, the last entry, entries.
pub(super) fn load(contexts: &str, now: &str) -> String {
    let journal = JournalTable::of(contexts);
    format!(
        "SELECT t.run_id::text, {now}, t.xmin::text::bigint, t.xmin::text::bigint = g.version, \
         CASE WHEN t.xmin::text::bigint <> g.version THEN t.context_data::text END, j.last, j.changes \
         FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS g (run_id, version, entry) \
         JOIN {contexts} AS t ON t.run_id = g.run_id CROSS JOIN LATERAL \
         (SELECT max(entry) AS last, array_agg(change::text ORDER BY entry) AS changes FROM {journal} AS j \
         WHERE j.run_id = g.run_id \
         AND j.entry > CASE WHEN t.xmin::text::bigint = g.version THEN g.entry ELSE 0 END) AS j"
    )
}

/// Appends one entry that concerns the context alone. $1 run, $2 the revision of its row, $3 the last entry, $4 the change
pub(super) fn append_patch(contexts: &str) -> String {
    let journal = JournalTable::of(contexts);
    format!(
        "WITH held AS MATERIALIZED (SELECT t.run_id FROM {contexts} AS t \
         WHERE t.run_id = $1::text AND t.xmin::text::bigint = $2::bigint FOR SHARE) \
         INSERT INTO {journal} (run_id, entry, change) SELECT run_id, $3::bigint + 1, $4::text::json FROM held \
         ON CONFLICT DO NOTHING RETURNING run_id"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_table_is_named_after_it() {
        assert_eq!(beside(r#""contexts""#, "journal"), r#""contexts_journal""#);
        assert_eq!(beside(r#""a.b"."c""d""#, "live"), r#""a.b"."c""d_live""#);
    }

    #[test]
    fn names_too_long_stay_apart() {
        let named = |last: &str| beside(&format!("\"s\".\"{}{last}\"", "ü".repeat(30)), "journal");
        assert!(named("a").len() <= LONGEST_NAME + r#""s"."""#.len());
        assert_ne!(named("a"), named("b"));
    }
}
