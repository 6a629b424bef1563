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

/// Where JavaScript keeps what a node, by its place in the run, has recorded of its progress: an execution writes two of these in
/// turns, and the next one the other two.
pub fn progress(run: &str, place: &str) -> [String; 4] {
    [1, 2, 3, 4].map(|number| format!("flowcraft:progress:{number}:{run}:{place}"))
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

/// The keys of limits that were asked for lately, all in one key; version 1 has no such key.
pub const LIMITS: &str = "flowcraft:limits";

/// The key of a limit under which the executions of a run count that was started with one. No name of rules has its first sign.
pub fn run_limit(run: &str) -> String {
    format!("{RUN_LIMIT}{run}")
}

/// The key under which is noted what an execution of a node, by its path, waits for in the line of its limit; version 1 and 2.0.0 have
/// no such key. `lib/client/limit-waits.ts` reads it.
pub fn limit_wait(run: &str, node: &str, round: u32) -> String {
    format!("flowcraft:limitwait:{run}:{round}:{node}")
}

/// Whether it is the key of a run's own limit.
pub fn is_run_limit(key: &str) -> bool {
    key.starts_with(RUN_LIMIT)
}

const RUN_LIMIT: &str = "@run:";

/// The keys of a limit's key, in the order of the scripts: what they hold is in `redis/limits.rs`. Braces keep all of them in one
/// place of a Cluster.
pub fn of_limit(key: &str) -> [String; 5] {
    ["held", "starts", "line", "due", "facts"].map(|part| format!("{LIMIT}{{{key}}}:{part}"))
}

/// How the key begins of the worker that looks for lost jobs.
pub const REPAIR: &str = "flowcraft:repair:";

/// The worker of a fleet, by its queue, that removes old runs; version 1 has no such key.
pub fn retention(queue: &str) -> String {
    format!("flowcraft:retention:{queue}")
}

/// The worker of a fleet, by its queue, that removes old rows of the history; version 1 and 2.0.0 have no such key.
pub fn history(queue: &str) -> String {
    format!("flowcraft:history:{queue}")
}

/// The worker of a queue that looks for lost jobs; version 1 has no such key.
pub fn repair(queue: &str) -> String {
    format!("{REPAIR}{queue}")
}
