//! What a person has paused for all workers: queues and blueprints, as a record stores them.

/// What can be paused, beside a run, whose own record says it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Haltable {
    /// A queue: its workers take no job from it.
    Queue(String),
    /// A blueprint: no node of its runs is executed.
    Blueprint(String),
}

impl Haltable {
    /// The word that its row has for its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Queue(_) => "queue",
            Self::Blueprint(_) => "blueprint",
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Self::Queue(name) | Self::Blueprint(name) => name,
        }
    }

    /// By the words of a row; none of a kind that a later version knows.
    pub fn of(kind: &str, name: String) -> Option<Self> {
        match kind {
            "queue" => Some(Self::Queue(name)),
            "blueprint" => Some(Self::Blueprint(name)),
            _ => None,
        }
    }
}

/// What is paused, since when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHalt {
    /// What.
    pub what: Haltable,
    /// By the record's clock: milliseconds since 1970.
    pub since: u64,
    /// Why, if the caller said it.
    pub reason: Option<String>,
}

/// A change of what is paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HaltWrite {
    /// Pauses it, for a reason. What is paused stays so since then, for the reason it has.
    Pause(Haltable, Option<String>),
    /// Lets it go on.
    Lift(Haltable),
}
