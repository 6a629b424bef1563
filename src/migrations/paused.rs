//! Step 8: the table of what a person has paused, queues and blueprints.

use super::act::Act;
use super::facts::Facts;
use super::names::beside;

/// What the table is called, after the context table.
pub const PAUSED_TABLE: &str = "paused";

pub fn up(facts: &Facts) -> Vec<Act> {
    let table = beside(facts.contexts(), PAUSED_TABLE);
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {table} (kind TEXT NOT NULL, name TEXT NOT NULL, since TIMESTAMPTZ NOT NULL, \
         reason TEXT, PRIMARY KEY (kind, name))"
    );
    if facts.paused { Vec::new() } else { vec![Act::together([create])] }
}

pub fn down(facts: &Facts) -> Vec<Act> {
    let table = beside(facts.contexts(), PAUSED_TABLE);
    if facts.paused { vec![Act::together([format!("DROP TABLE {table}")])] } else { Vec::new() }
}
