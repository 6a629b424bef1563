//! Step 6: the table of schedules. A worker looks for those that are due by an index of the moments alone.

use super::act::Act;
use super::facts::Facts;
use super::names::{beside, without_schema};

/// What the table is called, after the context table.
pub const SCHEDULES_TABLE: &str = "schedules";

pub fn up(facts: &Facts) -> Vec<Act> {
    let table = beside(facts.contexts(), SCHEDULES_TABLE);
    let index = without_schema(&beside(facts.contexts(), "schedules_due"));
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {table} (id TEXT PRIMARY KEY, blueprint_id TEXT NOT NULL, schedule JSONB NOT NULL, \
         due_at TIMESTAMPTZ, revision BIGINT NOT NULL)"
    );
    let find = format!("CREATE INDEX IF NOT EXISTS {index} ON {table} (due_at) WHERE due_at IS NOT NULL");
    if facts.schedules { Vec::new() } else { vec![Act::together([create, find])] }
}

pub fn down(facts: &Facts) -> Vec<Act> {
    let table = beside(facts.contexts(), SCHEDULES_TABLE);
    if facts.schedules { vec![Act::together([format!("DROP TABLE {table}")])] } else { Vec::new() }
}
