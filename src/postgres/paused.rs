//! The table of what a person has paused, which a migration makes.

use super::connection::Connection;
use super::session::Session;
use crate::error::Result;
use crate::migrations::{PAUSED_TABLE, beside};
use crate::ports::halting::{HaltWrite, Haltable, StoredHalt};

impl Session {
    /// What is paused, in the order of its names; none where there is no table for it.
    pub async fn halts(&self) -> Result<Option<Vec<StoredHalt>>> {
        let client = self.client().await?;
        let Some(table) = self.paused(&client).await? else { return Ok(None) };
        let halts = format!(
            "SELECT kind, name, (extract(epoch FROM since) * 1000)::bigint, reason FROM {table} ORDER BY kind, name"
        );
        let rows = client.rows(&halts, &[]).await?;
        let halt = |row: &tokio_postgres::Row| {
            let what = Haltable::of(row.get(0), row.get(1))?;
            Some(StoredHalt {
                what,
                since: u64::try_from(row.get::<_, i64>(2)).unwrap_or(0),
                reason: row.get(3),
            })
        };
        Ok(Some(rows.iter().filter_map(halt).collect()))
    }

    /// Changes what is paused; whether that changed something. None where there is no table for it.
    pub async fn write_halt(&self, write: &HaltWrite) -> Result<Option<bool>> {
        let client = self.client().await?;
        let Some(table) = self.paused(&client).await? else { return Ok(None) };
        let written = match write {
            HaltWrite::Pause(what, reason) => {
                let pause = format!(
                    "INSERT INTO {table} (kind, name, since, reason) VALUES ($1::text, $2::text, clock_timestamp(), $3::text) \
                     ON CONFLICT (kind, name) DO NOTHING RETURNING name"
                );
                client.rows(&pause, &[&what.kind(), &what.name(), &reason.as_deref()]).await?
            }
            HaltWrite::Lift(what) => {
                let lift =
                    format!("DELETE FROM {table} WHERE kind = $1::text AND name = $2::text RETURNING name");
                client.rows(&lift, &[&what.kind(), &what.name()]).await?
            }
        };
        Ok(Some(!written.is_empty()))
    }

    /// The table's quoted name, if it is there.
    async fn paused(&self, client: &Connection) -> Result<Option<String>> {
        let table = beside(&self.contexts(client).await?.sql, PAUSED_TABLE);
        Ok(client.has_table(&table).await?.then_some(table))
    }
}
