//! Two tables of their own, in memory or in PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowcraft_rabbitmq_adapter::json::Json;
use flowcraft_rabbitmq_adapter::memory::MemoryServer;
use flowcraft_rabbitmq_adapter::migrations::Target;
use flowcraft_rabbitmq_adapter::ports::record::{Database, Newer, Record, RowText, Tables, Written};
use flowcraft_rabbitmq_adapter::postgres::{Postgres, PostgresSettings};
use flowcraft_rabbitmq_adapter::record::{
    Change, Document, Patch, ReservedKey, Revision, StatusUpdate, Write, WriteKind,
};
use flowcraft_rabbitmq_adapter::workflow::ledger::{Ledger, RunStatus};
use tokio_postgres::NoTls;

static WORLDS: AtomicU32 = AtomicU32::new(0);

/// Two tables, and two clients of them.
pub struct World {
    pub record: Arc<dyn Record>,
    pub other: Arc<dyn Record>,
    pub journal: bool,
    server: Server,
    tables: Tables,
}

enum Server {
    Memory(Arc<MemoryServer>),
    Real(tokio_postgres::Client),
}

/// What the status row of a run says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusRow {
    pub status: String,
    pub result: Option<serde_json::Value>,
}

impl World {
    pub async fn memory(journal: bool) -> Self {
        let server = MemoryServer::starting_at(1_790_000_000_000);
        let tables = Tables { contexts: Some("contexts".into()), statuses: Some("statuses".into()) };
        let record = |client: &str| server.database(client).record(&tables);
        let (record, other) = (record("one"), record("other"));
        let world = Self { record, other, journal, server: Server::Memory(server), tables };
        world.migrated().await
    }

    pub async fn real(journal: bool) -> Option<Self> {
        let url = std::env::var("DATABASE_URL").ok()?;
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(async move { drop(connection.await) });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let schema = format!("contract_{now}_{}", WORLDS.fetch_add(1, Ordering::Relaxed));
        let make = format!(
            "CREATE SCHEMA {schema}; \
             CREATE TABLE {schema}.contexts (run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL); \
             CREATE TABLE {schema}.statuses (run_id TEXT PRIMARY KEY, status TEXT, status_data JSONB, \
             updated_at TIMESTAMPTZ DEFAULT NOW())"
        );
        client.batch_execute(&make).await.unwrap();
        let settings = PostgresSettings { url: Some(url), ..PostgresSettings::default() };
        let database = Postgres::new(&settings, None).unwrap();
        let name = |table: &str| Some(format!("{schema}.{table}"));
        let tables = Tables { contexts: name("contexts"), statuses: name("statuses") };
        let (record, other) = (database.record(&tables), database.record(&tables));
        let world = Self { record, other, journal, server: Server::Real(client), tables };
        Some(world.migrated().await)
    }

    async fn migrated(self) -> Self {
        if self.journal {
            self.record.migrate(Target::UP).await.unwrap();
        }
        self
    }

    /// The kind of write that a run which goes on takes here.
    pub fn kind(&self) -> WriteKind {
        if self.journal { WriteKind::Entry } else { WriteKind::Row }
    }

    /// Inserts a run as a client of the user's does.
    pub async fn insert(&self, run: &str, context: &str) {
        match &self.server {
            Server::Memory(server) => server.insert(&self.tables, run, context, Some("running")).unwrap(),
            Server::Real(client) => {
                let (contexts, statuses) = self.names();
                let insert = format!("INSERT INTO {contexts} VALUES ($1, $2::text::jsonb)");
                client.execute(&insert, &[&run, &context]).await.unwrap();
                let insert = format!("INSERT INTO {statuses} (run_id, status) VALUES ($1, 'running')");
                client.execute(&insert, &[&run]).await.unwrap();
            }
        }
    }

