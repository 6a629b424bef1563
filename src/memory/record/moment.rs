//! The moment of a statement.

/// When a statement is executed.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Its transaction.
    pub xid: i64,
    /// Milliseconds since 1970, as its answer says.
    pub at: u64,
}

impl Moment {
    /// Microseconds since 1970, as `updated_at` says.
    pub fn micros(self) -> i64 {
        i64::try_from(self.at.saturating_mul(1000)).unwrap_or(i64::MAX)
    }
}
