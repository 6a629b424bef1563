//! Step 3: large contexts and results are compressed with lz4 from then on. Most of what a megabyte costs at a run's end is
//! the compression that is PostgreSQL's default.
//!
//! Each table is changed in a transaction of its own: workers take the locks of both in an order of their own.

use super::act::Act;
use super::facts::{Facts, LargeColumn, Relation, RelationKind};

pub fn up(facts: &Facts) -> Vec<Act> {
    if facts.lz4 { altered(facts, "lz4", |column| column.compressible && !column.lz4) } else { Vec::new() }
}

pub fn down(facts: &Facts) -> Vec<Act> {
    altered(facts, "default", |column| column.lz4)
}

pub fn lacks(facts: &Facts) -> Vec<String> {
    if !facts.lz4 {
        return vec!["this server does not compress with lz4: values are compressed as before".into()];
    }
    let fixed = |table: &Relation| table.columns.iter().any(|column| !column.compressible);
    let lacking = tables(facts).filter(|table| fixed(table));
    lacking.map(|table| format!("a column of {} is of a type that is not compressed", table.sql)).collect()
}

fn tables(facts: &Facts) -> impl Iterator<Item = &Relation> {
    facts.contexts.iter().chain(&facts.statuses).filter(|table| table.kind != RelationKind::Other)
}

/// Sets the method of each column that is chosen, also of partitions: they do not follow their table.
fn altered(facts: &Facts, method: &str, chosen: impl Fn(&LargeColumn) -> bool) -> Vec<Act> {
    let alter = |table: &Relation| {
        let columns = table.columns.iter().filter(|column| chosen(column));
        let set = |column: &LargeColumn| format!("ALTER COLUMN {} SET COMPRESSION {method}", column.name);
        let sets: Vec<String> = columns.map(set).collect();
        (!sets.is_empty())
            .then(|| Act::together([format!("ALTER TABLE ONLY {} {}", table.sql, sets.join(", "))]))
    };
    tables(facts).filter_map(alter).collect()
}
