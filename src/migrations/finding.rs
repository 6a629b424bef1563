//! Step 11: indexes by which runs are found: those of a blueprint, those that wait at a node, that a person has paused, and that
//! failed for a reason.
//!
//! What they are of stands in the rows alone: a run that goes on writes its row when a node begins or ceases to wait, and when it is
//! paused. The keys of the status table's change only with the status, so a row that is touched stays where it is in them.

use super::act::Act;
use super::facts::Facts;
use super::indexes;
use super::owned_index::OwnedIndex;

/// Its place in the order of steps.
pub const STEP: u32 = 11;

const INDEXES: &[OwnedIndex] = &[
    OwnedIndex::Blueprint,
    OwnedIndex::Waits,
    OwnedIndex::WaitsMore,
    OwnedIndex::Halted,
    OwnedIndex::Failed,
    OwnedIndex::Reasons,
];

/// What is slower without the extension, and how it is had.
const NO_TRIGRAMS: &str = "the extension pg_trgm is not there: a text in reasons is looked for in each run that failed. \
                           CREATE EXTENSION pg_trgm, and migrate again, for an index of them";

pub fn up(facts: &Facts) -> Vec<Act> {
    let has_reasons = facts.reason.is_some() && facts.trigrams.is_some();
    let possible = INDEXES.iter().filter(|index| **index != OwnedIndex::Reasons || has_reasons);
    possible.flat_map(|index| indexes::made(*index, facts)).collect()
}

pub fn down(facts: &Facts) -> Vec<Act> {
    INDEXES.iter().rev().flat_map(|index| indexes::taken_away(*index, facts)).collect()
}

pub fn lacks(facts: &Facts) -> Vec<String> {
    let all = [&facts.contexts[..], &facts.statuses[..]].concat();
    let mut lacks = indexes::lacks_on(&all, facts.pooled);
    if facts.trigrams.is_none() {
        lacks.push(NO_TRIGRAMS.to_owned());
    }
    lacks
}
