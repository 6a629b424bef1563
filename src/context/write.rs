//! Writing what was decided: as rows, as entries of the journal, or folding a journal into its row.

use std::collections::{BTreeMap, HashMap};

use deadpool_postgres::Object;
use futures_util::future::try_join;

use super::change::{Change, Ending};
use super::connect::{database_error, prepared, rows};
use super::document::{Document, Patch, RESERVED_KEY, ReservedKey, Version, to_raw};
use super::journal::{self, Entry};
use super::plan::Plan;
use super::status::StatusTable;
use super::store::{ContextStore, moment};
use crate::error::{Error, Result};
use crate::json::Json;
use crate::workflow::ledger::RunStatus;

/// How often a patch from outside is tried where the engine is faster each time.
const PATCHES: u8 = 100;

/// How a change is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Into the row: there is no journal.
    Row,
    /// As one more entry of the run's journal.
    Entry,
    /// Into the row, and the journal with it: the run rests or is over.
    Fold,
}

/// Which runs were written, when, and as which version.
pub(super) type Versions = BTreeMap<String, (Option<u64>, Version)>;

impl ContextStore {
    /// How a run that will be `after` is written.
    pub(super) fn kind_of(&self, after: &Document) -> Kind {
        match (self.journal.is_there(), after.is_going_on()) {
            (false, _) => Kind::Row,
            (true, true) => Kind::Entry,
            (true, false) => Kind::Fold,
        }
    }

    /// Plans by the way they are written; those that change nothing are with the first.
    pub(super) fn kinds(&self, plans: Vec<Plan>) -> Vec<(Kind, Vec<Plan>)> {
        let mut kinds: Vec<(Kind, Vec<Plan>)> = Vec::new();
        for plan in plans {
            let kind = self.kind_of(&plan.after);
            match kinds.iter_mut().find(|(other, _)| *other == kind) {
                Some((_, plans)) => plans.push(plan),
                None => kinds.push((kind, vec![plan])),
            }
        }
        kinds
    }

    /// Writes plans of one kind; answers with the runs that were still of the version the decision was made on.
    pub(super) async fn write(&self, statuses: &StatusTable, kind: Kind, plans: &[Plan]) -> Result<Versions> {
        let changes = plans.iter().filter_map(|plan| {
            Some((plan.group.run.as_str(), &plan.group.base, plan.change.as_ref()?, &plan.after))
        });
        let mut columns = Columns::default();
        for (run, base, change, after) in changes {
            columns.add(kind, run, base, change, after)?;
        }
        if columns.runs.is_empty() {
            return Ok(Versions::new());
        }
        let client = self.database.client().await?;
        self.write_columns(&client, statuses, kind, &columns).await
    }

    /// Appends a patch from outside to a run's journal; whether it has one. One that has none has a row that says all.
    pub(super) async fn write_patch_entry(&self, client: &Object, run: &str, patch: &Patch) -> Result<bool> {
        let table = self.table(client).await?;
        let sql = journal::append_patch(table);
        for _ in 0..PATCHES {
            let document = self.load_with(client, run).await?;
            if document.version.entry == 0 {
                return Ok(false);
            }
            let entry = to_raw(&Entry::of_patch(&document, patch))?;
            let Version { row, entry: last } = document.version;
            if !rows(client, &sql, &[&run, &row, &last, &entry.get()]).await?.is_empty() {
                return Ok(true);
            }
        }
        Err(Error::transient("Writing the context", "others keep changing the run"))
    }

