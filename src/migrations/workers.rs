//! Step 4: the table of workers, in which a started worker says that it lives where Redis does not take it.

use super::act::Act;
use super::facts::Facts;
use super::names::beside;

pub fn up(facts: &Facts) -> Vec<Act> {
    let workers = beside(facts.contexts(), "workers");
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {workers} (id TEXT PRIMARY KEY, card JSONB NOT NULL, \
         heard_at TIMESTAMPTZ NOT NULL, gone_at TIMESTAMPTZ NOT NULL)"
    );
    if facts.workers { Vec::new() } else { vec![Act::together([create])] }
}

pub fn down(facts: &Facts) -> Vec<Act> {
    let workers = beside(facts.contexts(), "workers");
    if facts.workers { vec![Act::together([format!("DROP TABLE {workers}")])] } else { Vec::new() }
}
