//! Folds every run that has entries into its row.

use crate::error::Result;
use crate::ports::record::{Newer, RowText};
use crate::postgres::journal::JournalTable;
use crate::postgres::session::Session;
use crate::postgres::transaction::Transaction;
use crate::record::{Document, Patch, RESERVED_KEY, to_raw};

/// Runs folded at a time.
const PAGE: usize = 200;

impl Session {
    /// In a transaction that holds both tables. `fold` takes a run, the keys to remove and the keys to set.
    pub(super) async fn fold_all(&self, transaction: &Transaction<'_>, fold: &str) -> Result<()> {
        let contexts = self.contexts(transaction).await?;
        let runs = format!("SELECT DISTINCT run_id FROM {}", JournalTable::of(&contexts.sql));
        let runs = transaction.rows(&runs, &[]).await?;
        let runs: Vec<String> = runs.iter().map(|row| row.get(0)).collect();
        for page in runs.chunks(PAGE) {
            let page: Vec<&str> = page.iter().map(String::as_str).collect();
            for newer in self.entries_within(transaction, contexts, &page).await? {
                let run = newer.run.clone();
                let document = whole(newer).map_err(|error| error.of_run(&run))?;
                let Patch { deletes, mut sets } = document.folded();
                if let Some(reserved) = &document.reserved {
                    sets.insert(RESERVED_KEY.to_owned(), to_raw(reserved)?);
                }
                let sets = to_raw(&sets)?;
                transaction.execute(fold, &[&run, &deletes, &sets.get()]).await?;
            }
        }
        Ok(())
    }
}

/// A run that was read as a whole.
fn whole(newer: Newer) -> Result<Document> {
    let text = match newer.text {
        RowText::Text(text) => text,
        RowText::Unchanged => None,
    };
    let document = Document::parse(text.as_deref())?;
    match newer.last {
        Some(last) => document.grown(&newer.entries, last),
        None => Ok(document),
    }
}
