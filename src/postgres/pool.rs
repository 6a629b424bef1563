//! The pool: connections that are opened when first needed, and which of them are used again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Connect, Hook, HookError, Manager, ManagerConfig, RecyclingMethod, Runtime};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use super::connect::{CONNECTING, PasswordSource, PostgresSettings, login_error, parse, patience};
use super::connection::Connection;
use super::upkeep::{Upkeep, Waits};
use super::{pooler, ssl, standby};
use crate::error::{Code, Error, Result};

/// What is set on a connection that is the engine's alone. The statements look up a few rows by their keys. A plan made
/// while the tables were small, or before PostgreSQL counted their rows, must not read large tables from end to end.
const OF_OUR_OWN: &str = "SET default_transaction_isolation = 'read committed'; \
                          SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
                      SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off";
/// Connections one worker may hold; commits of many jobs share them.
const DEFAULT_POOL_SIZE: usize = 8;

const UNFIT: &str = "a pooler in statement mode stands before the server, over which no transaction is possible; set its \
                     pool_mode to transaction or session, or connect past it";

/// A pool of connections, opened when first needed.
#[derive(Clone)]
pub struct Pool {
    pool: deadpool_postgres::Pool,
    upkeep: Arc<Upkeep>,
}

impl Pool {
    /// Opens no connection.
    ///
    /// # Errors
    /// Options that are not an address, or certificates that cannot be read.
    pub fn new(settings: &PostgresSettings, password: Option<Arc<dyn PasswordSource>>) -> Result<Self> {
        let (config, ssl) = parse(settings)?;
        let patience = patience(settings, &config);
        let limit = settings.statement_timeout.map(Duration::from_millis);
        let upkeep =
            Arc::new(Upkeep::new(&config, ssl::connector(&ssl)?, Waits { limit, patience }, settings.pooler));
        let connector = Connector { password, upkeep: upkeep.clone() };
        let config_of_manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(config, connector, config_of_manager);
        let own = upkeep.clone();
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(settings.max.unwrap_or(DEFAULT_POOL_SIZE).max(1))
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(patience))
            .pre_recycle(Hook::sync_fn(move |_, metrics| {
                if standby::came_after(metrics.created) {
                    return Err(HookError::message("its server no longer accepts writes"));
                }
                match own.is_distrusted(metrics.created) {
                    true => Err(HookError::message("one of its age did not answer")),
                    false => Ok(()),
                }
            }))
            .build()
            .map_err(|error| Error::of_option("pgClient", error))?;
        Ok(Self { pool, upkeep })
    }

    /// A connection, with its prepared statements.
    ///
    /// # Errors
    /// Transient if the server is out of reach; not transient if it refuses the login.
    pub(super) async fn client(&self) -> Result<Connection> {
        match self.pool.get().await {
            Ok(_) if self.upkeep.is_unfit() => Err(Error::new(Code::PoolerUnfit, CONNECTING, UNFIT)),
            Ok(object) => Ok(Connection::new(object, self.upkeep.clone())),
            Err(deadpool_postgres::PoolError::Backend(error)) => Err(login_error(&error)),
            Err(deadpool_postgres::PoolError::Timeout(deadpool_postgres::TimeoutType::Create)) => {
                let seconds = self.upkeep.patience().as_secs_f64();
                let what = format!("the server did not answer within {seconds} s (option connectTimeout)");
                Err(Error::new(Code::DatabaseUnreachable, CONNECTING, what))
            }
            Err(other) => Err(Error::new(Code::DatabaseUnreachable, CONNECTING, other)),
        }
    }

    /// Whether a pooler stands before the server; none before the first connection.
    pub(super) fn is_pooled(&self) -> Option<bool> {
        self.upkeep.way().map(|way| way.is_pooled)
    }

    /// How many connections were opened so far. A new connection may lead to another server, which has less.
    pub(super) fn opened(&self) -> u64 {
        self.upkeep.opened()
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

/// Opens one connection of the pool.
struct Connector {
    password: Option<Arc<dyn PasswordSource>>,
    upkeep: Arc<Upkeep>,
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
            let (client, connection) = match self.upkeep.tls() {
                Some(tls) => {
                    let (client, connection) = config.connect(tls.clone()).await?;
                    (client, tokio::spawn(connection.map(drop)))
                }
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    (client, tokio::spawn(connection.map(drop)))
                }
            };
            let is_known = self.upkeep.is_pooled();
            let found = pooler::look(&client, self.upkeep.pooler()).await?;
            self.upkeep.note_way(found);
            if !found.is_pooled {
                client.batch_execute(OF_OUR_OWN).await?;
            } else if !is_known && pooler::takes_no_transaction(&client).await? {
                self.upkeep.note_unfit();
            }
            self.upkeep.note_opened();
            Ok((client, connection))
        }
        .boxed()
    }
}
