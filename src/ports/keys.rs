//! The names of the keys, as version 1 writes them, and their values.

/// How long the keys of version 1 live, in seconds.
pub const TTL: u64 = 3600;

/// The value that version 1's reconciler writes into a node lock when it has published the node's job.
pub const RECONCILER_MARK: &str = "locked";
/// In a join lock: an `any` join has had its arrival.
pub const JOINED: &str = "locked";
/// In a poison key: a predecessor of an `all` join failed.
pub const POISONED: &str = "poisoned";
/// In a cancellation key: a predecessor of an `any` join failed.
pub const CANCELLED: &str = "cancelled";

/// "This node is being executed": the lease.
pub fn node_lock(run: &str, node: &str) -> String {
    format!("{NODE_LOCK}{run}:{node}")
}

/// What is noted of the execution that a lease is for; earlier versions have no such key.
pub fn started(lease: &str) -> String {
    format!("{STARTED}{}", lease.strip_prefix(NODE_LOCK).unwrap_or(lease))
}

/// How the key of what is noted of an execution begins.
pub const STARTED: &str = "flowcraft:started:";
/// How the key of a lease begins.
pub const NODE_LOCK: &str = "flowcraft:nodelock:";

/// Which blueprint a run follows.
pub fn blueprint(run: &str) -> String {
    format!("flowcraft:blueprint:{run}")
}

/// How many edges have arrived at an `all` join.
pub fn fan_in(run: &str, node: &str) -> String {
    format!("flowcraft:fanin:{run}:{node}")
}

/// Whether an `any` join has had its arrival.
pub fn join_lock(run: &str, node: &str) -> String {
    format!("flowcraft:joinlock:{run}:{node}")
}

/// Whether a predecessor of an `all` join failed.
pub fn poison(run: &str, node: &str) -> String {
    format!("flowcraft:fanin:poison:{run}:{node}")
}

/// Whether a predecessor of an `any` join failed.
pub fn cancel(run: &str, node: &str) -> String {
    format!("flowcraft:fanin:cancel:{run}:{node}")
}

/// What a node, by its place in the run, has recorded of its progress: one of two, written in turns by JavaScript.
pub fn progress(slot: u8, run: &str, place: &str) -> String {
    format!("flowcraft:progress:{slot}:{run}:{place}")
}

/// Changes when the store forgets everything; version 1 has no such key.
pub const EPOCH: &str = "flowcraft:epoch";
/// How long it lives, in seconds: thirty days.
pub const EPOCH_TTL: u64 = 30 * 86_400;
/// Stands for as long as a lease lives after the store forgot everything; version 1 has no such key.
pub const YOUNG: &str = "flowcraft:epoch:young";

/// The workers that are alive, all in one key; version 1 has no such key.
pub const WORKERS: &str = "flowcraft:workers";

/// The channel on which runs that have paused or ended are told; version 1 has no such channel.
pub const CHANGES: &str = "flowcraft:changes";

/// How the keys begin in which executions under a limit are counted; version 1 has no such keys.
pub const LIMIT: &str = "flowcraft:limit:";

/// How the key begins of the worker that looks for lost jobs.
pub const REPAIR: &str = "flowcraft:repair:";

/// The worker of a fleet, by its queue, that removes old runs; version 1 has no such key.
pub fn retention(queue: &str) -> String {
    format!("flowcraft:retention:{queue}")
}

/// The worker of a queue that looks for lost jobs; version 1 has no such key.
pub fn repair(queue: &str) -> String {
    format!("{REPAIR}{queue}")
}
