//! Every key of a context that means something to the engine, once.

/// The key the engine's own bookkeeping stays under; nodes and final results never see it.
pub const RESERVED_KEY: &str = "_flowcraft";
/// The prefix of a node's output.
pub const OUTPUTS: &str = "_outputs.";
/// The prefix of the input an edge brought to a node.
pub const INPUTS: &str = "_inputs.";

/// What is wrong with a row that holds something else than a document.
pub const NOT_AN_OBJECT: &str = "context_data is not a JSON object";
