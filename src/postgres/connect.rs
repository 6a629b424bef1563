//! Connections to PostgreSQL: to which server, as which user, with which encryption.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{Connect, Hook, HookError, Manager, ManagerConfig, Object, RecyclingMethod, Runtime};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::DbError;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::ssl::{self, SslSettings};
use super::standby;
use crate::error::{Code, Error, Result, SqlState, with_causes};
use crate::redact;

const OPERATION: &str = "Talking to PostgreSQL";
const CONNECTING: &str = "Connecting to PostgreSQL";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Of several servers, one that does not answer within this time is skipped.
const CONNECT_TIMEOUT_OF_ONE: Duration = Duration::from_secs(3);
/// A server that does not answer for this long counts as gone.
const SILENCE: Duration = Duration::from_secs(30);
/// The statements look up a few rows by their keys. A plan made while the tables were small, or before PostgreSQL counted
/// their rows, must not read large tables from end to end.
const BY_KEY: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
                      SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off";
/// Connections one worker may hold; commits of many jobs share them.
const DEFAULT_POOL_SIZE: usize = 8;

/// The connection options, as JavaScript normalised them.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PostgresSettings {
    /// A connection string: a URL or `key=value` pairs. The other fields take precedence over it.
    pub url: Option<String>,
    /// Host names, addresses, or directories of sockets. Of several, the first that accepts writes is used.
    pub hosts: Vec<String>,
    /// One for each host, or one for all; default 5432.
    pub ports: Vec<u16>,
    /// User.
    pub user: Option<String>,
    /// Password, where it is a constant.
    pub password: Option<String>,
    /// Database; default the user's name.
    pub database: Option<String>,
    /// Command-line options for the server.
    pub options: Option<String>,
    /// Shown in `pg_stat_activity`.
    pub application_name: Option<String>,
    /// Connections held at most; default 8.
    pub max: Option<usize>,
    /// Encryption.
    pub ssl: Option<SslSettings>,
}

/// Where a password comes from when it is not a constant: asked for every new connection.
#[async_trait]
pub trait PasswordSource: Send + Sync {
    /// The password, now.
    async fn password(&self) -> Result<String>;
}

/// A pool of connections, opened when first needed.
#[derive(Clone)]
pub struct Pool {
    pool: deadpool_postgres::Pool,
    opened: Arc<AtomicU64>,
}

impl Pool {
    /// Opens no connection.
    ///
    /// # Errors
    /// Options that are not an address, or certificates that cannot be read.
    pub fn new(settings: &PostgresSettings, password: Option<Arc<dyn PasswordSource>>) -> Result<Self> {
        let (config, ssl) = parse(settings)?;
        let tls = ssl::connector(&ssl)?;
        let patience = patience(&config);
        let opened = Arc::<AtomicU64>::default();
        let connector = Connector { tls, password, opened: opened.clone() };
        let manager = Manager::from_connect(
            config,
            connector,
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(settings.max.unwrap_or(DEFAULT_POOL_SIZE).max(1))
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(patience))
            .wait_timeout(Some(SILENCE))
            .pre_recycle(Hook::sync_fn(|_, metrics| match standby::came_after(metrics.created) {
                true => Err(HookError::message("its server no longer accepts writes")),
                false => Ok(()),
            }))
            .build()
            .map_err(|error| Error::of_option("pgClient", error))?;
        Ok(Self { pool, opened })
    }

    /// A connection, with its prepared statements.
    ///
    /// # Errors
    /// Transient if the server is out of reach; not transient if it refuses the login.
    pub async fn client(&self) -> Result<Object> {
        self.pool.get().await.map_err(|error| match error {
            deadpool_postgres::PoolError::Backend(error) => login_error(&error),
            other => Error::new(Code::DatabaseUnreachable, CONNECTING, other),
        })
    }

    /// How many connections were opened so far. A new connection may lead to another server, which has less.
    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Allows that many connections at least.
    pub(super) fn has_room_for(&self, connections: usize) {
        if self.pool.status().max_size < connections {
            self.pool.resize(connections);
        }
    }

