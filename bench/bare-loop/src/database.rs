//! Loads and changes of up to 64 waiting jobs in one statement each, on two connections. A run belongs to one of
//! them, so its changes never wait for each other.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{Client, NoTls, Statement};

use crate::Result;

const CONNECTIONS: u64 = 2;
const BATCH: usize = 64;

/// What a job writes into its run's row.
pub struct Change {
    pub run: String,
    pub key: String,
    pub value: i64,
    /// Whether a join counts it.
    pub counts: bool,
    /// Whether the run ends with it.
    pub ends: bool,
}

/// A row's document.
pub struct Context(String);

impl Context {
    pub fn number(&self, key: &str) -> Result<i64> {
        let entries: HashMap<&str, &RawValue> = serde_json::from_str(&self.0)?;
        let value = entries.get(key).ok_or_else(|| format!("there is no {key}"))?;
        Ok(value.get().parse()?)
    }
}

type Asked<Q, A> = (Q, oneshot::Sender<A>);

struct Shard {
    loads: mpsc::UnboundedSender<Asked<String, Context>>,
    changes: mpsc::UnboundedSender<Asked<Change, Option<u32>>>,
}

pub struct Database {
    shards: Vec<Shard>,
}

impl Database {
    pub async fn open(url: &str, schema: &str) -> Result<Self> {
        let mut shards = Vec::new();
        for _ in 0..CONNECTIONS {
            shards.push(Shard::open(url, schema).await?);
        }
        Ok(Self { shards })
    }

    pub async fn load(&self, run: &str) -> Result<Context> {
        let (answer, answered) = oneshot::channel();
        self.shard(run).loads.send((run.to_owned(), answer))?;
        Ok(answered.await?)
    }

    /// How many of those a join waits for are done, told to the one job that changed it to that.
    pub async fn change(&self, change: Change) -> Result<Option<u32>> {
        let (answer, answered) = oneshot::channel();
        let shard = self.shard(&change.run);
        shard.changes.send((change, answer)).map_err(|_| "the connection is gone")?;
        Ok(answered.await?)
    }

    fn shard(&self, run: &str) -> &Shard {
        let mut hasher = DefaultHasher::new();
        run.hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % CONNECTIONS).unwrap_or(0);
        &self.shards[index]
    }
}

impl Shard {
    async fn open(url: &str, schema: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        let load = client
            .prepare(&format!(
                "SELECT run_id, context_data::text FROM {schema}.contexts WHERE run_id = ANY($1)"
            ))
            .await?;
        let change = client
            .prepare(&format!(
                "WITH given AS (
                   SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::bool[]) AS g(run, patch, done, ends)
                 ), changed AS (
                   UPDATE {schema}.contexts c SET context_data = c.context_data || (g.patch::jsonb ||
                     CASE WHEN g.done = 0 THEN '{{}}' ELSE
                       jsonb_build_object('done', coalesce((c.context_data ->> 'done')::int, 0) + g.done) END)
                   FROM given g WHERE c.run_id = g.run
                   RETURNING c.run_id, coalesce((c.context_data ->> 'done')::int, 0) AS done
                 ), ended AS (
                   UPDATE {schema}.statuses s SET status = 'completed', updated_at = now()
                   FROM given g WHERE s.run_id = g.run AND g.ends
                 ) SELECT run_id, done FROM changed"
            ))
            .await?;
        let client = Arc::new(client);
        let (loads, waiting) = mpsc::unbounded_channel();
        let loading = client.clone();
        in_batches(waiting, move |batch| load_all(loading.clone(), load.clone(), batch));
        let (changes, waiting) = mpsc::unbounded_channel();
        in_batches(waiting, move |batch| change_all(client.clone(), change.clone(), batch));
        Ok(Self { loads, changes })
    }
}

/// Takes what is waiting, never waits for more, and works it off before it takes the next.
fn in_batches<T: Send + 'static, F>(
    mut waiting: mpsc::UnboundedReceiver<T>,
    work: impl Fn(Vec<T>) -> F + Send + 'static,
) where
    F: Future<Output = Result<()>> + Send,
{
    tokio::spawn(async move {
        loop {
            let mut batch = Vec::new();
            if waiting.recv_many(&mut batch, BATCH).await == 0 {
                return;
            }
            if let Err(error) = work(batch).await {
                eprintln!("{error}");
                std::process::exit(1);
            }
        }
    });
}

async fn load_all(
    client: Arc<Client>,
    statement: Statement,
    batch: Vec<Asked<String, Context>>,
) -> Result<()> {
    let runs: Vec<&str> = batch.iter().map(|(run, _)| run.as_str()).collect();
    let rows = client.query(&statement, &[&runs]).await?;
    let contexts: HashMap<&str, &str> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    for (run, answer) in batch {
        let context = contexts.get(run.as_str()).ok_or_else(|| format!("there is no row of {run}"))?;
        let _ = answer.send(Context((*context).to_owned()));
    }
    Ok(())
}

async fn change_all(
    client: Arc<Client>,
    statement: Statement,
    batch: Vec<Asked<Change, Option<u32>>>,
) -> Result<()> {
    let mut by_run: HashMap<String, Vec<Asked<Change, Option<u32>>>> = HashMap::new();
    for asked in batch {
        by_run.entry(asked.0.run.clone()).or_default().push(asked);
    }
    let (mut runs, mut patches, mut done, mut ends) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (run, asked) in &by_run {
        let patch: HashMap<&str, i64> =
            asked.iter().map(|(change, _)| (change.key.as_str(), change.value)).collect();
        runs.push(run.as_str());
        patches.push(serde_json::to_string(&patch)?);
        done.push(i32::try_from(asked.iter().filter(|(change, _)| change.counts).count())?);
        ends.push(asked.iter().any(|(change, _)| change.ends));
    }
    let rows = client.query(&statement, &[&runs, &patches, &done, &ends]).await?;
    let counts: HashMap<String, i32> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    for (run, asked) in by_run {
        let count = counts.get(&run).ok_or_else(|| format!("there is no row of {run}"))?;
        let mut told = Some(u32::try_from(*count)?);
        for (change, answer) in asked {
            // Of several in one statement, the first that counts speaks for them.
            let _ = answer.send(if change.counts { told.take() } else { None });
        }
    }
    Ok(())
}
