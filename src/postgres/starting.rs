//! Inserts runs: both rows of each, in one statement.

use std::collections::BTreeMap;

use super::connection::{Asks, Connection};
use super::ids::Names;
use super::parameters::Parameter;
use super::session::Session;
use super::sql::{limits_of_run, moment};
use super::transaction::Transaction;
use crate::error::{Code, Error, Result};
use crate::json::Json;
use crate::ports::record::{ForeignStatement, Inserted, Insertion};
use crate::record::{NewRun, time_to_insert};

const OPERATION: &str = "Starting the run";

impl Session {
    /// Inserts runs. Answers with those that were inserted.
    pub async fn insert(&self, runs: &[NewRun], which: Insertion) -> Result<Inserted> {
        match self.try_insert(runs, which).await {
            // The statement empties the journal of a run, and writes its tags: once more without.
            Err(error) if self.has_other_tables(&error) => self.try_insert(runs, which).await,
            inserted => inserted,
        }
    }

    async fn try_insert(&self, runs: &[NewRun], which: Insertion) -> Result<Inserted> {
        let client = self.client().await?;
        client.allow(time_to_insert(runs));
        let columns = Columns::of(&self.contexts(&client).await?.ids, runs)?;
        let sql = self.inserting_many(&client, runs).await?;
        let parameters = columns.parameters();
        // One statement is whole or undone by itself; only what is to be all or nothing needs another look at it.
        if runs.len() == 1 && !self.owes(&client).await? {
            return columns.inserted(&client.rows(&sql, &parameters).await?);
        }
        let transaction = Transaction::begin(&client).await?;
        let inserted = columns.inserted(&transaction.rows(&sql, &parameters).await?)?;
        match which == Insertion::All && !inserted.there.is_empty() {
            true => {
                transaction.rollback().await?;
                Ok(Inserted { there: inserted.there, ..Inserted::default() })
            }
            false => transaction.commit().await.map(|()| inserted),
        }
    }

    /// Inserts those of these runs that have no row yet, within a transaction.
    pub async fn insert_within(&self, transaction: &Transaction<'_>, runs: &[NewRun]) -> Result<Inserted> {
        let client = transaction.connection();
        client.allow(time_to_insert(runs));
        let columns = Columns::of(&self.contexts(client).await?.ids, runs)?;
        let sql = self.inserting_many(transaction, runs).await?;
        columns.inserted(&transaction.rows(&sql, &columns.parameters()).await?)
    }

    /// The statement that inserts a run, for a transaction of somebody else's: it sets nothing there.
    pub async fn insertion(&self, new: &NewRun) -> Result<ForeignStatement> {
        let client = self.client().await?;
        let run = self.contexts(&client).await?.ids.named(&new.run)?.into_owned();
        let given = "given AS (SELECT $1::text AS run_id, $2::text AS context, $3::text AS status, $4::text AS result)";
        // Nobody tells how that fares: what is known may be over.
        if new.is_tagged {
            self.statuses()?.look_for_tags(&client).await?;
        }
        let text = self.inserting(&client, given).await?;
        let result = new.result.as_ref().map(|result| result.get().to_owned());
        let (context, status) = (new.context.get().to_owned(), new.status.as_str().to_owned());
        Ok(ForeignStatement {
            text,
            values: vec![Some(run.clone()), Some(context), Some(status), result],
            run,
        })
    }

    async fn inserting_many(&self, client: &impl Asks, runs: &[NewRun]) -> Result<String> {
        if runs.iter().any(|new| new.is_tagged) {
            self.statuses()?.find_tags(client).await?;
        }
        let given = format!(
            "{}, given AS (SELECT g.* FROM limits, unnest($1::text[], $2::text[], $3::text[], $4::text[]) \
             AS g (run_id, context, status, result))",
            limits_of_run()
        );
        self.inserting(client, &given).await
    }

    async fn inserting(&self, client: &impl Asks, given: &str) -> Result<String> {
        let contexts = self.contexts(client).await?;
        self.statuses()?.insertion(client, contexts, given, self.journal.is_there()).await
    }

    /// Whether a status row owes values that the engine does not know: it is there already, or nothing is inserted.
    async fn owes(&self, client: &Connection) -> Result<bool> {
        self.statuses()?.owes(client).await
    }
}

/// The parameters of the statement, one column each.
struct Columns<'a> {
    asked: Vec<&'a str>,
    names: Names<'a>,
    contexts: Vec<&'a str>,
    statuses: Vec<&'a str>,
    results: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(ids: &super::ids::Ids, runs: &'a [NewRun]) -> Result<Self> {
        let mut names = Names::of(*ids, std::iter::empty());
        for new in runs {
            ids.named(&new.run)?;
            if !names.add(*ids, &new.run) {
                let what = "several of the runs have this id";
                return Err(Error::new(Code::InvalidArgument, OPERATION, what).of_run(&new.run));
            }
        }
        Ok(Self {
            asked: runs.iter().map(|new| new.run.as_str()).collect(),
            names,
            contexts: runs.iter().map(|new| new.context.get()).collect(),
            statuses: runs.iter().map(|new| new.status.as_str()).collect(),
            results: runs.iter().map(|new| new.result.as_ref().map(Json::get)).collect(),
        })
    }

    fn parameters(&self) -> [Parameter<'_>; 4] {
        [&self.names.sent, &self.contexts, &self.statuses, &self.results]
    }

    /// What the statement did.
    fn inserted(&self, rows: &[tokio_postgres::Row]) -> Result<Inserted> {
        let shown: i64 = rows.first().map_or(0, |row| row.get(2));
        if usize::try_from(shown).unwrap_or(0) < rows.len() {
            let what = "a new row of the status table owes values that only you know: insert it before you start the run";
            return Err(Error::new(Code::TableUnfit, OPERATION, what));
        }
        let named = |row: &tokio_postgres::Row| {
            let named: String = row.get(0);
            (self.names.first_asked(named.clone()), named)
        };
        let runs: BTreeMap<String, String> = rows.iter().map(named).collect();
        let is_there = |run: &&&str| !runs.contains_key(**run);
        let there = self.asked.iter().filter(is_there).map(|run| (*run).to_owned()).collect();
        Ok(Inserted { at: rows.first().and_then(|row| moment(row, 1)), runs, there })
    }
}
