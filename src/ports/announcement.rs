//! What a started worker says of itself, and what others hear.

/// A worker says that it lives.
#[derive(Debug, Clone, Copy)]
pub struct Announcement<'a> {
    /// Its name, unique in the fleet.
    pub worker: &'a str,
    /// What it says of itself: a JSON object.
    pub card: &'a str,
    /// Seconds it counts as alive from now on.
    pub ttl: u64,
}

/// A worker that said so, and still counts as alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// What it said of itself.
    pub card: String,
    /// How long ago, in milliseconds.
    pub age: u64,
}
