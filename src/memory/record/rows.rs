//! What rows and journals say of a run.

use super::contexts::{Contexts, Row};
use super::store::TablesState;
use crate::error::Result;
use crate::ports::record::{InRow, Newer, RowText};
use crate::record::Revision;

/// What a row says, unless a journal says the rest.
pub(super) fn in_row<T>(state: &TablesState<'_>, run: &str, look: impl FnOnce(&Row) -> T) -> InRow<T> {
    match state.contexts.rows.get(run) {
        _ if state.contexts.journal.is_some() => InRow::Journal,
        Some(row) => InRow::Found(look(row)),
        None => InRow::NoRow,
    }
}

impl<T> InRow<Result<T>> {
    pub(super) fn transpose(self) -> Result<InRow<T>> {
        match self {
            Self::Found(found) => found.map(InRow::Found),
            Self::NoRow => Ok(InRow::NoRow),
            Self::Journal => Ok(InRow::Journal),
        }
    }
}

/// What is newer of a run than a revision of it.
pub(super) fn newer(run: &str, known: Revision, contexts: &Contexts, at: u64) -> Option<Result<Newer>> {
    let row = contexts.rows.get(run)?;
    let (last, entries) = contexts.entries_after(run, known);
    let text = match row.xmin == known.row {
        true => Ok(RowText::Unchanged),
        false => row.content.text().map(|text| RowText::Text(Some(text))),
    };
    let newer = |text| Newer { run: run.to_owned(), at: Some(at), row: row.xmin, text, entries, last };
    Some(text.map(newer))
}
