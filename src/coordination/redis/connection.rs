//! The connection to Redis: opened when first needed, and again whenever it is lost.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, FromRedisValue, ScriptInvocation};
use tokio::sync::Mutex;

use crate::error::{Error, Result, with_causes};

const OPERATION: &str = "Talking to Redis";
/// How long a failure to connect speaks for those who waited meanwhile.
const RECENT: Duration = Duration::from_millis(500);
/// Without an answer for this long, a server counts as out of reach.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The one connection that everybody shares.
pub(super) struct Connections {
    client: Client,
    open: Mutex<Option<ConnectionManager>>,
    /// When it last could not be connected.
    failed: std::sync::Mutex<Option<(Instant, Error)>>,
}

impl Connections {
    pub fn new(client: Client) -> Self {
        Self { client, open: Mutex::new(None), failed: std::sync::Mutex::default() }
    }

    pub async fn get(&self) -> Result<ConnectionManager> {
        let mut slot = self.open.lock().await;
        if let Some(connection) = &*slot {
            return Ok(connection.clone());
        }
        // Those who waited while one tried in vain need not each try again.
        let recent = |(at, error): (Instant, Error)| (at.elapsed() < RECENT).then_some(error);
        if let Some(error) =
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone().and_then(recent)
        {
            return Err(error);
        }
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(RESPONSE_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(1);
        let connected = ConnectionManager::new_with_config(self.client.clone(), config).await;
        let connection = connected.map_err(redis_error).inspect_err(|error| {
            let failed = Some((Instant::now(), error.clone()));
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
        })?;
        Ok(slot.insert(connection).clone())
    }

    /// Lets go of the connection; the next use opens one again.
    pub async fn close(&self) {
        *self.open.lock().await = None;
    }

    pub async fn query<T: FromRedisValue>(&self, command: &mut Cmd) -> Result<T> {
        command.query_async(&mut self.get().await?).await.map_err(redis_error)
    }

    pub async fn invoke<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T> {
        script.invoke_async(&mut self.get().await?).await.map_err(redis_error)
    }
}

pub(super) fn redis_error(error: redis::RedisError) -> Error {
    Error::transient(OPERATION, with_causes(&error))
}
