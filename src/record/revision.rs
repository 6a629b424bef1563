//! Which state of a run a document is.

/// The transaction that wrote the row, and the last entry of the journal after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// The transaction that wrote the row (`xmin`).
    pub row: i64,
    /// The last entry of the journal; 0 for none.
    pub entry: i64,
}

impl Default for Revision {
    /// A revision of no row: no transaction has this number.
    fn default() -> Self {
        Self { row: -1, entry: 0 }
    }
}

impl Revision {
    /// Whether it came after another. Transaction numbers wrap after about four thousand million.
    pub fn is_newer_than(self, other: Self) -> bool {
        if self.row == other.row {
            return self.entry > other.entry;
        }
        (self.row - other.row).rem_euclid(1 << 32) < 1 << 31
    }
}
