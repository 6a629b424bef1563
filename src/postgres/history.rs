//! The table of the history, which a migration makes.

use std::time::Duration;

use tokio_postgres::Row;

use super::connection::Connection;
use super::contexts::Contexts;
use super::parameters::Parameter;
use super::session::Session;
use crate::error::Result;
use crate::json::Json;
use crate::migrations::{HISTORY_TABLE, beside};
use crate::ports::history::{
    Attempt, HistoryPlace, HistoryRemoval, HistorySearch, KeptValue, NewAttempt, StoredAttempt,
};

/// SQL: a moment in microseconds since 1970.
fn micros(moment: &str) -> String {
    format!("(extract(epoch FROM {moment}) * 1000000)::bigint")
}

impl Session {
    /// Writes attempts of runs that have a row; whether there is a table for them. Nobody waits for the disk: a server that dies
    /// may lose the last of them.
    pub async fn write_history(&self, attempts: &[NewAttempt]) -> Result<bool> {
        let client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        let Some(table) = self.history_table(&client).await? else { return Ok(false) };
        let insert = format!(
            "WITH soon AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)) \
             INSERT INTO {table} (run_id, node, execution, attempt, outcome, worker, started_at, ended_at, \
             input, input_size, output, output_size, error, log) \
             SELECT g.run_id, g.node, g.execution, g.attempt, g.outcome, g.worker, \
             now() - g.started * interval '1 microsecond', now() - g.ended * interval '1 microsecond', \
             g.input::json, g.input_size, g.output::json, g.output_size, g.error::json, g.log::json \
             FROM soon, unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], \
             $8::bigint[], $9::text[], $10::bigint[], $11::text[], $12::bigint[], $13::text[], $14::text[]) \
             WITH ORDINALITY AS g (run_id, node, execution, attempt, outcome, worker, started, ended, input, input_size, \
             output, output_size, error, log, place) \
             WHERE g.run_id IN (SELECT t.run_id::text FROM {contexts} AS t WHERE t.run_id = ANY({})) ORDER BY g.place",
            contexts.ids.all()
        );
        let columns = Columns::of(contexts, attempts);
        client.execute(&insert, &columns.parameters()).await.map(|_| true)
    }

    /// Attempts of a run, the latest first; none where there is no table for them.
    pub async fn history(&self, search: &HistorySearch) -> Result<Option<Vec<StoredAttempt>>> {
        let client = self.client().await?;
        let run = self.contexts(&client).await?.ids.named(&search.run)?.into_owned();
        let Some(table) = self.history_table(&client).await? else { return Ok(None) };
        let mut given: Vec<Parameter<'_>> = vec![&run, &search.limit];
        let mut more = String::new();
        if let Some(node) = &search.node {
            given.push(node);
            more.push_str(&format!(" AND node = ${}", given.len()));
        }
        if let Some(HistoryPlace { ended, number }) = &search.before {
            given.push(ended);
            more.push_str(&format!(
                " AND (ended_at, id) < ('epoch'::timestamptz + ${} * interval '1 microsecond', ${})",
                given.len(),
                given.len() + 1
            ));
            given.push(number);
        }
        let select = format!(
            "SELECT node, execution::bigint, attempt::bigint, outcome, worker, {}, {}, id, input::text, input_size::bigint, \
             output::text, output_size::bigint, error::text, log::text FROM {table} WHERE run_id = $1{more} \
             ORDER BY ended_at DESC, id DESC LIMIT $2",
            micros("started_at"),
            micros("ended_at"),
        );
        let rows = client.rows(&select, &given).await?;
        Ok(Some(rows.iter().map(|row| stored(&search.run, row)).collect()))
    }

