//! What is counted and measured, and by what it is told apart. The names that users see, and their words, are in
//! `lib/operating/instruments.ts`, under these.

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// A run was started, or begun by the first message that named it.
    RunsStarted,
    /// A run has ended; how, its word says.
    RunsEnded,
    /// A job was published.
    JobsPublished,
    /// A node that failed is to be tried again.
    Retries,
    /// A node was executed by a message that another worker, or connection, had before.
    Takeovers,
    /// A job that was lost was published again.
    Republished,
    /// A message went to the dead letters.
    DeadLetters,
}

impl Counter {
    /// As JavaScript knows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunsStarted => "runsStarted",
            Self::RunsEnded => "runsEnded",
            Self::JobsPublished => "jobsPublished",
            Self::Retries => "retries",
            Self::Takeovers => "takeovers",
            Self::Republished => "republished",
            Self::DeadLetters => "deadLetters",
        }
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// How long a job waited in its queue, from when it was due.
    Wait,
    /// How long a node was executed.
    Node,
    /// How long a commit took.
    Commit,
    /// How long publishing took, until the broker had confirmed it.
    Publish,
    /// How long a message was held, from its delivery until it was settled.
    Process,
}

impl Measure {
    /// As JavaScript knows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Node => "node",
            Self::Commit => "commit",
            Self::Publish => "publish",
            Self::Process => "process",
        }
    }
}

/// By what it is told apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Of<'a> {
    /// The run's blueprint; empty where it is not told apart by that.
    pub blueprint: &'a str,
    /// The queue; likewise.
    pub queue: &'a str,
    /// How it ended; likewise.
    pub word: &'static str,
}

impl<'a> Of<'a> {
    /// A blueprint and the queue its jobs go through.
    pub fn jobs(blueprint: &'a str, queue: &'a str) -> Self {
        Self { blueprint, queue, word: "" }
    }

    /// A queue.
    pub fn queue(queue: &'a str) -> Self {
        Self { queue, ..Self::default() }
    }

    /// The same, and how it ended.
    #[must_use]
    pub fn ended(self, word: &'static str) -> Self {
        Self { word, ..self }
    }
}
