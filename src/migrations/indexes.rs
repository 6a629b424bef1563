//! Indexes of the status table, which steps make and take away.
//!
//! An index is built while the table is written to, which PostgreSQL does in no transaction and for no partitioned table.
//! There each partition gets its own, and the table's is made of them.

use super::act::Act;
use super::facts::{Facts, Index, IndexState, Relation, RelationKind};
use super::names::{TAGS_COLUMN, without_schema};

/// What holds where a pooler stands before the server.
const POOLED: &str = "a pooler stands before the server: the index is built in a transaction, and whoever writes statuses waits \
                      for it (option directUrl names a connection past the pooler)";

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnedIndex {
    /// Of the runs that go on.
    Open,
    /// Of the tags.
    Tags,
}

impl OwnedIndex {
    /// How it stands on a table.
    fn of(self, table: &Relation) -> IndexState {
        match self {
            Self::Open => table.open,
            Self::Tags => table.tags,
        }
    }

    /// Its quoted name on a table.
    fn name(self, table: &Relation) -> String {
        match self {
            Self::Open => table.open_name(),
            Self::Tags => table.tags_name(),
        }
    }

    /// What stands behind the name of its table.
    fn columns(self, facts: &Facts) -> String {
        match self {
            Self::Open => format!("(run_id) WHERE {} = 'running'", facts.status),
            // A list of new entries would be searched one by one.
            Self::Tags => {
                format!("USING gin ({TAGS_COLUMN}) WITH (fastupdate = off) WHERE {TAGS_COLUMN} IS NOT NULL")
            }
        }
    }
}

/// What makes what is missing of an index.
pub fn made(index: OwnedIndex, facts: &Facts) -> Vec<Act> {
    let mut acts = Vec::new();
    for table in &facts.statuses {
        match table.kind {
            RelationKind::Table if !index.of(table).attached => acts.extend(built(index, table, facts)),
            // It holds no rows: nothing is to be built.
            RelationKind::Partitioned if index.of(table).index == Index::Absent => {
                acts.push(Act::together([create("CREATE INDEX", index, table, facts)]));
            }
            _ => {}
        }
    }
    let attached: Vec<String> =
        facts.statuses.iter().rev().filter_map(|table| attach(index, facts, table)).collect();
    if !attached.is_empty() {
        acts.push(Act::together(attached));
    }
    acts
}

/// What takes an index away.
pub fn taken_away(index: OwnedIndex, facts: &Facts) -> Vec<Act> {
    let there = |table: &&Relation| index.of(table).index != Index::Absent;
    match facts.statuses.first() {
        Some(table) if table.kind == RelationKind::Table => {
            there(&table).then(|| dropped(index, table, facts)).into_iter().collect()
        }
        // The parts go with the index that is made of them, if they are parts of it yet.
        _ => {
            let drop = |table: &Relation| format!("DROP INDEX IF EXISTS {}", index.name(table));
            let drops: Vec<String> = facts.statuses.iter().filter(there).map(drop).collect();
            if drops.is_empty() { Vec::new() } else { vec![Act::together(drops)] }
        }
    }
}

/// What a server cannot do of it.
pub fn lacks(facts: &Facts) -> Vec<String> {
    let others = facts.statuses.iter().filter(|table| table.kind == RelationKind::Other);
    let no_table =
        |table: &Relation| format!("{} takes no index: it is no table that holds rows here", table.sql);
    facts.pooled.then(|| POOLED.to_owned()).into_iter().chain(others.map(no_table)).collect()
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
    match index.of(table).index {
        Index::Valid => Vec::new(),
        Index::Invalid => vec![dropped(index, table, facts), create],
        Index::Absent => vec![create],
    }
}

fn create(verb: &str, index: OwnedIndex, table: &Relation, facts: &Facts) -> String {
    let only = if table.kind == RelationKind::Partitioned { "ONLY " } else { "" };
    let name = without_schema(&index.name(table));
    format!("{verb} {name} ON {only}{} {}", table.sql, index.columns(facts))
}

fn dropped(index: OwnedIndex, table: &Relation, facts: &Facts) -> Act {
    if facts.pooled {
        return Act::together([format!("DROP INDEX IF EXISTS {}", index.name(table))]);
    }
    Act::Apart { sql: drop_sql(index, table), table: table.sql.clone(), undo: None }
}

fn drop_sql(index: OwnedIndex, table: &Relation) -> String {
    format!("DROP INDEX CONCURRENTLY IF EXISTS {}", index.name(table))
}

/// Makes a partition's index a part of its parent's. That can be used when it has all its parts.
fn attach(index: OwnedIndex, facts: &Facts, table: &Relation) -> Option<String> {
    let parent = facts.statuses.get(table.parent?)?;
    let takes = table.kind != RelationKind::Other && !index.of(table).attached;
    takes.then(|| format!("ALTER INDEX {} ATTACH PARTITION {}", index.name(parent), index.name(table)))
}