    /// Closes the idle connections; the next use opens one again.
    pub fn let_go(&self) {
        self.pool.retain(|_, _| false);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

/// Splits the settings into what the driver parses and what concerns encryption.
fn parse(settings: &PostgresSettings) -> Result<(Config, SslSettings)> {
    let text = standby::in_our_words(&ssl::strip_from_url(settings.url.as_deref().unwrap_or_default()));
    let ssl = settings.ssl.clone().unwrap_or_default();
    let mut config: Config = text.parse().map_err(|_| {
        // The driver's message may quote a part of the string, which may be the password.
        Error::of_option("pgClient", "not a PostgreSQL connection string")
    })?;
    for host in &settings.hosts {
        config.host(host);
    }
    if config.get_hosts().is_empty() {
        config.host("localhost");
    }
    for port in &settings.ports {
        config.port(*port);
    }
    standby::avoid(&mut config)?;
    if let Some(user) = &settings.user {
        config.user(user);
    }
    if let Some(password) = &settings.password {
        config.password(password);
    }
    if let Some(database) = &settings.database {
        config.dbname(database);
    }
    if let Some(options) = &settings.options {
        config.options(options);
    }
    if let Some(name) = settings
        .application_name
        .as_deref()
        .or(config.get_application_name().is_none().then_some("flowcraft"))
    {
        config.application_name(name.to_owned());
    }
    config.ssl_mode(match ssl.mode {
        ssl::Mode::Disable => SslMode::Disable,
        ssl::Mode::Require | ssl::Mode::Unverified => SslMode::Require,
    });
    // Detects a server that vanished without closing its connections, so that its work goes on elsewhere.
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    config.keepalives_idle(SILENCE);
    if config.get_connect_timeout().is_none() {
        let is_alone = config.get_hosts().len() == 1;
        config.connect_timeout(if is_alone { CONNECT_TIMEOUT } else { CONNECT_TIMEOUT_OF_ONE });
    }
    Ok((config, ssl))
}

/// How long it may take to try every server.
fn patience(config: &Config) -> Duration {
    let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1);
    let each = config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
    each.saturating_mul(hosts).max(CONNECT_TIMEOUT)
}

/// Opens one connection of the pool.
struct Connector {
    tls: Option<MakeRustlsConnect>,
    password: Option<Arc<dyn PasswordSource>>,
    opened: Arc<AtomicU64>,
}

impl Connect for Connector {
    fn connect(
        &self,
        config: &Config,
    ) -> BoxFuture<'_, std::result::Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        let mut config = config.clone();
        async move {
            if let Some(source) = &self.password {
                // If the function fails, the engine connects without a password: the server's answer is the clearest one.
                match source.password().await {
                    Ok(password) => drop(config.password(password)),
                    Err(error) => tracing::warn!(%error, "the password function failed"),
                }
            }
            let (client, connection) = match &self.tls {
                Some(tls) => {
                    let (client, connection) = config.connect(tls.clone()).await?;
                    (client, tokio::spawn(connection.map(drop)))
                }
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    (client, tokio::spawn(connection.map(drop)))
                }
            };
            client.batch_execute(BY_KEY).await?;
            self.opened.fetch_add(1, Ordering::Relaxed);
            Ok((client, connection))
        }
        .boxed()
    }
}

/// A statement, prepared once for each connection.
pub(super) async fn prepared(client: &Object, sql: &str) -> Result<tokio_postgres::Statement> {
    client.prepare_cached(sql).await.map_err(|error| database_error(&error))
}

