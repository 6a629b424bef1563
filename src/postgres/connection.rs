//! A connection borrowed from the pool: how it is asked, and when it is not given back.
//!
//! No answer is waited for without end. A statement that takes too long is cancelled at the server, and the connection is
//! closed once it has answered. Whoever stops waiting leaves a connection that nobody can use again: the answer may still
//! come, or never. It is closed.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool_postgres::Object;
use futures_util::FutureExt;
use futures_util::future::join3;
use tokio_postgres::{Row, SimpleQueryMessage};

use super::connect::database_error;
use super::parameters::{Parameter, kinds, typed, values};
use super::upkeep::Upkeep;
use crate::error::{Code, Error, Result, SqlState};
use crate::time::milliseconds;

const OPERATION: &str = "Talking to PostgreSQL";
/// The engine goes by what is committed: another level, which a server or a role may have as its default, would show it
/// what was true before it had a lock.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// How long the answer to a statement that was cancelled may take.
const GRACE: Duration = Duration::from_secs(5);

/// A connection, borrowed from the pool.
pub(super) struct Connection {
    /// None once it is closed.
    object: Option<Object>,
    upkeep: Arc<Upkeep>,
    /// How much longer its statements may take, in milliseconds.
    more: AtomicU64,
    /// Nobody may use it again.
    is_spoilt: AtomicBool,
}

/// Whom statements are asked of: a connection, or a transaction on it.
pub(super) trait Asks {
    fn connection(&self) -> &Connection;
}

impl Asks for Connection {
    fn connection(&self) -> &Connection {
        self
    }
}

impl Connection {
    pub fn new(object: Object, upkeep: Arc<Upkeep>) -> Self {
        Self { object: Some(object), upkeep, more: AtomicU64::new(0), is_spoilt: AtomicBool::new(false) }
    }

    /// What a statement alone answers with.
    pub async fn rows(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        self.alone(self.rows_within(sql, parameters)).await
    }

