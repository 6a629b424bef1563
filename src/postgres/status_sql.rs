//! The statements that fit a status table of any of the three shapes.

use super::contexts::Contexts;
use super::ids::{Ids, same_run};
use super::journal::JournalTable;
use super::sql::{NOW, PRESENT, limits_of_batch};
use super::status_upserts::StatusUpserts;
use super::upsert::Shape;
use super::zone::Moments;
use crate::migrations::{TAGS_COLUMN, TAGS_OF_START};
use crate::record::RESERVED_KEY;

/// The statements that fit the columns a table has.
#[derive(Debug)]
pub(super) struct Statements {
    /// $1 run, $2 status
    pub touch: String,
    /// $1 run, $2 status, $3 final result
    pub finish: String,
    /// $1 run, $2 status: for a run that ended while its row still says `running`.
    pub finish_unheard: String,
    /// As `touch`, for every run of the relation `changed` that goes on.
    touch_all: String,
    /// As `touch`, for every run of the relation `changed`: they are running.
    touch_running: String,
    /// As `finish`, for every run of the relation `ended`.
    finish_all: String,
    /// Writes the row of every run of the relation `begun` anew, and answers with a row for each.
    begin_all: String,
    /// The same with its tags, where the table has a column for them.
    begin_all_tagged: String,
    /// Those that need `updated_at`.
    pub timed: Option<Timed>,
    /// The table.
    pub table: String,
    /// The status of a row.
    pub status: String,
    /// The column of final results, if there is one.
    pub results: Option<&'static str>,
    /// Why a row's run failed or was cancelled, where the column of final results holds JSON.
    pub reason: Option<String>,
    /// How moments are written and read, where there is an `updated_at`.
    pub moments: Option<Moments>,
    /// What its runs are named by.
    pub ids: Ids,
    /// Columns of the user's that a new row owes a value: the engine makes no row here.
    pub owed: Vec<String>,
}

/// The statements of a table with `updated_at`. Moments are microseconds since 1970.
#[derive(Debug)]
pub(super) struct Timed {
    /// $1 runs: touches those that are still running. Who has locked a row sees to it.
    pub keep_alive: String,
    /// $1 the least age in seconds, $2 the greatest, $3 after this moment, $4 and this run, $5 limit
    pub stale: String,
    /// $1 run, $2 its `updated_at`: of several workers that found it stale, one claims it.
    pub claim_stale: String,
    /// $1 seconds, $2 after this run, $3 limit: as `stale` and `claim_stale`, for a whole batch.
    pub claim_stale_page: String,
    /// $1 after this run, $2 limit: a page of all runs, and which of them wait
    pub awaiting: String,
}

/// The statements that write changes of many runs at once, each run only if it is still of the revision given.
///
/// $1 runs, $2 revisions of their rows, $3 keys to remove (JSON arrays), $4 keys to set (JSON objects), $5 status words
/// (null leaves the status row alone), $6 whether they end, $7 reasons; unless it says otherwise.
#[derive(Debug)]
pub(super) struct Writing {
    /// Into rows, without a journal.
    pub rows: String,
    /// Into journals, of runs that are running. $3 the last entries, $4 the changes.
    pub append: String,
    /// Which runs have a row that another transaction has locked. $1 runs
    pub locked: String,
    /// Locks rows for `fold`, in the same transaction. $1 runs
    pub lock: String,
    /// Into rows, and folds their journals. $8 the last entries.
    pub fold: String,
    /// Has the status rows keep the tags that the rows say. $1 runs
    pub retag: String,
}

/// What there is beside the two tables that a migration makes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beside {
    /// The journal.
    pub has_journal: bool,
    /// The column of tags.
    pub has_tags: bool,
}

/// How rows are written: as they are, or with their journals folded into them.
struct RowWrites<'a> {
    /// Parameters besides the usual ones: the last entries of the journals.
    parameters: &'a str,
    /// Steps besides the usual ones: the journals are emptied.
    steps: &'a str,
    /// Which of the rows `g` may be written.
    condition: &'a str,
}

impl Statements {
    /// Those of a table; none if it has no column for the status.
    pub fn for_shape(shape: &Shape<'_>) -> Option<Self> {
        let Shape { table, ids, moments, owed } = shape;
        let upserts = StatusUpserts::of(shape)?;
        let status = upserts.status();
        let StatusUpserts { touch, finish, begin, .. } = &upserts;
        Some(Self {
            table: table.sql.clone(),
            status: status.trim_start_matches("t.").to_owned(),
            results: upserts.results(),
            reason: upserts.reason(),
            touch: touch.sql(),
            finish: finish.sql(),
            finish_unheard: touch.update_where(&format!("{status} = 'running'")),
            touch_all: touch.sql_from("changed", "c.status", "c.status IS NOT NULL AND NOT c.ends"),
            touch_running: touch.sql_from("changed", "'running'::text", "true"),
            finish_all: finish.sql_from("ended", "c.status", "true"),
            begin_all: begin.sql_from("begun", "c.status", "true") + " RETURNING 1",
            begin_all_tagged: upserts.begin_tagged().sql_from("begun", "c.status", "true") + " RETURNING 1",
            timed: moments.as_ref().map(|moments| Timed::new(shape, moments, status)),
            moments: moments.clone(),
            ids: *ids,
            owed: owed.clone(),
        })
    }

