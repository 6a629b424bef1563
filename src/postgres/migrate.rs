//! Performs a migration's plan beside workers that are running: what a step does in a transaction is done or not, what it
//! does in none is taken back if it fails.

mod facts;
mod folding;
mod guard;
mod waits;

use self::guard::{Guard, OPERATION};
use super::connection::Connection;
use super::session::Session;
use super::transaction::Transaction;
use crate::error::{Code, Error, Result};
use crate::migrations::{
    self, Act, JOURNAL, LAST, Planned, Statement, StepReport, StepStatus, Target, taking_back,
};

impl Session {
    /// Takes the steps to a target, or only says which. Workers that are running notice by themselves.
    ///
    /// # Errors
    /// The tables are missing, may not be changed, or are in use for longer than 10 s. The step that failed is undone,
    /// those before it stay.
    pub async fn migrate(&self, target: Target) -> Result<Vec<StepReport>> {
        if target.to.is_some_and(|to| to > LAST) {
            return Err(Error::of_option("to", format!("there are {LAST} steps")));
        }
        let pool = self.own_connections();
        let client = pool.client().await?;
        let contexts = self.contexts(&client).await?.sql.clone();
        if target.dry_run {
            let facts = self.facts(&client).await?;
            return Ok(migrations::plan(target, &facts).into_iter().map(|planned| planned.report).collect());
        }
        let guard = Guard::take(pool, &contexts).await?;
        let reports = self.take_steps(&client, target).await;
        guard.release().await;
        // Whatever came of it, this worker knows at once.
        self.journal.look(&client, &contexts).await?;
        reports
    }

    /// Where every step stands.
    pub async fn migrations(&self) -> Result<Vec<StepStatus>> {
        let client = self.own_connections().client().await?;
        Ok(migrations::status(&self.facts(&client).await?))
    }

    async fn take_steps(&self, client: &Connection, target: Target) -> Result<Vec<StepReport>> {
        let facts = self.facts(client).await?;
        let mut reports = Vec::new();
        for planned in migrations::plan(target, &facts) {
            if let Err(error) = self.take(client, &planned.acts).await {
                self.take_back(client, &planned).await;
                let step = format!("step {} ({})", planned.step.number, planned.step.name);
                let message = format!("{step} was not taken: {}", error.message);
                // A lock that others hold is on a table here, and no run's.
                let code = if error.code == Code::RunBusy { Code::DatabaseBusy } else { error.code };
                return Err(Error { code, operation: OPERATION, message, ..error });
            }
            if planned.step.number == JOURNAL {
                self.journal.look(client, facts.contexts()).await?;
            }
            reports.push(planned.report);
        }
        Ok(reports)
    }

    async fn take(&self, client: &Connection, acts: &[Act]) -> Result<()> {
        for act in acts {
            match act {
                Act::Together(statements) => self.together(client, act, statements).await?,
                Act::Apart { sql, table, undo } => {
                    waits::for_writers(client, table).await?;
                    if let Err(error) = apart(client, act, sql).await {
                        undone(client, act, undo.as_deref()).await;
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    async fn together(&self, client: &Connection, act: &Act, statements: &[Statement]) -> Result<()> {
        // It reads what is committed when it reads: also what somebody wrote while it waited for a lock.
        let transaction = Transaction::begin(client).await?;
        for sql in act.before().iter().skip(1) {
            transaction.batch(sql).await?;
        }
        for statement in statements {
            match statement {
                Statement::Sql(sql) => transaction.batch(sql).await?,
                Statement::Fold(sql) => self.fold_all(&transaction, sql).await?,
            }
        }
        transaction.commit().await
    }

    /// Takes back the acts that had their effect before one failed. What was there before the step stays.
    async fn take_back(&self, client: &Connection, planned: &Planned) {
        if !planned.is_new || planned.acts.len() < 2 {
            return;
        }
        let taken_back = async {
            let facts = self.facts(client).await?;
            self.take(client, &taking_back(planned.step, &facts)).await
        };
        if let Err(error) = taken_back.await {
            // The next migration goes on from there.
            tracing::warn!(%error, step = planned.step.name, "a step that failed could not be taken back");
        }
    }
}

/// One statement outside a transaction. Its limits are the connection's for as long as it takes.
async fn apart(client: &Connection, act: &Act, sql: &str) -> Result<()> {
    for sql in act.before() {
        client.batch(&sql).await?;
    }
    let done = client.batch(sql).await;
    let mut reset = Ok(());
    for sql in act.after() {
        reset = reset.and(client.batch(&sql).await);
    }
    done.and(reset)
}

async fn undone(client: &Connection, act: &Act, undo: Option<&str>) {
    let Some(undo) = undo else { return };
    if let Err(error) = apart(client, act, undo).await {
        // It is found as invalid by the next migration, and slows nobody down meanwhile.
        tracing::warn!(%error, "an index that was left half made could not be dropped");
    }
}
