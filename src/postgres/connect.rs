//! Where PostgreSQL is: which server, as which user, with which encryption. And what its errors mean.

use std::error::Error as _;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::DbError;

use super::ssl::{self, SslSettings};
use super::standby;
use crate::error::{Code, Error, Result, SqlState, with_causes};
use crate::redact;

const OPERATION: &str = "Talking to PostgreSQL";
pub(super) const CONNECTING: &str = "Connecting to PostgreSQL";
/// How long a server may take to answer, and to log the engine in, where the settings do not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Of several servers, one that does not answer within this time is skipped.
const CONNECT_TIMEOUT_OF_ONE: Duration = Duration::from_secs(3);
/// A server that does not answer for this long counts as gone.
const SILENCE: Duration = Duration::from_secs(30);

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
    /// Whether a pooler stands before the server; found out where it is not said.
    pub pooler: Option<bool>,
    /// The way to the server past the pooler, for what needs a connection of its own.
    pub direct: Option<Box<PostgresSettings>>,
    /// Connections held at most; default 8.
    pub max: Option<usize>,
    /// Milliseconds a server may take to answer and to log the engine in; default 5,000.
    pub connect_timeout: Option<u64>,
    /// Milliseconds a statement may take before it is cancelled; none for no limit.
    pub statement_timeout: Option<u64>,
    /// Encryption.
    pub ssl: Option<SslSettings>,
}

/// Where a password comes from when it is not a constant: asked for every new connection.
#[async_trait]
pub trait PasswordSource: Send + Sync {
    /// The password, now.
    async fn password(&self) -> Result<String>;
}

/// Splits the settings into what the driver parses and what concerns encryption.
pub(super) fn parse(settings: &PostgresSettings) -> Result<(Config, SslSettings)> {
    let text = standby::in_our_words(&ssl::strip_from_url(settings.url.as_deref().unwrap_or_default()));
    let ssl = settings.ssl.clone().unwrap_or_default();
    let mut config: Config = text.parse().map_err(|_| {
        // The driver's message may quote a part of the string, which may be the password.
        Error::of_option("pgClient", "not a PostgreSQL connection string")
    })?;
    name_servers(&mut config, settings);
    standby::avoid(&mut config)?;
    name_user(&mut config, settings);
    config.ssl_mode(match ssl.mode {
        ssl::Mode::Disable => SslMode::Disable,
        ssl::Mode::Require | ssl::Mode::Unverified => SslMode::Require,
    });
    limit_waits(&mut config, settings);
    Ok((config, ssl))
}

fn name_servers(config: &mut Config, settings: &PostgresSettings) {
    for host in &settings.hosts {
        config.host(host);
    }
    if config.get_hosts().is_empty() {
        config.host("localhost");
    }
    for port in &settings.ports {
        config.port(*port);
    }
}

fn name_user(config: &mut Config, settings: &PostgresSettings) {
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
}

fn limit_waits(config: &mut Config, settings: &PostgresSettings) {
    // Detects a server that vanished without closing its connections, so that its work goes on elsewhere.
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    config.keepalives_idle(SILENCE);
    if config.get_connect_timeout().is_none() {
        let is_alone = config.get_hosts().len() == 1;
        let limit = connect_timeout(settings);
        config.connect_timeout(if is_alone { limit } else { limit.min(CONNECT_TIMEOUT_OF_ONE) });
    }
}

/// How long it may take to try every server, and to be logged in.
pub(super) fn patience(settings: &PostgresSettings, config: &Config) -> Duration {
    let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1);
    let limit = connect_timeout(settings);
    let each = config.get_connect_timeout().copied().unwrap_or(limit);
    each.saturating_mul(hosts).max(limit)
}

fn connect_timeout(settings: &PostgresSettings) -> Duration {
    settings.connect_timeout.map_or(CONNECT_TIMEOUT, Duration::from_millis)
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
pub(super) fn login_error(error: &tokio_postgres::Error) -> Error {
    let Some(answer) = error.as_db_error() else {
        return Error::new(Code::DatabaseUnreachable, CONNECTING, local_words(error));
    };
    let state = state_of(answer);
    let why = match state.as_ref().map(SqlState::class) {
        Some("28") => "the server refuses the login",
        Some("3D") => "the database does not exist",
        Some("42") => "the user may not connect to the database",
        Some("53") => "the server has no connection left",
        Some("08") => {
            "the server, or a pooler before it, refuses a parameter of the connection (`options` does not pass PgBouncer, \
             unless its `ignore_startup_parameters` names it)"
        }
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