    /// Removes attempts; how many. None where there is no table for them.
    pub async fn remove_history(&self, removal: &HistoryRemoval) -> Result<Option<u64>> {
        let client = self.client().await?;
        let contexts = self.contexts(&client).await?;
        let Some(table) = self.history_table(&client).await? else { return Ok(None) };
        let removed = match removal {
            HistoryRemoval::OfRun(run) => {
                let run = contexts.ids.named(run)?;
                client.execute(&format!("DELETE FROM {table} WHERE run_id = $1"), &[&run]).await?
            }
            HistoryRemoval::Older(age, limit) => {
                let remove = format!(
                    "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} \
                     WHERE ended_at < now() - make_interval(secs => $1) LIMIT $2))"
                );
                client.execute(&remove, &[&age.as_secs_f64(), limit]).await?
            }
        };
        Ok(Some(removed))
    }

    /// The table's quoted name, if it is there.
    async fn history_table(&self, client: &Connection) -> Result<Option<String>> {
        let table = beside(&self.contexts(client).await?.sql, HISTORY_TABLE);
        Ok(client.has_table(&table).await?.then_some(table))
    }
}

/// The parameters of the statement that writes attempts, one column each.
#[derive(Default)]
struct Columns<'a> {
    runs: Vec<String>,
    nodes: Vec<&'a str>,
    executions: Vec<i64>,
    attempts: Vec<i64>,
    outcomes: Vec<&'a str>,
    workers: Vec<&'a str>,
    started: Vec<i64>,
    ended: Vec<i64>,
    inputs: Vec<Option<&'a str>>,
    input_sizes: Vec<Option<i64>>,
    outputs: Vec<Option<&'a str>>,
    output_sizes: Vec<Option<i64>>,
    errors: Vec<Option<&'a str>>,
    logs: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    /// Those of attempts whose runs have ids of the table's type: no row has another.
    fn of(contexts: &Contexts, attempts: &'a [NewAttempt]) -> Self {
        let micros = |time: &Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 4);
        let text = |json: &'a Option<Json>| json.as_ref().map(Json::get);
        let mut columns = Self::default();
        for NewAttempt { of, started, ended } in attempts {
            let Some(run) = contexts.ids.canonical(&of.run) else { continue };
            columns.runs.push(run.into_owned());
            columns.nodes.push(&of.node);
            columns.executions.push(of.execution.into());
            columns.attempts.push(of.attempt.into());
            columns.outcomes.push(&of.outcome);
            columns.workers.push(&of.worker);
            columns.started.push(micros(started));
            columns.ended.push(micros(ended));
            columns.inputs.push(text(&of.input.json));
            columns.input_sizes.push(of.input.size.map(Into::into));
            columns.outputs.push(text(&of.output.json));
            columns.output_sizes.push(of.output.size.map(Into::into));
            columns.errors.push(text(&of.error));
            columns.logs.push(text(&of.log));
        }
        columns
    }

    fn parameters(&self) -> [Parameter<'_>; 14] {
        [
            &self.runs,
            &self.nodes,
            &self.executions,
            &self.attempts,
            &self.outcomes,
            &self.workers,
            &self.started,
            &self.ended,
            &self.inputs,
            &self.input_sizes,
            &self.outputs,
            &self.output_sizes,
            &self.errors,
            &self.logs,
        ]
    }
}

fn stored(run: &str, row: &Row) -> StoredAttempt {
    let number = |column: usize| u32::try_from(row.get::<_, i64>(column)).unwrap_or_default();
    let size = |column: usize| row.get::<_, Option<i64>>(column).and_then(|size| u32::try_from(size).ok());
    let json = |column: usize| row.get::<_, Option<String>>(column).and_then(|text| Json::parse(text).ok());
    StoredAttempt {
        of: Attempt {
            run: run.to_owned(),
            node: row.get(0),
            execution: number(1),
            attempt: number(2),
            outcome: row.get(3),
            worker: row.get(4),
            input: KeptValue { json: json(8), size: size(9) },
            output: KeptValue { json: json(10), size: size(11) },
            error: json(12),
            log: json(13),
        },
        started_at: u64::try_from(row.get::<_, i64>(5) / 1000).unwrap_or_default(),
        place: HistoryPlace { ended: row.get(6), number: row.get(7) },
    }
}
