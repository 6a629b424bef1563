//! An `INSERT … ON CONFLICT (run_id) DO UPDATE` over the columns that a status table has; an `UPDATE` where the engine can make
//! no row, because a column of the user's owes a value.

use super::ids::Ids;
use super::tables::Table;
use super::zone::Moments;

/// What a status table is like.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    pub table: &'a Table,
    pub ids: Ids,
    /// How `updated_at` is written, if there is one.
    pub moments: Option<Moments>,
    /// Columns of the user's that a new row owes a value.
    pub owed: Vec<String>,
}

/// A row, as it is written.
#[derive(Clone)]
pub(super) struct Upsert<'a> {
    shape: &'a Shape<'a>,
    columns: Vec<(&'static str, String)>,
    updated: Vec<&'static str>,
    mentioned: String,
}

impl<'a> Upsert<'a> {
    pub fn new(shape: &'a Shape<'a>) -> Self {
        Self { shape, columns: Vec::new(), updated: Vec::new(), mentioned: String::new() }
    }

    pub fn set(&mut self, column: &'static str, value: String) {
        self.columns.push((column, value));
        self.updated.push(column);
    }

    /// A column that must have a value in a new row, and belongs to the user in an existing one.
    pub fn set_on_insert(&mut self, column: &'static str, value: String) {
        self.columns.push((column, value));
    }

    /// Uses a parameter that this table has no column for.
    pub fn mention(&mut self, parameter: &str) {
        self.mentioned.push_str(&format!(" AND {parameter} IS NOT NULL"));
    }

    /// The same values as an update of an existing row.
    pub fn update_where(&self, condition: &str) -> String {
        let updates = self.updates(|name| self.value(name).to_owned());
        let Shape { table, ids, .. } = self.shape;
        format!("UPDATE {} AS t SET {updates} WHERE run_id = {} AND {condition}", table.sql, ids.first())
    }

    /// The same for every row of a relation `c (run_id, result)` that meets a condition.
    pub fn sql_from(&self, relation: &str, status: &str, condition: &str) -> String {
        let of_row = |value: &str| {
            value
                .replace("$2::text", status)
                .replace("$3::text::jsonb", "c.result")
                .replace("$3::text", "c.result::text")
        };
        let Shape { table, ids, .. } = self.shape;
        let (table, cast) = (&table.sql, ids.cast());
        if self.is_update() {
            let updates = self.updates(|name| of_row(self.value(name)));
            return format!(
                "UPDATE {table} AS t SET {updates} FROM {relation} AS c \
                 WHERE t.run_id = c.run_id{cast} AND {condition}"
            );
        }
        let values: Vec<String> = self.columns.iter().map(|(_, value)| of_row(value)).collect();
        format!(
            "INSERT INTO {table} (run_id, {}) SELECT c.run_id{cast}, {} FROM {relation} AS c WHERE {condition} \
             ON CONFLICT (run_id) DO UPDATE SET {}",
            self.names(),
            values.join(", "),
            self.updates(|name| format!("EXCLUDED.{name}"))
        )
    }

    pub fn sql(&self) -> String {
        let Shape { table, ids, .. } = self.shape;
        let (condition, first) = (format!("true{}", self.mentioned), ids.first());
        if self.is_update() {
            return self.update_where(&condition);
        }
        let values: Vec<&str> = self.columns.iter().map(|(_, value)| value.as_str()).collect();
        format!(
            "INSERT INTO {} (run_id, {}) SELECT {first}, {} WHERE {condition} ON CONFLICT (run_id) DO UPDATE SET {}",
            table.sql,
            self.names(),
            values.join(", "),
            self.updates(|name| format!("EXCLUDED.{name}"))
        )
    }

    fn is_update(&self) -> bool {
        !self.shape.owed.is_empty()
    }

    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    fn updates(&self, value: impl Fn(&str) -> String) -> String {
        let set = |name: &&str| format!("{name} = {}", value(name));
        self.updated.iter().map(set).collect::<Vec<_>>().join(", ")
    }

    fn value(&self, column: &str) -> &str {
        self.columns.iter().find(|(name, _)| *name == column).map_or("NULL", |(_, value)| value)
    }
}
