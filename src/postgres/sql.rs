//! Fragments that several statements share.

pub(super) use crate::migrations::PRESENT;

/// The document with the reserved key alone; what is not an object stays as it is.
pub(super) const RESERVED: &str = "CASE WHEN jsonb_typeof(context_data) NOT IN ('null', 'object') THEN context_data WHEN context_data ? '_flowcraft' THEN jsonb_build_object('_flowcraft', context_data->'_flowcraft') END";

/// The server's clock, in milliseconds since 1970.
pub(super) const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// How long, in milliseconds, a statement that writes many runs waits for somebody's lock: they all wait with it.
const BATCH_WAITS: u32 = 100;
/// How long one that concerns one run waits.
const RUN_WAITS: u32 = 500;

/// The limit of a statement's waits for locks, as a relation `limits` of one row. Who reads it first has it set, for this
/// transaction alone: it costs no trip, and leaves nothing on the connection.
pub(super) fn limits_of_batch() -> String {
    limits(BATCH_WAITS)
}

/// The same for a statement that concerns one run.
pub(super) fn limits_of_run() -> String {
    limits(RUN_WAITS)
}

/// The same as a statement of its own, within a transaction.
pub(super) fn limit_of_transaction() -> String {
    format!("SET LOCAL lock_timeout = {RUN_WAITS}")
}

fn limits(milliseconds: u32) -> String {
    format!("limits AS MATERIALIZED (SELECT set_config('lock_timeout', '{milliseconds}', true))")
}

/// The moment in a column of a row.
pub(super) fn moment(row: &tokio_postgres::Row, column: usize) -> Option<u64> {
    u64::try_from(row.get::<_, i64>(column)).ok()
}