    pub(super) async fn write_columns(
        &self,
        client: &Object,
        statuses: &StatusTable,
        kind: Kind,
        columns: &Columns<'_>,
    ) -> Result<Versions> {
        let table = self.table(client).await?;
        let statements = statuses.writing(client, table).await?;
        let Columns { runs, versions, entries, deletes, sets, states, ends, reasons } = columns;
        let answer = match kind {
            Kind::Row => {
                let parameters: [Parameter<'_>; 7] = [runs, versions, deletes, sets, states, ends, reasons];
                rows(client, &statements.rows, &parameters).await
            }
            Kind::Entry => rows(client, &statements.append, &[runs, versions, entries, sets]).await,
            Kind::Fold => {
                let lock = prepared(client, &statements.lock).await?;
                let fold = prepared(client, &statements.fold).await?;
                let parameters: [Parameter<'_>; 8] =
                    [runs, versions, deletes, sets, states, ends, reasons, entries];
                // All of it is on its way at once: each is sent when it is first looked at, in this order.
                let locked: [Parameter<'_>; 1] = [runs];
                let begun = try_join(client.batch_execute("BEGIN"), client.query(&lock, &locked));
                let folded = try_join(client.query(&fold, &parameters), client.batch_execute("COMMIT"));
                let (begun, folded) = futures_util::future::join(begun, folded).await;
                begun.and(folded).map(|(folded, ())| folded).map_err(|error| database_error(&error))
            }
        };
        let written = match answer {
            Err(error) if kind != Kind::Row && self.journal.has_gone(&error) => return Ok(Versions::new()),
            answer => answer?,
        };
        let rows_of: HashMap<&str, i64> = match kind {
            Kind::Entry => runs.iter().copied().zip(versions.iter().copied()).collect(),
            Kind::Row | Kind::Fold => HashMap::new(),
        };
        let version = |run: &str, number: i64| match rows_of.get(run) {
            Some(row) => Version { row: *row, entry: number },
            None => Version { row: number, entry: 0 },
        };
        let versions = written.iter().map(|row| {
            let run: String = row.get(0);
            let version = version(&run, row.get(2));
            (run, (moment(row, 1), version))
        });
        Ok(versions.collect())
    }
}

type Parameter<'a> = &'a (dyn tokio_postgres::types::ToSql + Sync);

/// The statements' parameters, a column each.
#[derive(Debug, Default)]
pub(super) struct Columns<'a> {
    runs: Vec<&'a str>,
    versions: Vec<i64>,
    entries: Vec<i64>,
    deletes: Vec<Option<String>>,
    sets: Vec<String>,
    states: Vec<Option<&'static str>>,
    ends: Vec<bool>,
    reasons: Vec<String>,
}

impl<'a> Columns<'a> {
    pub fn add(
        &mut self,
        kind: Kind,
        run: &'a str,
        base: &Document,
        change: &Change,
        after: &Document,
    ) -> Result<()> {
        let ledger = &change.reserved.ledger;
        let (deletes, sets) = match kind {
            Kind::Entry => (None, change.as_entry(base)?),
            Kind::Row => keys(&change.patch, &change.reserved)?,
            Kind::Fold => keys(&after.folded(), &change.reserved)?,
        };
        self.deletes.push(deletes);
        self.runs.push(run);
        self.versions.push(base.version.row);
        self.entries.push(base.version.entry);
        self.sets.push(sets.get().to_owned());
        self.states.push(match change.ending {
            Ending::None | Ending::Written => Some(ledger.status.as_str()),
            Ending::Deferred => Some(RunStatus::Running.as_str()),
            Ending::Published => None,
        });
        self.ends.push(change.ending == Ending::Written);
        self.reasons.push(if change.ending == Ending::Written { ledger.reason() } else { String::new() });
        Ok(())
    }
}

impl Change {
    /// What is written where a run is one document: the keys that change, the bookkeeping among them, as JSON.
    ///
    /// # Errors
    /// None of our types can fail to be written; an error would be ours.
    pub fn as_row(&self) -> Result<Json> {
        keys(&self.patch, &self.reserved).map(|(_, sets)| sets)
    }

    /// What is written into the journal of a run that was as `before`, as JSON.
    ///
    /// # Errors
    /// As [`as_row`](Self::as_row).
    pub fn as_entry(&self, before: &Document) -> Result<Json> {
        to_raw(&Entry::of(before, self))
    }
}

/// The keys to remove from a row, and those to set, the bookkeeping among them.
fn keys(patch: &Patch, reserved: &ReservedKey) -> Result<(Option<String>, Json)> {
    let deletes = (!patch.deletes.is_empty()).then(|| to_raw(&patch.deletes)).transpose()?;
    let sets = patch.sets_with(RESERVED_KEY, &to_raw(reserved)?)?;
    Ok((deletes.map(|deletes| deletes.get().to_owned()), sets))
}