    /// What a statement of a transaction answers with.
    pub async fn rows_within(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        self.answer(async {
            let object = self.object()?;
            if self.upkeep.is_pooled() {
                let rows = object.query_typed(sql, &typed(parameters)).await;
                return rows.map_err(|error| database_error(&error));
            }
            let statement = object.prepare_typed_cached(sql, &kinds(parameters)).await;
            let statement = statement.map_err(|error| database_error(&error))?;
            let rows = object.query(&statement, &values(parameters)).await;
            rows.map_err(|error| database_error(&error))
        })
        .await
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

    /// Whether there is a table, or a view, of a quoted name.
    pub async fn has_table(&self, name: &str) -> Result<bool> {
        let found = self.only_row("SELECT to_regclass($1) IS NOT NULL", &[&name]).await?;
        Ok(found.get(0))
    }

    /// How many rows a statement alone changed.
    pub async fn execute(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<u64> {
        self.alone(self.execute_within(sql, parameters)).await
    }

    /// How many rows a statement of a transaction changed.
    pub async fn execute_within(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<u64> {
        self.answer(async {
            let object = self.object()?;
            if self.upkeep.is_pooled() {
                let changed = object.execute_typed(sql, &typed(parameters)).await;
                return changed.map_err(|error| database_error(&error));
            }
            let statement = object.prepare_typed_cached(sql, &kinds(parameters)).await;
            let statement = statement.map_err(|error| database_error(&error))?;
            let changed = object.execute(&statement, &values(parameters)).await;
            changed.map_err(|error| database_error(&error))
        })
        .await
    }

    /// Prepares a statement, so that polling its query once sends it.
    pub async fn prepare(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<()> {
        if self.upkeep.is_pooled() {
            return Ok(());
        }
        self.answer(async {
            let prepared = self.object()?.prepare_typed_cached(sql, &kinds(parameters)).await;
            prepared.map(drop).map_err(|error| database_error(&error))
        })
        .await
    }

    /// Statements without parameters.
    pub async fn batch(&self, sql: &str) -> Result<()> {
        self.answer(async { self.object()?.batch_execute(sql).await.map_err(|error| database_error(&error)) })
            .await
    }

    /// A question without parameters, in one message.
    pub async fn ask(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>> {
        self.answer(async { self.object()?.simple_query(sql).await.map_err(|error| database_error(&error)) })
            .await
    }

    /// Has a transaction rolled back, without waiting for it.
    pub fn roll_back(&self) {
        if self.is_spoilt.load(Ordering::Relaxed) {
            return;
        }
        if let Some(object) = &self.object {
            // Polled once, it is on its way, before whatever comes next on this connection.
            let _ = object.batch_execute("ROLLBACK").now_or_never();
        }
    }

    /// Lets the statements of whoever borrowed it take so much longer: they carry much.
    pub fn allow(&self, more: Duration) {
        self.more.store(milliseconds(more), Ordering::Relaxed);
    }

    fn limit(&self) -> Option<Duration> {
        let more = Duration::from_millis(self.more.load(Ordering::Relaxed));
        self.upkeep.limit().map(|limit| limit.saturating_add(more))
    }

    /// Closes it instead of giving it back.
    pub fn close(&self) {
        self.is_spoilt.store(true, Ordering::Relaxed);
    }

    /// A statement that is a transaction of its own. Where it would not be read committed, one is put around it; all of it
    /// is sent without waiting.
    async fn alone<T>(&self, statement: impl Future<Output = Result<T>>) -> Result<T> {
        if !self.upkeep.has_to_say_level() {
            return statement.await;
        }
        let (begun, answer, committed) = join3(self.batch(BEGIN), statement, self.batch("COMMIT")).await;
        begun?;
        let answer = answer?;
        committed.map(|()| answer)
    }

    fn object(&self) -> Result<&Object> {
        self.object.as_ref().ok_or_else(|| Error::new(Code::Internal, OPERATION, "the connection is closed"))
    }

    /// Waits for an answer. One that takes too long is asked for no longer, and the server says so, if it says anything.
    async fn answer<T>(&self, asked: impl Future<Output = Result<T>>) -> Result<T> {
        let mut waiting = PendingAnswer { of: self, since: Instant::now(), is_over: false };
        let mut answer = pin!(asked);
        let limit = self.limit();
        let answered = match limit {
            None => answer.await,
            Some(limit) => match tokio::time::timeout(limit, answer.as_mut()).await {
                Ok(answered) => answered,
                Err(_) => self.cancelled(limit, answer).await,
            },
        };
        waiting.is_over = true;
        answered
    }

    /// The answer to a statement that took too long and is cancelled.
    async fn cancelled<T>(&self, limit: Duration, answer: impl Future<Output = Result<T>>) -> Result<T> {
        // That may arrive after the answer, and must not meet the next statement.
        self.close();
        self.cancel();
        let seconds = limit.as_secs_f64();
        match tokio::time::timeout(GRACE, answer).await {
            Ok(Err(error)) if error.sql_state == Some(SqlState::QUERY_CANCELED) => {
                let message = format!(
                    "a statement was cancelled after {seconds} s (option statementTimeout); it may wait for what another \
                     transaction holds"
                );
                Err(Error { message, ..error })
            }
            Ok(answered) => answered,
            Err(_) => {
                self.upkeep.distrust();
                let what = format!("no answer within {seconds} s (option statementTimeout)");
                Err(Error::new(Code::DatabaseUnreachable, OPERATION, what))
            }
        }
    }

    /// Tells the server over another connection to give up what it does on this one.
    fn cancel(&self) {
        if let Some(object) = &self.object {
            self.upkeep.cancel(object.cancel_token());
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.is_spoilt.load(Ordering::Relaxed)
            && let Some(object) = self.object.take()
        {
            drop(Object::take(object));
        }
    }
}

/// An answer that is being waited for.
struct PendingAnswer<'a> {
    of: &'a Connection,
    since: Instant,
    is_over: bool,
}

impl Drop for PendingAnswer<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.of.close();
        if self.of.limit().is_some_and(|limit| self.since.elapsed() >= limit) {
            // Connections of the same age lead the same way.
            self.of.upkeep.distrust();
        }
    }
}