    /// The statements that write changes of runs into the context table of this name. They answer with the runs they wrote
    /// and when: `append` with the entry's number, the others with the row's revision, `lock` with nothing.
    pub fn writing(&self, contexts: &Contexts) -> Writing {
        let journal = JournalTable::of(&contexts.sql);
        let rows =
            RowWrites { parameters: "", steps: "", condition: &JournalTable::is_absent(&contexts.sql) };
        let fold = RowWrites {
            parameters: ", $8::bigint[]",
            steps: &format!(
                ", emptied AS (DELETE FROM {journal} AS j USING changed AS c WHERE j.run_id = c.run_id)"
            ),
            condition: &format!(
                "NOT EXISTS (SELECT FROM {journal} AS j WHERE j.run_id = g.run_id AND j.entry > g.entry)"
            ),
        };
        Writing {
            rows: self.write_rows(contexts, rows),
            append: self.append(contexts, &journal),
            locked: format!(
                "{} UNION {}",
                locked_in(&contexts.sql, contexts.ids),
                locked_in(&self.table, self.ids)
            ),
            lock: format!(
                "WITH {} SELECT FROM limits, {contexts} AS t WHERE t.run_id = ANY({}) ORDER BY t.run_id \
                 FOR NO KEY UPDATE OF t",
                limits_of_batch(),
                contexts.ids.all()
            ),
            fold: self.write_rows(contexts, fold),
            retag: self.retag(contexts),
        }
    }

    /// The statement that inserts runs of a relation `given (run_id, context, status, result)`, of texts. Which of them are new
    /// is looked up by a hash. A join would compare each with each: the engine's connections join by loops alone.
    pub fn insert(&self, contexts: &Contexts, given: &str, beside: Beside) -> String {
        let begin_all = if beside.has_tags { &self.begin_all_tagged } else { &self.begin_all };
        let tags = if beside.has_tags { tags_of("p.context") } else { String::new() };
        let (table, cast) = (&contexts.sql, contexts.ids.cast());
        let journal = JournalTable::of(table);
        let emptied = match beside.has_journal {
            // What a former run of that id left.
            true => format!(
                ", emptied AS (DELETE FROM {journal} AS j USING inserted AS i WHERE j.run_id = i.run_id)"
            ),
            false => String::new(),
        };
        format!(
            "WITH {given}, parsed AS (SELECT g.run_id, g.context::jsonb AS context, g.status, g.result FROM given AS g), \
             inserted AS (INSERT INTO {table} (run_id, context_data) \
             SELECT p.run_id{cast}, p.context FROM parsed AS p ON CONFLICT (run_id) DO NOTHING \
             RETURNING run_id::text AS run_id), \
             begun AS (SELECT p.run_id, p.status, p.result::jsonb AS result{tags} FROM parsed AS p \
             WHERE (p.run_id IN (SELECT i.run_id FROM inserted AS i)) IS TRUE), \
             shown AS ({begin_all}){emptied} \
             SELECT run_id, {NOW} AS at, (SELECT count(*) FROM shown) AS shown FROM inserted"
        )
    }

    fn retag(&self, contexts: &Contexts) -> String {
        let Self { table, ids, .. } = self;
        let tags = TAGS_OF_START.replace("$START", &format!("c.context_data->'{RESERVED_KEY}'->'start'"));
        format!(
            "UPDATE {table} AS t SET {TAGS_COLUMN} = {tags} FROM {contexts} AS c WHERE {} AND t.run_id = ANY({})",
            same_run(*ids, contexts.ids),
            ids.all()
        )
    }

    /// Writes into rows.
    fn write_rows(&self, contexts: &Contexts, writes: RowWrites<'_>) -> String {
        let Self { touch_all, finish_all, .. } = self;
        let RowWrites { parameters, steps, condition } = writes;
        let (cast, limits) = (contexts.ids.cast(), limits_of_batch());
        let entry = if parameters.is_empty() { "" } else { ", entry" };
        format!(
            "WITH {limits}, given AS (SELECT g.* FROM limits, \
             unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], \
             $6::boolean[], $7::text[]{parameters}) AS g (run_id, version, deletes, sets, status, ends, reason{entry})), \
             changed AS (UPDATE {contexts} AS t SET context_data = \
             ({PRESENT} - ARRAY(SELECT jsonb_array_elements_text(g.deletes::jsonb))) || g.sets::jsonb \
             FROM given AS g WHERE t.run_id = g.run_id{cast} AND t.xmin::text::bigint = g.version AND {condition} \
             RETURNING t.run_id::text AS run_id, g.status, g.ends, g.reason, \
             CASE WHEN g.ends THEN t.context_data - '{RESERVED_KEY}' END AS context), \
             ended AS (SELECT run_id, status, CASE WHEN status = 'completed' \
             THEN jsonb_build_object('status', status, 'payload', jsonb_build_object('context', context, \
             'serializedContext', context::text, 'status', status)) \
             ELSE jsonb_build_object('status', status, 'reason', reason) END AS result FROM changed WHERE ends), \
             touched AS ({touch_all}), finished AS ({finish_all}){steps} \
             SELECT run_id, {NOW}, (pg_current_xact_id()::text::numeric % 4294967296)::bigint FROM changed"
        )
    }

