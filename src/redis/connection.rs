//! The shared connection to Redis. It is opened when first needed, and again when it is lost.

use std::future::Future;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionLike, PubSub};
use redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisFuture, RedisResult, ScriptInvocation,
    ServerError, ServerErrorKind, Value,
};
use tokio::sync::Mutex;

use super::link::Link;
use super::server::Server;
use crate::error::{Code, Error, Result, with_causes};
use crate::redact;

const OPERATION: &str = "Talking to Redis";
/// How long a failure to connect also counts for the callers that waited meanwhile.
const RECENT: Duration = Duration::from_millis(500);

/// The connection that all callers share.
pub(super) struct Connections {
    server: Server,
    open: Mutex<Open>,
    /// The last connection that somebody stopped waiting for: nobody uses it again.
    suspect: AtomicU64,
    /// The last failure to connect, and when.
    failed: std::sync::Mutex<Option<(Instant, Error)>>,
}

#[derive(Default)]
struct Open {
    link: Option<Link>,
    /// Counts the connections.
    number: u64,
}

/// A question that is being answered.
struct Asking<'a> {
    of: &'a Connections,
    number: u64,
    is_answered: bool,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.of.suspect.fetch_max(self.number, Ordering::Relaxed);
        }
    }
}

/// The connection as one caller uses it.
pub(super) struct Connection {
    link: Link,
    number: u64,
}

impl Connections {
    pub fn new(server: Server) -> Self {
        Self {
            server,
            open: Mutex::default(),
            suspect: AtomicU64::new(0),
            failed: std::sync::Mutex::default(),
        }
    }

    /// Whether a script may touch several keys: those of a Cluster are on several servers.
    pub fn has_one_server(&self) -> bool {
        !matches!(self.server, Server::Cluster(_))
    }

    pub async fn get(&self) -> Result<Connection> {
        let mut open = self.open.lock().await;
        let is_suspect = open.number <= self.suspect.load(Ordering::Relaxed);
        if let Some(link) = &open.link
            && !is_suspect
        {
            return Ok(Connection { link: link.clone(), number: open.number });
        }
        // The callers that waited for a failed attempt do not each repeat it.
        let recent = |(at, error): (Instant, Error)| (at.elapsed() < RECENT).then_some(error);
        if let Some(error) =
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone().and_then(recent)
        {
            return Err(error);
        }
        let link = self.server.connect().await.map_err(redis_error).inspect_err(|error| {
            let failed = Some((Instant::now(), error.clone()));
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
        })?;
        *open = Open { link: Some(link.clone()), number: open.number + 1 };
        Ok(Connection { link, number: open.number })
    }

    /// What a connection answered. With Sentinels or a Cluster, a connection that failed is
    /// not used again: the next one goes to the server that is master by then.
    pub async fn answer<T>(&self, connection: &Connection, answer: RedisResult<T>) -> Result<T> {
        if answer.is_err() && self.server.moves() {
            let mut open = self.open.lock().await;
            if open.number == connection.number {
                open.link = None;
            }
        }
        answer.map_err(redis_error)
    }

    /// Asks over a connection. Whoever stops waiting for the answer leaves it behind.
    async fn asked<T>(&self, number: u64, answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
        let mut asking = Asking { of: self, number, is_answered: false };
        let answer = answer.await;
        asking.is_answered = answer.as_ref().err().is_none_or(|error| !error.is_timeout());
        answer
    }

    /// Lets go of the connection; the next use opens one again.
    pub async fn close(&self) {
        self.open.lock().await.link = None;
    }

    pub async fn query<T: FromRedisValue>(&self, command: &mut Cmd) -> Result<T> {
        let mut connection = self.get().await?;
        let number = connection.number;
        let answer = self.asked(number, command.query_async(&mut connection)).await;
        self.answer(&connection, answer).await
    }

    /// A connection of its own that hears a channel; none in a Cluster.
    pub async fn subscribe(&self, channel: &str) -> Result<Option<PubSub>> {
        self.server.subscribe(channel).await.map_err(redis_error)
    }

    pub async fn invoke<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T> {
        let mut connection = self.get().await?;
        let number = connection.number;
        let answer = self.asked(number, script.invoke_async(&mut connection)).await;
        self.answer(&connection, answer).await
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        self.link.req_packed_command(command)
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        self.link.req_packed_commands(pipeline, offset, count)
    }

    fn get_db(&self) -> i64 {
        self.link.get_db()
    }
}

fn redis_error(error: RedisError) -> Error {
    let code = match error.kind() {
        ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) => Code::RedisRefused,
        _ => Code::RedisUnreachable,
    };
    if error.is_io_error() {
        return Error::new(code, OPERATION, with_causes(&error));
    }
    let kind = error.kind();
    let message = match ServerError::try_from(error) {
        // An answer to a command.
        Ok(answer) => redact::urls(&answer.to_string()).into_owned(),
        // This may be the server's answer to the login, and may quote it: Redis quotes the arguments of a command it does
        // not know, and `AUTH` may be renamed.
        Err(error) => words_for(kind).unwrap_or(error.category()).to_owned(),
    };
    Error::new(code, OPERATION, message)
}

/// The words for an error whose text is not quoted.
fn words_for(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::AuthenticationFailed => Some("the server refuses the login"),
        ErrorKind::Parse => Some("the server does not speak the Redis protocol"),
        ErrorKind::ClusterConnectionNotFound => Some("no node of the Cluster can be reached"),
        ErrorKind::MasterNameNotFoundBySentinel => Some("the Sentinels do not know the master"),
        ErrorKind::Server(ServerErrorKind::ResponseError) => {
            Some("the server refuses the connection or its database")
        }
        _ => None,
    }
}