    /// Removes the context of a run as a client of the user's does; a journal and the status row stay.
    pub async fn remove_context(&self, run: &str) {
        match &self.server {
            Server::Memory(server) => server.remove(&self.tables, run),
            Server::Real(client) => {
                let delete = format!("DELETE FROM {} WHERE run_id = $1", self.names().0);
                client.execute(&delete, &[&run]).await.unwrap();
            }
        }
    }

    /// What is stored of throughput grows so many minutes older.
    pub async fn pass_minutes(&self, minutes: u64) {
        match &self.server {
            Server::Memory(server) => server.clock().advance(Duration::from_secs(60 * minutes)),
            Server::Real(client) => {
                // None shall be in the way of one that is still to be moved.
                let table = format!("{}_throughput", self.names().0);
                let far = 1_000_000_000;
                for by in [i64::try_from(minutes).unwrap() + far, -far] {
                    let age = format!("UPDATE {table} SET minute = minute - $1");
                    client.execute(&age, &[&by]).await.unwrap();
                }
            }
        }
    }

    /// What the status row of a run says; none where there is none.
    pub async fn status(&self, run: &str) -> Option<StatusRow> {
        match &self.server {
            Server::Memory(server) => {
                let row = server.row(&self.tables, run).unwrap();
                let result = row.result.map(|result| serde_json::from_str(result.get()).unwrap());
                row.status.map(|status| StatusRow { status, result })
            }
            Server::Real(client) => {
                let select =
                    format!("SELECT status, (status_data)::text FROM {} WHERE run_id = $1 ", self.names().1);
                let row = client.query_opt(&select, &[&run]).await.unwrap()?;
                let result: Option<String> = row.get(1);
                let result = result.map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap());
                // A row that was made by the engine shows its status there too, before there is a result.
                let result =
                    result.filter(|result| result.as_object().is_some_and(|object| object.len() > 1));
                Some(StatusRow { status: row.get(0), result })
            }
        }
    }

    fn names(&self) -> (&str, &str) {
        (self.tables.contexts.as_deref().unwrap(), self.tables.statuses.as_deref().unwrap())
    }

    /// A run as it is now, as one client knows it.
    pub async fn load(&self, run: &str) -> Option<Document> {
        self.newer(run, Revision::default()).await.map(grown)
    }

    /// What is newer of a run than a revision.
    pub async fn newer(&self, run: &str, known: Revision) -> Option<Newer> {
        self.record.newest(&[(run, known)]).await.unwrap().pop()
    }

    /// Writes a change of one run.
    pub async fn write(&self, run: &str, base: &Document, change: &Change) -> Written {
        let after = base.after(&change.patch, &change.reserved);
        let kind = WriteKind::of(self.journal, base, &after);
        let write = Write::new(kind, run, base, change, &after).unwrap();
        self.record.write(kind, &[write]).await.unwrap()
    }
}

/// A run that was read as a whole.
pub fn grown(newer: Newer) -> Document {
    let RowText::Text(text) = newer.text else { panic!("it was not asked about") };
    let revision = Revision { row: newer.row, entry: 0 };
    let document = Document { revision, at: newer.at, ..Document::parse(text.as_deref()).unwrap() };
    match newer.last {
        Some(last) => document.grown(&newer.entries, last).unwrap(),
        None => document,
    }
}

/// A change that sets a key, of a run that stands so.
pub fn setting(key: &str, value: &str, status: RunStatus) -> Change {
    let mut patch = Patch::default();
    patch.set(key, json(value));
    let ledger = Ledger { status, ..Ledger::default() };
    let update = if status.is_end() { StatusUpdate::End } else { StatusUpdate::Keep };
    Change { patch, reserved: ReservedKey { ledger, ..ReservedKey::default() }, status: update }
}

/// A JSON value.
pub fn json(text: &str) -> Json {
    Json::parse(text.to_owned()).unwrap()
}

/// The value of a key.
pub fn value<'a>(document: &'a Document, key: &str) -> Option<&'a str> {
    document.values.get(key).map(Json::get)
}
