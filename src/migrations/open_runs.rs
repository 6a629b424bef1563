//! Step 2: an index by which runs that go on are found among those that ended. Its key never changes: a status row that is
//! touched stays where it is.

use super::act::Act;
use super::facts::Facts;
use super::indexes;
use super::owned_index::OwnedIndex;

pub fn up(facts: &Facts) -> Vec<Act> {
    indexes::made(OwnedIndex::Open, facts)
}

pub fn down(facts: &Facts) -> Vec<Act> {
    indexes::taken_away(OwnedIndex::Open, facts)
}

pub fn lacks(facts: &Facts) -> Vec<String> {
    indexes::lacks(facts)
}
