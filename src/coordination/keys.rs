//! The names of the keys, as the original writes them.

/// How long the original's keys live, in seconds.
pub const TTL: u64 = 3600;

/// What the original's reconciler writes into a node lock when it has published the node's job.
pub const RECONCILER_MARK: &str = "locked";

/// "This node is being executed": the lease.
pub fn node_lock(run: &str, node: &str) -> String {
    format!("flowcraft:nodelock:{run}:{node}")
}

/// Which blueprint a run follows.
pub fn blueprint(run: &str) -> String {
    format!("flowcraft:blueprint:{run}")
}
