//! Step 2: an index by which runs that go on are found among those that ended. Its key never changes: a status row that is
//! touched stays where it is.
//!
//! It is built while the table is written to, which PostgreSQL does in no transaction and for no partitioned table. There
//! each partition gets its own, and the table's is made of them.

use super::act::Act;
use super::facts::{Facts, Index, Relation, RelationKind};
use super::names::without_schema;

/// What holds where a pooler stands before the server.
const POOLED: &str = "a pooler stands before the server: the index is built in a transaction, and whoever writes statuses waits \
                      for it (option directUrl names a connection past the pooler)";

pub fn up(facts: &Facts) -> Vec<Act> {
    let mut acts = Vec::new();
    for table in &facts.statuses {
        match table.kind {
            RelationKind::Table if !table.attached => acts.extend(built(table, facts)),
            // It holds no rows: nothing is to be built.
            RelationKind::Partitioned if table.index == Index::Absent => {
                acts.push(Act::together([create("CREATE INDEX", table, &facts.status, "ONLY ")]));
            }
            _ => {}
        }
    }
    let attached: Vec<String> =
        facts.statuses.iter().rev().filter_map(|table| attach(facts, table)).collect();
    if !attached.is_empty() {
        acts.push(Act::together(attached));
    }
    acts
}

pub fn down(facts: &Facts) -> Vec<Act> {
    let there = |table: &&Relation| table.index != Index::Absent;
    match facts.statuses.first() {
        Some(table) if table.kind == RelationKind::Table => {
            there(&table).then(|| dropped(table, facts)).into_iter().collect()
        }
        // The parts go with the index that is made of them, if they are parts of it yet.
        _ => {
            let drop = |table: &Relation| format!("DROP INDEX IF EXISTS {}", table.index_name());
            let drops: Vec<String> = facts.statuses.iter().filter(there).map(drop).collect();
            if drops.is_empty() { Vec::new() } else { vec![Act::together(drops)] }
        }
    }
}

pub fn lacks(facts: &Facts) -> Vec<String> {
    let others = facts.statuses.iter().filter(|table| table.kind == RelationKind::Other);
    let no_table =
        |table: &Relation| format!("{} takes no index: it is no table that holds rows here", table.sql);
    facts.pooled.then(|| POOLED.to_owned()).into_iter().chain(others.map(no_table)).collect()
}

/// The index of a table that holds rows. One that was left half made is of no use, and is made anew.
fn built(table: &Relation, facts: &Facts) -> Vec<Act> {
    let create = match facts.pooled {
        true => Act::together([create("CREATE INDEX", table, &facts.status, "")]),
        false => Act::Apart {
            sql: create("CREATE INDEX CONCURRENTLY", table, &facts.status, ""),
            table: table.sql.clone(),
            undo: Some(drop_sql(table)),
        },
    };
    match table.index {
        Index::Valid => Vec::new(),
        Index::Invalid => vec![dropped(table, facts), create],
        Index::Absent => vec![create],
    }
}

fn create(verb: &str, table: &Relation, status: &str, only: &str) -> String {
    let name = without_schema(&table.index_name());
    format!("{verb} {name} ON {only}{} (run_id) WHERE {status} = 'running'", table.sql)
}

fn dropped(table: &Relation, facts: &Facts) -> Act {
    if facts.pooled {
        return Act::together([format!("DROP INDEX IF EXISTS {}", table.index_name())]);
    }
    Act::Apart { sql: drop_sql(table), table: table.sql.clone(), undo: None }
}

fn drop_sql(table: &Relation) -> String {
    format!("DROP INDEX CONCURRENTLY IF EXISTS {}", table.index_name())
}

/// Makes a partition's index a part of its parent's. That can be used when it has all its parts.
fn attach(facts: &Facts, table: &Relation) -> Option<String> {
    let parent = facts.statuses.get(table.parent?)?;
    let takes = table.kind != RelationKind::Other && !table.attached;
    takes.then(|| format!("ALTER INDEX {} ATTACH PARTITION {}", parent.index_name(), table.index_name()))
}