    /// Appends an entry to each run's journal. A shared lock on the row keeps others from folding it meanwhile. The statement
    /// returns only the runs it changed: joining its input once more would cost more than everything else.
    fn append(&self, contexts: &Contexts, journal: &str) -> String {
        let (touch_running, limits) = (&self.touch_running, limits_of_batch());
        let cast = contexts.ids.cast();
        format!(
            "WITH {limits}, held AS MATERIALIZED (SELECT g.* FROM limits, unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[]) \
             AS g (run_id, version, entry, change) JOIN {contexts} AS t ON t.run_id = g.run_id{cast} \
             WHERE t.xmin::text::bigint = g.version FOR SHARE OF t), \
             changed AS (INSERT INTO {journal} (run_id, entry, change) \
             SELECT run_id, entry + 1, change::json FROM held ON CONFLICT DO NOTHING RETURNING run_id, entry), \
             touched AS ({touch_running}) SELECT run_id, {NOW}, entry FROM changed"
        )
    }
}

/// SQL: one more column, the tags that a document has.
fn tags_of(document: &str) -> String {
    format!(
        ", {} AS tags",
        TAGS_OF_START.replace("$START", &format!("{document}->'{RESERVED_KEY}'->'start'"))
    )
}

/// Which of the runs $1 have a row in this table that another transaction has locked.
fn locked_in(table: &str, ids: Ids) -> String {
    let all = ids.all();
    format!(
        "SELECT t.run_id::text FROM {table} AS t WHERE t.run_id = ANY({all}) AND NOT t.run_id = ANY(ARRAY(\
         SELECT run_id FROM {table} AS t WHERE run_id = ANY({all}) FOR NO KEY UPDATE SKIP LOCKED))"
    )
}

impl Timed {
    fn new(shape: &Shape<'_>, moments: &Moments, status: &str) -> Self {
        let Shape { table, ids, .. } = shape;
        let (table, now, moment) = (&table.sql, moments.now(), moments.micros());
        let ago = |parameter: &str| moments.stored(&format!("(now() - make_interval(secs => {parameter}))"));
        let (at_least, at_most) = (ago("$1"), ago("$2"));
        let (first, all, after) = (ids.first(), ids.all(), ids.after_first());
        let running = format!("{status} = 'running'");
        Self {
            keep_alive: format!(
                "UPDATE {table} AS t SET updated_at = {now} WHERE run_id IN \
                 (SELECT run_id FROM {table} AS t WHERE run_id = ANY({all}) AND {running} \
                 ORDER BY run_id FOR NO KEY UPDATE SKIP LOCKED)"
            ),
            // The moments are computed once. Comparing with them is then the cheapest condition and comes first: the status may
            // be inside a large document.
            stale: format!(
                "SELECT run_id::text, {moment} FROM {table} AS t \
                 WHERE updated_at < (SELECT {at_least}) AND updated_at > (SELECT {at_most}) \
                 AND {running} AND ({moment}, run_id::text) > ($3, $4::text) ORDER BY 2, 1 LIMIT $5"
            ),
            claim_stale: format!(
                "UPDATE {table} AS t SET updated_at = {now} WHERE run_id IN \
                 (SELECT run_id FROM {table} AS t WHERE run_id = {first} AND {moment} = $2 AND {running} \
                 FOR NO KEY UPDATE SKIP LOCKED)"
            ),
            claim_stale_page: format!(
                "UPDATE {table} AS t SET updated_at = {now} WHERE run_id IN \
                 (SELECT run_id FROM {table} AS t \
                 WHERE updated_at < (SELECT {at_least}) \
                 AND run_id::text > $2::text AND {running} ORDER BY run_id::text LIMIT $3 FOR UPDATE SKIP LOCKED) \
                 RETURNING run_id::text"
            ),
            awaiting: format!(
                "WITH page AS MATERIALIZED (SELECT * FROM {table} AS t WHERE run_id > {after} \
                 ORDER BY run_id LIMIT $2) \
                 SELECT run_id::text, coalesce({status} = 'awaiting', false) FROM page AS t ORDER BY run_id"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
