//! Step 1: the journal, in which a job writes only what it changed, and a view of the contexts as they are at the moment.
//!
//! It is made while nobody writes a row as one document: who does so is done before, or sees it. It is taken away when
//! every run is folded into its row.

use super::act::{Act, Statement};
use super::facts::Facts;
use super::names::{PRESENT, beside};
use crate::record::RESERVED_KEY;

pub fn up(facts: &Facts) -> Vec<Act> {
    if facts.journal && facts.live {
        return Vec::new();
    }
    let contexts = facts.contexts();
    let (journal, live) = (beside(contexts, "journal"), beside(contexts, "live"));
    vec![Act::together([
        format!("LOCK TABLE {contexts} IN SHARE ROW EXCLUSIVE MODE"),
        format!(
            "CREATE TABLE IF NOT EXISTS {journal} (run_id TEXT NOT NULL, entry BIGINT NOT NULL, \
             change JSON NOT NULL CHECK ((change::jsonb) IS NOT NULL), PRIMARY KEY (run_id, entry))"
        ),
        format!("CREATE OR REPLACE VIEW {live} AS {}", live_contexts(facts, &journal)),
    ])]
}

pub fn down(facts: &Facts) -> Vec<Act> {
    let contexts = facts.contexts();
    let (journal, live) = (beside(contexts, "journal"), beside(contexts, "live"));
    let drop_view = Statement::Sql(format!("DROP VIEW IF EXISTS {live}"));
    let mut statements = Vec::new();
    if facts.journal {
        statements = vec![
            Statement::Sql(format!("LOCK TABLE {contexts} IN SHARE ROW EXCLUSIVE MODE")),
            Statement::Sql(format!("LOCK TABLE {journal} IN ACCESS EXCLUSIVE MODE")),
            Statement::Fold(format!(
                "UPDATE {contexts} AS t SET context_data = ({PRESENT} - $2::text[]) || $3::text::jsonb WHERE run_id = $1{}",
                facts.cast
            )),
            drop_view,
            Statement::Sql(format!("DROP TABLE {journal}")),
        ];
    } else if facts.live {
        statements.push(drop_view);
    }
    if statements.is_empty() { Vec::new() } else { vec![Act::Together(statements)] }
}

/// The contexts as they are at the moment, without the engine's bookkeeping: of each key, what was written last.
fn live_contexts(facts: &Facts, journal: &str) -> String {
    let contexts = facts.contexts();
    let as_text = if facts.cast.is_empty() { "" } else { "::text" };
    format!(
        "SELECT t.run_id, CASE WHEN jsonb_typeof(t.context_data) NOT IN ('null', 'object') THEN t.context_data \
         WHEN j.written IS NULL THEN {PRESENT} - '{RESERVED_KEY}' \
         ELSE ({PRESENT} - '{RESERVED_KEY}' - j.written) || coalesce(j.sets, '{{}}'::jsonb) END AS context_data \
         FROM {contexts} AS t CROSS JOIN LATERAL (SELECT array_agg(key) AS written, \
         jsonb_object_agg(key, value) FILTER (WHERE value IS NOT NULL) AS sets FROM ( \
         SELECT DISTINCT ON (key) key, value FROM {journal} AS j CROSS JOIN LATERAL ( \
         SELECT key, value::jsonb, 0 AS rank FROM json_each(j.change->'sets') UNION ALL \
         SELECT key, NULL, 1 FROM json_array_elements_text(j.change->'deletes') AS d (key)) AS keys \
         WHERE j.run_id = t.run_id{as_text} ORDER BY key, j.entry DESC, rank) AS last) AS j"
    )
}
