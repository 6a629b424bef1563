//! The moments of a status table. `updated_at` may be a `timestamp` without a zone: then it is the time of day at some place,
//! and PostgreSQL takes that of the session for granted. Sessions differ, so the engine never does: it writes and reads the
//! time at the place that the database has as its own, as every client does that says nothing about zones.

use super::columns::Column;
use super::connection::Asks;
use crate::error::Result;

/// The zone that a session has which asks for none: that of the role or the database, or of the server. Where this very
/// connection asked for one, the server's is the one it logs by: both are set when it is made.
const ZONE: &str = "
    SELECT quote_literal(coalesce(
        (SELECT split_part(item, '=', 2) FROM pg_db_role_setting AS s CROSS JOIN LATERAL unnest(s.setconfig) AS item
         WHERE lower(split_part(item, '=', 1)) = 'timezone'
         AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
         AND s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = session_user))
         ORDER BY (s.setrole <> 0 AND s.setdatabase <> 0) DESC, s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1),
        CASE WHEN source IN ('client', 'session') THEN current_setting('log_timezone') ELSE setting END))
    FROM pg_settings WHERE name = 'TimeZone'";

/// How the moments of a column are written and read in SQL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Moments {
    /// The quoted zone, of a column that has none.
    zone: Option<String>,
}

impl Moments {
    /// Those of a column; none where its type holds no moment.
    pub async fn of(client: &impl Asks, column: &Column) -> Result<Option<Self>> {
        Ok(match column.base.as_str() {
            "timestamp with time zone" => Some(Self::default()),
            "timestamp without time zone" => {
                let found = client.connection().rows_within(ZONE, &[]).await?;
                Some(Self { zone: found.first().map(|row| row.get(0)) })
            }
            _ => None,
        })
    }

    /// A moment as the column holds it.
    pub fn stored(&self, moment: &str) -> String {
        self.zone.as_ref().map_or_else(|| moment.to_owned(), |zone| format!("({moment} AT TIME ZONE {zone})"))
    }

    /// This moment, as the column holds it.
    pub fn now(&self) -> String {
        self.stored("clock_timestamp()")
    }

    /// What the column holds, in microseconds since 1970.
    pub fn micros(&self) -> String {
        // The same words: what has a zone loses it, what has none gets one.
        format!("(extract(epoch FROM {}) * 1000000)::bigint", self.stored("updated_at"))
    }
}

#[cfg(test)]
impl Moments {
    pub fn at(zone: &str) -> Self {
        Self { zone: Some(zone.to_owned()) }
    }
}
