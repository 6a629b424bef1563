//! One migration of a table at a time.
//!
//! The guard is an advisory lock of a transaction on a connection of its own: it ends with the connection, and works through
//! a pooler. That transaction has no snapshot while it is idle, and whoever waits for the lock asks again and again
//! instead of waiting within a statement: an index that is built concurrently waits for every snapshot.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::SimpleQueryMessage;

use crate::error::{Code, Error, Result};
use crate::postgres::connection::Connection;
use crate::postgres::pool::Pool;

pub const OPERATION: &str = "Migrating the tables";
/// How long another migration may take.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(100);
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = 0";

/// Held while a migration is under way.
pub struct Guard {
    /// In its transaction; none when it is over.
    client: Option<Connection>,
}

impl Guard {
    /// Waits until nobody else migrates these tables.
    ///
    /// # Errors
    /// Somebody does so for too long.
    pub async fn take(pool: &Pool, contexts: &str) -> Result<Self> {
        pool.has_room_for(2);
        let guard = Self { client: Some(pool.client().await?) };
        let asked = Instant::now();
        while !guard.is_taken(contexts).await? {
            if asked.elapsed() > LONGEST_WAIT {
                let why = "another migration of these tables is under way";
                return Err(Error::new(Code::DatabaseBusy, OPERATION, why));
            }
            tokio::time::sleep(AGAIN).await;
        }
        Ok(guard)
    }

    async fn is_taken(&self, contexts: &str) -> Result<bool> {
        let table = contexts.replace('\'', "''");
        let ask = format!(
            "SELECT pg_try_advisory_xact_lock(hashtextextended('flowcraft:' || to_regclass('{table}')::oid, 0))"
        );
        let Some(client) = &self.client else { return Ok(false) };
        client.batch(BEGIN).await?;
        // In one message: what is asked in several keeps its snapshot until the transaction ends.
        let answer = client.ask(&ask).await?;
        let says_yes = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => row.get(0) == Some("t"),
            _ => false,
        };
        let taken = answer.iter().any(says_yes);
        if !taken {
            client.batch("ROLLBACK").await?;
        }
        Ok(taken)
    }

    /// Lets the next one go on.
    pub async fn release(mut self) {
        if let Some(client) = self.client.take()
            && client.batch("ROLLBACK").await.is_err()
        {
            client.close();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Its transaction is open: nobody else may have the connection.
        if let Some(client) = self.client.take() {
            client.close();
        }
    }
}
