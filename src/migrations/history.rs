//! Step 9: the table of what went into executions and what came out. Its rows go with the row of their run, as entries of the
//! journal do.

use super::act::Act;
use super::facts::Facts;
use super::forgetting::Forgotten;
use super::names::{beside, without_schema};

/// What the table is called, after the context table.
pub const HISTORY_TABLE: &str = "history";
/// What the function and the trigger of a deleted row are called, after the context table.
pub const FORGET_HISTORY: &str = "forget_history";
const FORGOTTEN: Forgotten = Forgotten {
    table: HISTORY_TABLE,
    row: FORGET_HISTORY,
    all: "forget_all_history",
    collation: " COLLATE \"C\"",
};

pub fn up(facts: &Facts) -> Vec<Act> {
    let mut statements = Vec::new();
    if !facts.history {
        statements.extend(table(facts));
    }
    statements.extend(FORGOTTEN.up(facts, facts.forgets_history));
    if statements.is_empty() { Vec::new() } else { vec![Act::together(statements)] }
}

pub fn down(facts: &Facts) -> Vec<Act> {
    let mut statements = FORGOTTEN.down(facts, facts.forgets_history);
    if facts.history {
        statements.push(format!("DROP TABLE {}", beside(facts.contexts(), HISTORY_TABLE)));
    }
    if statements.is_empty() { Vec::new() } else { vec![Act::together(statements)] }
}

/// The table, whose ids are compared byte by byte, which costs less; an index by which the history of a run is read, and a small one by which old rows are found: rows come in the order
/// of their moments.
fn table(facts: &Facts) -> [String; 3] {
    let table = beside(facts.contexts(), HISTORY_TABLE);
    let index = |what: &str| without_schema(&beside(facts.contexts(), what));
    [
        format!(
            "CREATE TABLE IF NOT EXISTS {table} (id BIGINT GENERATED ALWAYS AS IDENTITY, \
             run_id TEXT COLLATE \"C\" NOT NULL, \
             node TEXT NOT NULL, execution INTEGER NOT NULL, attempt INTEGER NOT NULL, outcome TEXT NOT NULL, \
             worker TEXT NOT NULL, started_at TIMESTAMPTZ NOT NULL, ended_at TIMESTAMPTZ NOT NULL, input JSON, \
             input_size INTEGER, output JSON, output_size INTEGER, error JSON, log JSON)"
        ),
        format!("CREATE INDEX IF NOT EXISTS {} ON {table} (run_id, ended_at)", index("history_run")),
        format!("CREATE INDEX IF NOT EXISTS {} ON {table} USING brin (ended_at)", index("history_ended")),
    ]
}
