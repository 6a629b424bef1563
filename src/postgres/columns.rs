//! A column of a user's table, as PostgreSQL says it is.

/// A column of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Column {
    /// Its type as PostgreSQL writes it, with its length: what a value is cast to.
    pub kind: String,
    /// The type without its length; that behind a domain.
    pub base: String,
    /// The longest text it holds, if that is limited.
    pub length: Option<i32>,
    /// The words of an enumeration; empty for any other type.
    pub words: Vec<String>,
    /// A new row has to say its value: it may not be null, and has no default.
    pub is_owed: bool,
}
