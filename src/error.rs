//! The one error of the engine: what went wrong, what was being done, to which run and node.
//!
//! Code decides by the code and the fields of an error. The message is for people and is never parsed.
//!
//! No credential gets into a message, by construction: settings are never quoted, and neither is what a server
//! says while it logs the engine in, because it may quote the login. Other messages of servers go through [`redact`].
//!
//! [`redact`]: crate::redact

mod code;

use std::fmt;

pub use code::{Code, Kind};

/// The code that PostgreSQL gives an error: five characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// A relation that does not exist.
    pub const UNDEFINED_TABLE: Self = Self(*b"42P01");
    /// A column that does not exist.
    pub const UNDEFINED_COLUMN: Self = Self(*b"42703");
    /// A statement that took too long, or that somebody cancelled.
    pub const QUERY_CANCELED: Self = Self(*b"57014");
    /// Others changed the same rows at the same time.
    pub const SERIALIZATION_FAILURE: Self = Self(*b"40001");
    /// Two transactions waited for each other.
    pub const DEADLOCK: Self = Self(*b"40P01");
    /// Another transaction has locked a row for longer than a statement may wait.
    pub const LOCKED: Self = Self(*b"55P03");
    /// A schema that does not exist.
    pub const UNDEFINED_SCHEMA: Self = Self(*b"3F000");

    /// Takes what a server sends; none where it is no such code.
    pub fn parse(text: &str) -> Option<Self> {
        let characters: [u8; 5] = text.as_bytes().try_into().ok()?;
        characters
            .iter()
            .all(|each| each.is_ascii_digit() || each.is_ascii_uppercase())
            .then_some(Self(characters))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The first two characters: what kind of error it is.
    pub fn class(&self) -> &str {
        self.as_str().get(..2).unwrap_or_default()
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What went wrong, in the engine's one shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// What went wrong.
    pub code: Code,
    /// What was being done, as the start of a sentence.
    pub operation: &'static str,
    /// The run it was done to.
    pub run: Option<String>,
    /// The node it was done to.
    pub node: Option<String>,
    /// The option that cannot work.
    pub option: Option<&'static str>,
    /// The code of PostgreSQL's answer.
    pub sql_state: Option<SqlState>,
    /// The user was told of it already.
    pub is_told: bool,
    /// What happened and what to do.
    pub message: String,
}

/// A result of the engine.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with this code, not yet bound to a run.
    pub fn new(code: Code, operation: &'static str, message: impl fmt::Display) -> Self {
        let message = message.to_string();
        Self {
            code,
            operation,
            run: None,
            node: None,
            option: None,
            sql_state: None,
            is_told: false,
            message,
        }
    }

    /// An option that cannot work. The message never quotes its value.
    pub fn of_option(option: &'static str, message: impl fmt::Display) -> Self {
        Self { option: Some(option), ..Self::new(Code::InvalidOption, "Reading the options", message) }
    }

    /// The same error, saying which run it happened to.
    #[must_use]
    pub fn of_run(mut self, run: &str) -> Self {
        self.run.get_or_insert_with(|| run.to_owned());
        self
    }

    /// The same error, saying which node it happened to.
    #[must_use]
    pub fn of_node(mut self, node: &str) -> Self {
        self.node.get_or_insert_with(|| node.to_owned());
        self
    }

    /// The same error, with the code of PostgreSQL's answer.
    #[must_use]
    pub fn with_sql_state(self, sql_state: Option<SqlState>) -> Self {
        Self { sql_state, ..self }
    }

    /// What was not done because the engine stops; what failed until then stays the message.
    #[must_use]
    pub fn while_stopping(self) -> Self {
        Self { code: Code::Stopping, ..self }
    }

    /// What it means for the engine.
    pub fn kind(&self) -> Kind {
        self.code.kind()
    }

    /// Whether it may be the trouble of one run alone: a statement for others may succeed.
    pub fn may_be_of_one_run(&self) -> bool {
        self.kind() == Kind::Data
            || self.code == Code::RunBusy
            || self.sql_state == Some(SqlState::QUERY_CANCELED)
    }

    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        self.kind() == Kind::Transient
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation)?;
        match (&self.run, &self.node) {
            (Some(run), Some(node)) => write!(f, " (run '{run}', node '{node}')")?,
            (Some(run), None) => write!(f, " (run '{run}')")?,
            (None, Some(node)) => write!(f, " (node '{node}')")?,
            (None, None) => {}
        }
        if let Some(option) = self.option {
            write!(f, " ({option})")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Joins an error with its causes: servers' clients hide what happened in the source.
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_five_characters_of_a_code_are_a_sql_state() {
        assert_eq!(SqlState::parse("42P01"), Some(SqlState::UNDEFINED_TABLE));
        assert_eq!(SqlState::UNDEFINED_TABLE.class(), "42");
        for other in ["", "42P0", "42P011", "42p01", "hunte", "４"] {
            assert_eq!(SqlState::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_message_names_the_run_and_node_and_keeps_the_first() {
        let error =
            Error::new(Code::RunEnded, "Resuming", "it is over").of_run("r").of_node("n").of_run("other");
        assert_eq!(error.to_string(), "Resuming (run 'r', node 'n'): it is over");
        assert_eq!(error.while_stopping().kind(), Kind::Stopping);
    }
}
