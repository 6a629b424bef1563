//! Recovery without a person: jobs that are due, and whose message is lost, are published again.
//!
//! The record says what is due; the queue cannot be asked what is in it. But it is a queue: once a message has
//! been delivered, everything published before it has been delivered too, or is lost. So a job is lost when its
//! run has been stale for a while, nobody holds its lease, and since it was first seen so the queue has either
//! been empty or delivered something younger. A backlog, however long, is not a loss. `judgement` decides that
//! from what a scan found; `republish` looks at the leases, and at the other queues, before it publishes.
//!
//! One worker of a queue scans at a time (`tick`). A running node keeps its run from being stale, so a scan
//! (`scan`) is a short query that mostly finds nothing. What it finds is published again by `republish`.

pub mod judgement;
pub(super) mod republish;
pub(super) mod scan;
pub(super) mod tick;
