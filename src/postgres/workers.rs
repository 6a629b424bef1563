//! The table of workers that a migration makes: where Redis does not take what a worker says of itself.

use super::connection::Connection;
use super::session::Session;
use crate::error::Result;
use crate::migrations::beside;
use crate::ports::announcement::{Announced, Announcement};

impl Session {
    /// Whether there is such a table to say it in. Those that are long gone are removed.
    pub async fn announce(&self, announcement: &Announcement<'_>) -> Result<bool> {
        let client = self.client().await?;
        let Some(table) = self.workers(&client).await? else { return Ok(false) };
        let Announcement { worker, card, ttl } = announcement;
        let announce = format!(
            "WITH gone AS (DELETE FROM {table} WHERE gone_at < clock_timestamp() - interval '1 hour' AND id <> $1::text) \
             INSERT INTO {table} (id, card, heard_at, gone_at) VALUES ($1::text, $2::text::jsonb, clock_timestamp(), \
             clock_timestamp() + make_interval(secs => $3)) ON CONFLICT (id) DO UPDATE SET card = EXCLUDED.card, \
             heard_at = EXCLUDED.heard_at, gone_at = EXCLUDED.gone_at"
        );
        let ttl = u32::try_from(*ttl).map_or(f64::MAX, f64::from);
        client.rows(&announce, &[worker, card, &ttl]).await.map(|_| true)
    }

    /// Removes a worker that stops.
    pub async fn withdraw(&self, worker: &str) -> Result<()> {
        let client = self.client().await?;
        let Some(table) = self.workers(&client).await? else { return Ok(()) };
        client.rows(&format!("DELETE FROM {table} WHERE id = $1::text"), &[&worker]).await.map(drop)
    }

    /// The workers that are alive; none where there is no such table.
    pub async fn announced(&self) -> Result<Option<Vec<Announced>>> {
        let client = self.client().await?;
        let Some(table) = self.workers(&client).await? else { return Ok(None) };
        let alive = format!(
            "SELECT card::text, greatest(0, extract(epoch FROM clock_timestamp() - heard_at) * 1000)::bigint \
             FROM {table} WHERE gone_at > clock_timestamp() ORDER BY id"
        );
        let alive = client.rows(&alive, &[]).await?;
        let age = |row: &tokio_postgres::Row| u64::try_from(row.get::<_, i64>(1)).unwrap_or(0);
        Ok(Some(alive.iter().map(|row| Announced { card: row.get(0), age: age(row) }).collect()))
    }

    /// The table's quoted name, if it is there.
    async fn workers(&self, client: &Connection) -> Result<Option<String>> {
        let table = beside(&self.contexts(client).await?.sql, "workers");
        Ok(client.has_table(&table).await?.then_some(table))
    }
}
