//! What is there before a migration.

use std::collections::BTreeMap;

use super::names::beside;
use super::owned_index::OwnedIndex;

/// What a database says of the tables of a record.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The context table, then its partitions, each after its parent.
    pub contexts: Vec<Relation>,
    /// The status table, likewise.
    pub statuses: Vec<Relation>,
    /// SQL for why a run failed or was cancelled, by a row of the status table; none where that has no column for it.
    pub reason: Option<String>,
    /// The quoted schema of the extension `pg_trgm`, by which a part of a text is found by an index; none where it is not there.
    pub trigrams: Option<String>,
    /// SQL that makes an id of the context table of a text; empty where its ids are texts.
    pub cast: &'static str,
    /// The quoted name of the schema of the context table.
    pub schema: String,
    /// The quoted names of the triggers of the context table.
    pub triggers: Vec<String>,
    /// Whether the function that forgets the entries of a row is there.
    pub forgets: bool,
    /// SQL for the status of a row of the status table.
    pub status: String,
    /// Whether the journal is there.
    pub journal: bool,
    /// Whether the view of the contexts as they are is there.
    pub live: bool,
    /// Whether the table of workers is there.
    pub workers: bool,
    /// Whether the table of schedules is there.
    pub schedules: bool,
    /// Whether the table of what is paused is there.
    pub paused: bool,
    /// Whether the table of the history is there.
    pub history: bool,
    /// Whether the table of what happened when is there.
    pub throughput: bool,
    /// Whether the function that forgets the history of a row is there.
    pub forgets_history: bool,
    /// Whether the column of tags is there.
    pub tags: bool,
    /// Whether the table of migrations is there.
    pub migrations: bool,
    /// Every connection leads to a server through a pooler, which gives the next statement to another one.
    pub pooled: bool,
    /// Whether the server compresses with lz4.
    pub lz4: bool,
    /// The steps that were recorded as done, each with the moment: milliseconds since 1970.
    pub recorded: BTreeMap<u32, u64>,
}

/// A table, or a partition of one.
#[derive(Debug, Clone)]
pub struct Relation {
    /// Its quoted name.
    pub sql: String,
    /// What it is.
    pub kind: RelationKind,
    /// The place of the table it is a partition of, in the same list.
    pub parent: Option<usize>,
    /// Its indexes that steps make, those that are there.
    pub indexes: BTreeMap<OwnedIndex, IndexState>,
    /// Its columns of large values.
    pub columns: Vec<LargeColumn>,
}

/// What a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelationKind {
    /// A table that holds rows.
    Table,
    /// A table whose partitions hold the rows.
    Partitioned,
    /// A foreign table or a view: it takes no index and no compression.
    Other,
}

/// How an index stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexState {
    /// Whether it is there.
    pub index: Index,
    /// Whether it is a part of that of its table's parent.
    pub attached: bool,
}

impl IndexState {
    /// There is none.
    pub const ABSENT: Self = Self { index: Index::Absent, attached: false };
}

/// An index, as far as it can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// There is none.
    Absent,
    /// It was left half made.
    Invalid,
    /// It is used.
    Valid,
}

/// A column of large values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LargeColumn {
    /// Its name.
    pub name: String,
    /// Whether its type can be compressed.
    pub compressible: bool,
    /// Whether it is compressed with lz4 already.
    pub lz4: bool,
}

impl Facts {
    /// The table that an index belongs to, with its partitions.
    pub fn tables_of(&self, index: OwnedIndex) -> &[Relation] {
        if OwnedIndex::OF_CONTEXTS.contains(&index) { &self.contexts } else { &self.statuses }
    }

    /// The quoted name of the context table.
    pub fn contexts(&self) -> &str {
        self.contexts.first().map_or("", |table| &table.sql)
    }

    /// The same with its schema, wherever it is looked for.
    pub fn contexts_anywhere(&self) -> String {
        let contexts = self.contexts();
        if contexts.contains("\".\"") || self.schema.is_empty() {
            return contexts.to_owned();
        }
        format!("{}.{contexts}", self.schema)
    }

    /// The quoted name of the table of migrations.
    pub fn migrations(&self) -> String {
        beside(self.contexts(), "migrations")
    }
}

impl Relation {
    /// How an index of it stands.
    pub fn index(&self, index: OwnedIndex) -> IndexState {
        self.indexes.get(&index).copied().unwrap_or(IndexState::ABSENT)
    }
}
