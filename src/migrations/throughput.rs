//! Step 10: the table of what happened when, counted by minute and by hour. It stays when runs are purged.

use super::act::Act;
use super::facts::Facts;
use super::names::beside;

/// What the table is called, after the context table.
pub const THROUGHPUT_TABLE: &str = "throughput";

pub fn up(facts: &Facts) -> Vec<Act> {
    let table = beside(facts.contexts(), THROUGHPUT_TABLE);
    // Minutes are those since 1970: no time zone moves an hour.
    let create = format!(
        "CREATE TABLE IF NOT EXISTS {table} (minute BIGINT NOT NULL, minutes SMALLINT NOT NULL, \
         blueprint TEXT COLLATE \"C\" NOT NULL, queue TEXT COLLATE \"C\" NOT NULL, outcome TEXT COLLATE \"C\" NOT NULL, \
         writer TEXT COLLATE \"C\" NOT NULL, count BIGINT NOT NULL, \
         PRIMARY KEY (minute, minutes, blueprint, queue, outcome, writer))"
    );
    if facts.throughput { Vec::new() } else { vec![Act::together([create])] }
}

pub fn down(facts: &Facts) -> Vec<Act> {
    let table = beside(facts.contexts(), THROUGHPUT_TABLE);
    if facts.throughput { vec![Act::together([format!("DROP TABLE {table}")])] } else { Vec::new() }
}
