//! What becomes of a message in the end.

/// What becomes of a message in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageFate {
    /// Everything it asked for is recorded, or it is kept in another place: it is acknowledged.
    Acknowledge,
    /// The worker cannot process it: the message goes back to the queue, and another worker takes it.
    Requeue,
}
