//! Every key of a context that means something to the engine, once.

/// The key of the engine's own state of a run. Nodes and final results never see it.
pub const RESERVED_KEY: &str = "_flowcraft";
/// The prefix of a node's output.
pub const OUTPUTS: &str = "_outputs.";
/// The prefix of the input an edge brought to a node.
pub const INPUTS: &str = "_inputs.";
/// The prefix of what a subflow keeps while it is paused inside.
pub const SUBFLOW_STATE: &str = "_subflowState.";
/// The blueprint a run follows, and its version, where workers of version 1 and 2.0.0 look for them. Only if the user has no
/// values of their own under these keys: the engine itself goes by what stands under its reserved key.
pub const BLUEPRINT_ID: &str = "blueprintId";
/// As [`BLUEPRINT_ID`].
pub const BLUEPRINT_VERSION: &str = "blueprintVersion";

/// The nodes that wait, by their ids: the ledger's, shown where core's users look for them.
pub const AWAITING_NODES: &str = "_awaitingNodeIds";
/// What each of them waits for.
pub const AWAITING_DETAILS: &str = "_awaitingDetails";

/// What is wrong with a row whose context is not an object.
pub const NOT_AN_OBJECT: &str = "context_data is not a JSON object";
