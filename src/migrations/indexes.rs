//! Indexes of the two tables, which steps make and take away.
//!
//! An index is built while the table is written to, which PostgreSQL does in no transaction and for no partitioned table.
//! There each partition gets its own, and the table's is made of them.

use super::act::Act;
use super::facts::{Facts, Index, Relation, RelationKind};
use super::names::{ENDED_BADLY, HALTED, NAMED_BLUEPRINT, TAGS_COLUMN, WAITING, without_schema};
use super::owned_index::OwnedIndex;

/// What holds where a pooler stands before the server.
const POOLED: &str = "a pooler stands before the server: the index is built in a transaction, and whoever writes statuses waits \
                      for it (option directUrl names a connection past the pooler)";

/// What makes what is missing of an index.
pub fn made(index: OwnedIndex, facts: &Facts) -> Vec<Act> {
    let mut acts = Vec::new();
    for table in facts.tables_of(index) {
        match table.kind {
            RelationKind::Table if !table.index(index).attached => acts.extend(built(index, table, facts)),
            // It holds no rows: nothing is to be built.
            RelationKind::Partitioned if table.index(index).index == Index::Absent => {
                acts.push(Act::together([create("CREATE INDEX", index, table, facts)]));
            }
            _ => {}
        }
    }
    let attached: Vec<String> =
        facts.tables_of(index).iter().rev().filter_map(|table| attach(index, facts, table)).collect();
    if !attached.is_empty() {
        acts.push(Act::together(attached));
    }
    acts
}

/// What takes an index away.
pub fn taken_away(index: OwnedIndex, facts: &Facts) -> Vec<Act> {
    let there = |table: &&Relation| table.index(index).index != Index::Absent;
    match facts.tables_of(index).first() {
        Some(table) if table.kind == RelationKind::Table => {
            there(&table).then(|| dropped(index, table, facts)).into_iter().collect()
        }
        // The parts go with the index that is made of them, if they are parts of it yet.
        _ => {
            let drop = |table: &Relation| format!("DROP INDEX IF EXISTS {}", index.name(&table.sql));
            let drops: Vec<String> = facts.tables_of(index).iter().filter(there).map(drop).collect();
            if drops.is_empty() { Vec::new() } else { vec![Act::together(drops)] }
        }
    }
}

/// What a server cannot do of it on the status table.
pub fn lacks(facts: &Facts) -> Vec<String> {
    lacks_on(&facts.statuses, facts.pooled)
}

/// What a server cannot do of an index of these tables.
pub fn lacks_on(tables: &[Relation], pooled: bool) -> Vec<String> {
    let others = tables.iter().filter(|table| table.kind == RelationKind::Other);
    let no_table =
        |table: &Relation| format!("{} takes no index: it is no table that holds rows here", table.sql);
    pooled.then(|| POOLED.to_owned()).into_iter().chain(others.map(no_table)).collect()
}

/// The index of a table that holds rows. One that was left half made is of no use, and is made anew.
fn built(index: OwnedIndex, table: &Relation, facts: &Facts) -> Vec<Act> {
    let create = match facts.pooled {
        true => Act::together([create("CREATE INDEX", index, table, facts)]),
        false => Act::Apart {
            sql: create("CREATE INDEX CONCURRENTLY", index, table, facts),
            table: table.sql.clone(),
            undo: Some(drop_sql(index, table)),
        },
    };
    match table.index(index).index {
        Index::Valid => Vec::new(),
        Index::Invalid => vec![dropped(index, table, facts), create],
        Index::Absent => vec![create],
    }
}

fn create(verb: &str, index: OwnedIndex, table: &Relation, facts: &Facts) -> String {
    let only = if table.kind == RelationKind::Partitioned { "ONLY " } else { "" };
    let name = without_schema(&index.name(&table.sql));
    format!("{verb} {name} ON {only}{} {}", table.sql, columns(index, facts))
}

fn dropped(index: OwnedIndex, table: &Relation, facts: &Facts) -> Act {
    if facts.pooled {
        return Act::together([format!("DROP INDEX IF EXISTS {}", index.name(&table.sql))]);
    }
    Act::Apart { sql: drop_sql(index, table), table: table.sql.clone(), undo: None }
}

fn drop_sql(index: OwnedIndex, table: &Relation) -> String {
    format!("DROP INDEX CONCURRENTLY IF EXISTS {}", index.name(&table.sql))
}

/// What stands behind the name of its table. The searches of `postgres/listing.rs` have the same expressions. A gin index keeps no
/// list of new entries: it would be searched one by one.
fn columns(index: OwnedIndex, facts: &Facts) -> String {
    let status = &facts.status;
    match index {
        OwnedIndex::Open => format!("(run_id) WHERE {status} = 'running'"),
        OwnedIndex::Tags => {
            format!("USING gin ({TAGS_COLUMN}) WITH (fastupdate = off) WHERE {TAGS_COLUMN} IS NOT NULL")
        }
        OwnedIndex::Blueprint => format!("(({NAMED_BLUEPRINT}), run_id)"),
        OwnedIndex::Waits => format!("(({WAITING}->>0), run_id) WHERE {WAITING}->>0 IS NOT NULL"),
        OwnedIndex::WaitsMore => {
            format!("USING gin ((({WAITING}) - 0)) WITH (fastupdate = off) WHERE {WAITING}->>1 IS NOT NULL")
        }
        OwnedIndex::Halted => format!("(run_id) WHERE {HALTED}"),
        OwnedIndex::Failed => format!("(run_id) WHERE {status} {ENDED_BADLY}"),
        OwnedIndex::Reasons => {
            let [reason, schema] =
                [&facts.reason, &facts.trigrams].map(|found| found.as_deref().unwrap_or_default());
            format!(
                "USING gin (({reason}) {schema}.gin_trgm_ops) WITH (fastupdate = off) WHERE {status} {ENDED_BADLY}"
            )
        }
    }
}

/// Makes a partition's index a part of its parent's. That can be used when it has all its parts.
fn attach(index: OwnedIndex, facts: &Facts, table: &Relation) -> Option<String> {
    let parent = facts.tables_of(index).get(table.parent?)?;
    let takes = table.kind != RelationKind::Other && !table.index(index).attached;
    takes.then(|| {
        format!("ALTER INDEX {} ATTACH PARTITION {}", index.name(&parent.sql), index.name(&table.sql))
    })
}
