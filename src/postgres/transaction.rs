//! A transaction on a connection.

use tokio_postgres::Row;

use super::connection::{Asks, BEGIN, Connection};
use super::parameters::Parameter;
use crate::error::{Code, Error, Result};

const OPERATION: &str = "Talking to PostgreSQL";

/// A transaction on a connection.
pub(super) struct Transaction<'a> {
    connection: &'a Connection,
    is_open: bool,
}

impl Asks for Transaction<'_> {
    fn connection(&self) -> &Connection {
        self.connection
    }
}

impl<'a> Transaction<'a> {
    /// Begins one. One that is dropped is rolled back.
    ///
    /// # Errors
    /// The server is out of reach.
    pub async fn begin(connection: &'a Connection) -> Result<Self> {
        let transaction = Self { connection, is_open: true };
        connection.batch(BEGIN).await?;
        Ok(transaction)
    }

    /// What a statement answers with.
    pub async fn rows(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        self.connection.rows_within(sql, parameters).await
    }

    /// The only row that a statement answers with, if any.
    pub async fn row(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Option<Row>> {
        Ok(self.rows(sql, parameters).await?.pop())
    }

    /// The row that a statement always answers with.
    pub async fn only_row(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Row> {
        let row = self.row(sql, parameters).await?;
        row.ok_or_else(|| Error::new(Code::Internal, OPERATION, "a statement answered with no row"))
    }

    /// How many rows a statement changed.
    pub async fn execute(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<u64> {
        self.connection.execute_within(sql, parameters).await
    }

    /// Statements without parameters.
    pub async fn batch(&self, sql: &str) -> Result<()> {
        self.connection.batch(sql).await
    }

    /// Has it take effect.
    ///
    /// # Errors
    /// Those of the server. Where there is no answer, it may have taken effect.
    pub async fn commit(mut self) -> Result<()> {
        self.is_open = false;
        self.connection.batch("COMMIT").await
    }

    /// Leaves everything as it was.
    pub async fn rollback(mut self) -> Result<()> {
        self.is_open = false;
        self.connection.batch("ROLLBACK").await
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.connection.roll_back();
        }
    }
}
