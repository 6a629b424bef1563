//! A workflow's graph, analysed once per blueprint.
//!
//! JavaScript describes a blueprint in the shape core gives it. The ledger asks the same of it at every event
//! (predecessors, loops, which edges close a cycle), so this is worked out once, when the blueprint is first seen.

mod analysed;
mod description;
mod graph;
#[cfg(test)]
mod tests;

pub use analysed::{Blueprint, Join, Node};
pub use description::{DescribedEdge, DescribedNode, Description};
