//! Step 7: a column of the status table for the tags of runs, and an index of it.
//!
//! A run's tags stand in the record since its start. There they cost a search the whole table, and version 2.0.0 drops them
//! with its first change of the run. The column never changes while the run goes on: a status row that is touched stays where
//! it is in the index. What was started before is filled in last, when nobody writes any more who does not know the column.

use super::act::Act;
use super::facts::{Facts, RelationKind};
use super::indexes;
use super::names::{TAGS_COLUMN, TAGS_OF_START};
use super::owned_index::OwnedIndex;

/// Its place in the order of steps.
pub const STEP: u32 = 7;

pub fn up(facts: &Facts) -> Vec<Act> {
    let Some(table) = facts.statuses.first().filter(|_| is_possible(facts)) else { return Vec::new() };
    let mut acts = Vec::new();
    if !facts.tags {
        acts.push(Act::together([format!("ALTER TABLE {} ADD COLUMN {TAGS_COLUMN} TEXT[]", table.sql)]));
    }
    acts.extend(indexes::made(OwnedIndex::Tags, facts));
    if !acts.is_empty() || !facts.recorded.contains_key(&STEP) {
        acts.push(Act::together([filled(facts, &table.sql)]));
    }
    acts
}

pub fn down(facts: &Facts) -> Vec<Act> {
    let table = facts.statuses.first().filter(|_| facts.tags);
    // Its indexes go with it.
    let drop =
        |table: &super::facts::Relation| format!("ALTER TABLE {} DROP COLUMN {TAGS_COLUMN}", table.sql);
    table.map(|table| Act::together([drop(table)])).into_iter().collect()
}

pub fn lacks(facts: &Facts) -> Vec<String> {
    if is_possible(facts) {
        return indexes::lacks(facts);
    }
    let others = facts.statuses.iter().filter(|table| table.kind == RelationKind::Other);
    let no_table = |table: &super::facts::Relation| {
        format!(
            "{} takes no column: it is no table that holds rows here. Tags stay in the contexts",
            table.sql
        )
    };
    others.map(no_table).collect()
}

/// A view has no columns of its own, and a foreign table those of another server.
fn is_possible(facts: &Facts) -> bool {
    facts.statuses.iter().all(|table| table.kind != RelationKind::Other)
}

/// Gives rows of earlier runs their tags, in an order in which nobody waits for each other.
fn filled(facts: &Facts, statuses: &str) -> String {
    let start = "c.context_data->'_flowcraft'->'start'";
    let (contexts, cast) = (facts.contexts(), facts.cast);
    format!(
        "UPDATE {statuses} AS s SET {TAGS_COLUMN} = k.tags FROM (SELECT s.run_id, {} AS tags FROM {statuses} AS s \
         JOIN {contexts} AS c ON c.run_id = s.run_id::text{cast} WHERE s.{TAGS_COLUMN} IS NULL \
         AND jsonb_typeof({start}->'tags') = 'array' ORDER BY s.run_id FOR NO KEY UPDATE OF s) AS k \
         WHERE s.run_id = k.run_id AND s.{TAGS_COLUMN} IS NULL",
        TAGS_OF_START.replace("$START", start)
    )
}
