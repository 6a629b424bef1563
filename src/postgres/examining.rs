//! Questions about a database that a person asks, not the engine.

use super::record::Postgres;
use crate::error::Result;

impl Postgres {
    /// The rows that a query answers with, as a JSON array of objects. It may name `$1`, an array of texts, and cannot change
    /// anything: it stands where only a query may.
    ///
    /// # Errors
    /// The server is out of reach, or refuses the query.
    pub async fn ask(&self, query: &str, texts: &[String]) -> Result<String> {
        let client = self.pool().client().await?;
        let sql = format!(
            "SELECT coalesce(json_agg(q), '[]'::json)::text FROM ({query}) AS q WHERE $1::text[] IS NOT NULL"
        );
        Ok(client.only_row(&sql, &[&texts]).await?.get(0))
    }

    /// Whether a pooler stands before the server; none before the first connection.
    pub fn is_pooled(&self) -> Option<bool> {
        self.pool().is_pooled()
    }
}
