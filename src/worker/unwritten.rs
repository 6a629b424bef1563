//! Results that are not written yet, and wait without a place: another transaction has locked the row of their run. A worker keeps
//! only so many.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::protocol::outcome::{Answer, Outcome};

/// Results without a place that one worker keeps at a time: so many, and so many bytes.
const MOST: usize = 1_000;
const MOST_BYTES: usize = 64 << 20;

/// The results that wait for their run without a place. What has no room here keeps its place.
#[derive(Debug, Default)]
pub struct Waiting {
    results: AtomicUsize,
    bytes: AtomicUsize,
}

/// Room for one result, until it is dropped.
#[derive(Debug)]
pub struct Room<'a> {
    of: &'a Waiting,
    bytes: usize,
}

impl Waiting {
    /// Room for a result; none if too many wait.
    pub fn room_for(&self, answer: &Answer) -> Option<Room<'_>> {
        let bytes = bytes_of(answer);
        let results = self.results.fetch_add(1, Ordering::Relaxed);
        let room = Room { of: self, bytes };
        let taken = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        (results < MOST && taken + bytes <= MOST_BYTES).then_some(room)
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.of.results.fetch_sub(1, Ordering::Relaxed);
        self.of.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

fn bytes_of(answer: &Answer) -> usize {
    let written: usize = answer.patch.sets.values().map(|value| value.get().len()).sum();
    let output = match &answer.outcome {
        Outcome::Finished { output, .. } | Outcome::Paused { output, .. } => output.as_ref(),
        Outcome::Failed { .. } | Outcome::Retry { .. } | Outcome::Opened(_) => None,
    };
    written + output.map_or(0, |output| output.get().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Patch, to_raw};

    fn answer(bytes: usize) -> Answer {
        let mut patch = Patch::default();
        patch.set("k", to_raw(&"x".repeat(bytes)).unwrap());
        Answer { patch, ..Answer::of(Outcome::Failed { why: "".into(), recoverable: true }) }
    }

    #[test]
    fn only_so_much_waits_without_a_place() {
        let waiting = Waiting::default();
        let small: Vec<_> = (0..MOST + 5).filter_map(|_| waiting.room_for(&answer(1))).collect();
        assert_eq!(small.len(), MOST);
        drop(small);
        let large = answer(MOST_BYTES / 2 - 10);
        let (one, two) = (waiting.room_for(&large), waiting.room_for(&large));
        assert!(one.is_some() && two.is_some() && waiting.room_for(&large).is_none());
        drop(one);
        assert!(waiting.room_for(&large).is_some());
    }
}
