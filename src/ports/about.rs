//! What a line of the log is about, apart from its words: the fields by which whoever collects logs finds it.

use crate::error::{Code, Error};

/// The fields of a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The run.
    pub run: Option<String>,
    /// The node, as the user names it.
    pub node: Option<String>,
    /// The queue.
    pub queue: Option<String>,
    /// What went wrong.
    pub code: Option<Code>,
}

impl About {
    /// A run.
    pub fn run(run: &str) -> Self {
        Self { run: Some(run.to_owned()), ..Self::default() }
    }

    /// A queue.
    pub fn queue(queue: &str) -> Self {
        Self { queue: Some(queue.to_owned()), ..Self::default() }
    }

    /// The same, and a node of its run; an empty name is none.
    #[must_use]
    pub fn node(self, node: &str) -> Self {
        let node = (!node.is_empty()).then(|| node.to_owned());
        Self { node, ..self }
    }

    /// The same, and what went wrong. What the error says of run and node fills what is not said yet.
    #[must_use]
    pub fn error(self, error: &Error) -> Self {
        Self {
            run: self.run.or_else(|| error.run.clone()),
            node: self.node.or_else(|| error.node.clone()),
            code: Some(error.code),
            ..self
        }
    }

    /// What went wrong, and where the error says that it did.
    pub fn of(error: &Error) -> Self {
        Self::default().error(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_fills_what_is_not_said_yet() {
        let error = Error::new(Code::RunBusy, "Committing", "busy").of_run("other").of_node("n");
        let about = About::run("r").error(&error);
        assert_eq!(
            about,
            About { run: Some("r".into()), node: Some("n".into()), queue: None, code: Some(Code::RunBusy) }
        );
        assert_eq!(About::queue("q").node("").node, None);
    }
}
