//! The one error of the engine: what was being done, to which run and node, what happened.
//!
//! Messages are written here from what servers answer, never from connection settings, and passwords in those
//! answers are masked: no credential can get into them.

use std::fmt;

use crate::secret::masked;

/// What an error means for whoever meets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A server is out of reach or busy: the same call may succeed later.
    Transient,
    /// The data itself can not be stored: trying again changes nothing.
    Data,
    /// Something the user has to change: a table, an option, a blueprint.
    Setup,
    /// The engine is stopping.
    Stopping,
}

/// What went wrong, in the engine's one shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// What it means.
    pub kind: Kind,
    /// What was being done, as the start of a sentence.
    pub operation: &'static str,
    /// The run it was done to.
    pub run: Option<String>,
    /// The node it was done to.
    pub node: Option<String>,
    /// What happened and what to do.
    pub message: String,
}

/// A result of the engine.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of this kind, not yet bound to a run.
    pub fn new(kind: Kind, operation: &'static str, message: impl fmt::Display) -> Self {
        Self { kind, operation, run: None, node: None, message: masked(message.to_string()) }
    }

    /// A server is out of reach or busy.
    pub fn transient(operation: &'static str, message: impl fmt::Display) -> Self {
        Self::new(Kind::Transient, operation, message)
    }

    /// Something the user has to change.
    pub fn setup(operation: &'static str, message: impl fmt::Display) -> Self {
        Self::new(Kind::Setup, operation, message)
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

    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        self.kind == Kind::Transient
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
