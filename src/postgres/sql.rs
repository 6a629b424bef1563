//! Fragments that several statements share.

pub(super) use crate::migrations::PRESENT;

/// The document with the reserved key alone; what is not an object stays as it is.
pub(super) const RESERVED: &str = "CASE WHEN jsonb_typeof(context_data) NOT IN ('null', 'object') THEN context_data WHEN context_data ? '_flowcraft' THEN jsonb_build_object('_flowcraft', context_data->'_flowcraft') END";

/// The server's clock, in milliseconds since 1970.
pub(super) const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// The moment in a column of a row.
pub(super) fn moment(row: &tokio_postgres::Row, column: usize) -> Option<u64> {
    u64::try_from(row.get::<_, i64>(column)).ok()
}