/// What a query answers with.
pub(super) async fn rows(
    client: &Object,
    sql: &str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<Vec<tokio_postgres::Row>> {
    let statement = prepared(client, sql).await?;
    client.query(&statement, parameters).await.map_err(|error| database_error(&error))
}

/// What an error means for the engine.
pub(super) fn database_error(error: &tokio_postgres::Error) -> Error {
    let Some(answer) = error.as_db_error() else {
        return Error::new(Code::DatabaseUnreachable, OPERATION, local_words(error));
    };
    let state = state_of(answer);
    let shown = answer.code().code();
    let message = redact::urls(answer.message());
    let raised = Raised { in_function: answer.where_().is_some(), routine: answer.routine() };
    Error::new(code_of_statement(state, raised), OPERATION, format!("{message} (SQLSTATE {shown})"))
        .with_sql_state(state)
}

/// Why a connection could not be opened. The server's message may quote the login: only its code is shown.
fn login_error(error: &tokio_postgres::Error) -> Error {
    let Some(answer) = error.as_db_error() else {
        return Error::new(Code::DatabaseUnreachable, CONNECTING, local_words(error));
    };
    let state = state_of(answer);
    let why = match state.as_ref().map(SqlState::class) {
        Some("28") => "the server refuses the login",
        Some("3D") => "the database does not exist",
        Some("42") => "the user may not connect to the database",
        Some("53") => "the server has no connection left",
        Some("57") => "the server is starting up or shutting down",
        _ => "the server refuses the connection",
    };
    let message = match state {
        Some(state) => format!("{why} (SQLSTATE {state})"),
        None => why.to_owned(),
    };
    Error::new(code_of(state), CONNECTING, message).with_sql_state(state)
}

/// The code of an answer. If it means that the server accepts no writes, that is recorded.
fn state_of(answer: &DbError) -> Option<SqlState> {
    if *answer.code() == tokio_postgres::error::SqlState::READ_ONLY_SQL_TRANSACTION {
        standby::met();
    }
    SqlState::parse(answer.code().code())
}

/// Where in the server an error was raised.
#[derive(Debug, Clone, Copy, Default)]
struct Raised<'a> {
    /// In a function: of the statements here, only a trigger calls one.
    in_function: bool,
    /// The routine of the server's own code.
    routine: Option<&'a str>,
}

/// The routine that refuses who lacks a privilege. A policy of row-level security has the same SQLSTATE.
const LACKS_PRIVILEGE: &str = "aclcheck_error";

/// The code of an answer to a statement. What the user's tables refuse is one run's trouble.
fn code_of_statement(state: Option<SqlState>, raised: Raised<'_>) -> Code {
    let refused_by_table = match state.as_ref().map(|state| (state.as_str(), state.class())) {
        // Whoever raises it: these pass.
        Some((_, "08" | "25" | "26" | "40" | "53" | "55" | "57" | "58" | "XX")) => false,
        Some((_, "22" | "54")) => false,
        Some((_, "09" | "23" | "27" | "44" | "P0")) | Some(("428C9", _)) => true,
        Some(("42501", _)) => raised.in_function || raised.routine != Some(LACKS_PRIVILEGE),
        _ => raised.in_function,
    };
    if refused_by_table { Code::WriteRefused } else { code_of(state) }
}

fn code_of(state: Option<SqlState>) -> Code {
    match state {
        Some(SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_SCHEMA) => Code::TableMissing,
        Some(SqlState::UNDEFINED_COLUMN) => Code::ColumnMissing,
        Some(SqlState::QUERY_CANCELED) => Code::DatabaseBusy,
        Some(SqlState::SERIALIZATION_FAILURE | SqlState::DEADLOCK | SqlState::LOCKED) => Code::RunBusy,
        _ => match state.as_ref().map(SqlState::class) {
            // Data exceptions: U+0000 in a text, a number out of range, a document too large.
            Some("22" | "54") => Code::ValueNotStorable,
            // Wrong password, no such database, or a missing privilege.
            Some("28" | "3D" | "42") => Code::DatabaseRefused,
            Some("08" | "57") => Code::DatabaseUnreachable,
            _ => Code::DatabaseBusy,
        },
    }
}

/// The client's own message, with its causes.
fn local_words(error: &tokio_postgres::Error) -> String {
    let refused = |error: &(dyn std::error::Error + 'static)| {
        error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::Other)
    };
    match error.source() {
        // The server's final message of a SCRAM login.
        Some(cause) if refused(cause) => error.to_string(),
        _ => with_causes(error),
    }
}

#[cfg(test)]
mod tests;
