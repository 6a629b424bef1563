//! How large a run's context may become. Checked when a node's result is committed: the node that brings too much is the
//! one to blame, not the one that happens to end the run.

use super::document::{Document, MEMORY_OF_A_BYTE};
use super::patch::Patch;
use crate::error::{Code, Error, Result};

/// Bytes of JSON that the visible context may take. PostgreSQL holds 256 MiB in one value, and the final result has the
/// context twice: as it is, and serialised.
pub const LARGEST_CONTEXT: usize = 128_000_000;

impl Document {
    /// Refuses a patch that makes the context larger than its final result could be stored.
    ///
    /// # Errors
    /// It would be; the error names the largest key that is set, its size and the limit.
    pub fn refuse_oversized(&self, patch: &Patch) -> Result<()> {
        self.refuse_larger_than(LARGEST_CONTEXT, patch)
    }

    fn refuse_larger_than(&self, limit: usize, patch: &Patch) -> Result<()> {
        let brought = size_of(patch);
        // Never too low, and known without looking at every key.
        if self.approximate_bytes / MEMORY_OF_A_BYTE + brought <= limit {
            return Ok(());
        }
        let is_kept =
            |key: &str| !patch.sets.contains_key(key) && !patch.deletes.iter().any(|other| other == key);
        let kept = self.values.iter().filter(|(key, _)| is_kept(key));
        let total = brought + kept.map(|(key, value)| key.len() + value.get().len()).sum::<usize>();
        if total <= limit {
            return Ok(());
        }
        let largest = patch.sets.iter().max_by_key(|(_, value)| value.get().len());
        let named = largest.map_or_else(String::new, |(key, value)| {
            format!("'{key}' takes {}, and with it ", megabytes(value.get().len()))
        });
        let what = format!(
            "{named}the run's context would take {} of JSON; at most {} can be stored. An output is kept for its \
             node, and once more for each node that it goes to",
            megabytes(total),
            megabytes(limit)
        );
        Err(Error::new(Code::ValueNotStorable, "Storing the result", what))
    }
}

/// The bytes that a patch brings.
pub fn size_of(patch: &Patch) -> usize {
    patch.sets.iter().map(|(key, value)| key.len() + value.get().len()).sum()
}

fn megabytes(bytes: usize) -> String {
    let tenths = bytes.div_ceil(100_000);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::to_raw;

    fn patch(sets: &[(&str, usize)]) -> Patch {
        let mut patch = Patch::default();
        for (key, bytes) in sets {
            patch.set(*key, to_raw(&"x".repeat(*bytes)).unwrap());
        }
        patch
    }

    #[test]
    fn whoever_brings_too_much_is_named_with_size_and_limit() {
        let mut document = Document::parse(Some("{}")).unwrap();
        document.write(&patch(&[("_outputs.a", 400_000)]));
        document.refuse_larger_than(1_000_000, &patch(&[("_outputs.b", 500_000)])).unwrap();
        let both = patch(&[("_outputs.b", 400_000), ("_inputs.c", 300_000)]);
        let error = document.refuse_larger_than(1_000_000, &both).unwrap_err();
        assert_eq!(error.code, Code::ValueNotStorable);
        assert!(error.message.contains("'_outputs.b' takes 0.5 MB"), "{}", error.message);
        assert!(error.message.contains("would take 1.2 MB"), "{}", error.message);
        assert!(error.message.contains("at most 1.0 MB"), "{}", error.message);
    }

    #[test]
    fn what_takes_the_place_of_something_counts_once() {
        let mut document = Document::parse(Some("{}")).unwrap();
        for _ in 0..10 {
            // A loop writes its output again and again.
            document.refuse_larger_than(1_000_000, &patch(&[("_outputs.a", 600_000)])).unwrap();
            document.write(&patch(&[("_outputs.a", 600_000)]));
        }
        let mut away = patch(&[("_outputs.b", 600_000)]);
        away.deletes.push("_outputs.a".into());
        document.refuse_larger_than(1_000_000, &away).unwrap();
    }
}
