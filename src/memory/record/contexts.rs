//! Rows of a context table, and their journals.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::history::HistoryRows;
use super::throughput::ThroughputRows;
use crate::error::{Code, Error, Result};
use crate::json::Json;
use crate::mutants::{Mutant, makes};
use crate::ports::halting::Haltable;
use crate::record::{Document, NOT_AN_OBJECT, Patch, RESERVED_KEY, Revision, Values, to_raw};
use crate::workflow::ledger::{NodeState, RunStatus};

/// One row: `context_data`, and the transaction that wrote it.
#[derive(Debug, Clone)]
pub struct Row {
    pub xmin: i64,
    pub content: Content,
}

/// What `context_data` holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// An object; SQL and JSON null are an empty one.
    Object(Values),
    /// Any other JSON, which is no document.
    Other(Json),
}

/// A worker, as it said it. Moments are microseconds since 1970.
#[derive(Debug)]
pub struct WorkerRow {
    pub card: String,
    pub heard: i64,
    pub gone: i64,
}

/// A schedule, as it is stored. When somebody has to look at it is in milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct ScheduleRow {
    pub blueprint: String,
    pub text: String,
    pub due: Option<u64>,
    pub revision: i64,
}

/// Something that is paused: since when, in milliseconds since 1970, and why.
#[derive(Debug, Clone)]
pub struct PausedRow {
    pub since: u64,
    pub reason: Option<String>,
}

/// A context table, with its journal if it has one.
#[derive(Debug, Default)]
pub struct Contexts {
    pub rows: BTreeMap<String, Row>,
    /// The entries of each run, by number.
    pub journal: Option<BTreeMap<String, BTreeMap<i64, String>>>,
    /// The steps of migration that are done, each with its moment.
    pub steps: BTreeMap<u32, u64>,
    /// The table of workers, if it was made.
    pub workers: Option<BTreeMap<String, WorkerRow>>,
    /// The table of schedules, if it was made.
    pub schedules: Option<BTreeMap<String, ScheduleRow>>,
    /// The table of what is paused, if it was made.
    pub paused: Option<BTreeMap<Haltable, PausedRow>>,
    /// The table of the history, if it was made.
    pub history: Option<HistoryRows>,
    /// The table of what happened when, if it was made.
    pub throughput: Option<ThroughputRows>,
}

impl Content {
    /// Reads a column's text.
    pub fn parse(text: &str) -> Result<Self> {
        let json = Json::parse(text.to_owned()).map_err(|error| unstorable(&error.to_string()))?;
        refuse_unstorable(json.get())?;
        match serde_json::from_str::<Option<Values>>(json.get()) {
            Ok(values) => Ok(Self::Object(values.unwrap_or_default())),
            Err(_) => Ok(Self::Other(json)),
        }
    }

    pub fn values(&self) -> Option<&Values> {
        match self {
            Self::Object(values) => Some(values),
            Self::Other(_) => None,
        }
    }

    /// The column's text.
    pub fn text(&self) -> Result<String> {
        match self {
            Self::Object(values) => to_raw(values).map(|json| json.get().to_owned()),
            Self::Other(json) => Ok(json.get().to_owned()),
        }
    }

    /// Removes keys and sets others, as `(content - keys) || sets` does.
    pub fn patched(&self, patch: &Patch) -> Result<Self> {
        let Some(values) = self.values() else {
            return Err(Error::new(Code::ContextUnreadable, "Writing the context", NOT_AN_OBJECT));
        };
        let mut values = values.clone();
        for key in &patch.deletes {
            values.remove(key.as_str());
        }
        for (key, value) in &patch.sets {
            refuse_null(key)?;
            refuse_unstorable(value.get())?;
            values.insert(key.as_str().into(), value.clone());
        }
        Ok(Self::Object(values))
    }

    /// The document without the reserved key, as text.
    pub fn visible(&self) -> Result<String> {
        let mut values = self.values().cloned().unwrap_or_default();
        values.remove(RESERVED_KEY);
        to_raw(&values).map(|json| json.get().to_owned())
    }

    /// The document with nothing but the reserved key.
    pub fn reserved(&self) -> Result<Document> {
        match self {
            Self::Other(json) => Document::parse(Some(json.get())),
            Self::Object(values) => {
                let mut alone = Values::default();
                if let Some(reserved) = values.get(RESERVED_KEY) {
                    alone.insert(RESERVED_KEY.into(), reserved.clone());
                }
                Document::parse(Some(to_raw(&alone)?.get()))
            }
        }
    }

    /// What stands under the reserved key, if anything does.
    pub fn reserved_value(&self) -> Option<&Json> {
        self.values()?.get(RESERVED_KEY)
    }

    /// What queries look for in the reserved key.
    fn deadline(&self) -> Option<u64> {
        let reserved = self.reserved_value()?;
        serde_json::from_str::<ReservedRow>(reserved.get()).ok()?.start?.deadline
    }

    fn ledger(&self) -> Option<LedgerRow> {
        let reserved = self.reserved_value()?;
        serde_json::from_str::<ReservedRow>(reserved.get()).ok().map(|reserved| reserved.ledger)
    }

    pub fn is_cancelled(&self) -> bool {
        self.ledger().is_some_and(|ledger| ledger.status == RunStatus::Cancelled)
    }

    /// Whether a node should have woken before a moment, or the run should have ended before it.
    pub fn is_overdue(&self, moment: u64) -> bool {
        if self.deadline().is_some_and(|deadline| deadline < moment) {
            return true;
        }
        let overdue = |node: &NodeRow| {
            node.state == NodeState::Awaiting && node.not_before.is_some_and(|before| before < moment)
        };
        self.ledger().is_some_and(|ledger| ledger.nodes.values().any(overdue))
    }
}

impl Contexts {
    /// The row of a run, if it is still of that transaction.
    pub fn row_of(&self, run: &str, xmin: i64) -> Option<&Row> {
        self.rows.get(run).filter(|row| row.xmin == xmin || makes(Mutant::IgnoresRevision))
    }

    /// The entries of a run after a revision of it, and the number of the last of them.
    pub fn entries_after(&self, run: &str, known: Revision) -> (Option<i64>, Vec<String>) {
        let Some(journal) = &self.journal else { return (None, Vec::new()) };
        let is_same = self.rows.get(run).is_some_and(|row| row.xmin == known.row);
        let from = if is_same { known.entry } else { 0 };
        let entries = journal.get(run).into_iter().flat_map(|entries| entries.range(from + 1..));
        let (numbers, texts): (Vec<i64>, Vec<String>) =
            entries.map(|(number, text)| (*number, text.clone())).unzip();
        (numbers.last().copied(), texts)
    }

    /// A run as its row and its journal say it, without the reserved key; none if there is no row.
    pub fn live(&self, run: &str) -> Result<Option<String>> {
        let Some(row) = self.rows.get(run) else { return Ok(None) };
        match (&row.content, self.entries_after(run, Revision::default())) {
            (Content::Object(_), (Some(last), entries)) => {
                let document = Document::parse(Some(&row.content.text()?))?.grown(&entries, last)?;
                Ok(Some(document.visible_json()?.get().to_owned()))
            }
            (Content::Object(_), _) => row.content.visible().map(Some),
            (Content::Other(json), _) => Ok(Some(json.get().to_owned())),
        }
    }

    /// The number of a run's last entry; 0 for none.
    pub fn last_entry(&self, run: &str) -> i64 {
        let entries = self.journal.as_ref().and_then(|journal| journal.get(run));
        entries.and_then(|entries| entries.last_key_value()).map_or(0, |(number, _)| *number)
    }
}

#[derive(Deserialize)]
struct ReservedRow {
    ledger: LedgerRow,
    #[serde(default)]
    start: Option<StartRow>,
}

#[derive(Deserialize)]
struct StartRow {
    #[serde(default)]
    deadline: Option<u64>,
}

#[derive(Deserialize)]
struct LedgerRow {
    #[serde(default)]
    status: RunStatus,
    #[serde(default)]
    nodes: BTreeMap<String, NodeRow>,
}

#[derive(Deserialize)]
struct NodeRow {
    #[serde(default)]
    state: NodeState,
    #[serde(default)]
    not_before: Option<u64>,
}

/// Neither `jsonb` nor `text` has a place for U+0000.
///
/// # Errors
/// The text holds one.
pub fn refuse_null(text: &str) -> Result<()> {
    match text.contains('\0') {
        true => Err(unstorable("invalid byte sequence for encoding \"UTF8\": 0x00")),
        false => Ok(()),
    }
}

/// The same of JSON, where a character may be written in several ways.
///
/// # Errors
/// A text or a key in it holds one.
pub fn refuse_unstorable(text: &str) -> Result<()> {
    let mut escaped = false;
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '\0']) {
        let (found, after) = rest.split_at(at);
        escaped &= found.is_empty();
        if after.starts_with('\0') || (!escaped && after.starts_with("\\u0000")) {
            return Err(unstorable(
                "unsupported Unicode escape sequence: \\u0000 cannot be converted to text",
            ));
        }
        escaped = !escaped && after.starts_with('\\');
        rest = &after[1..];
    }
    Ok(())
}

fn unstorable(why: &str) -> Error {
    Error::new(Code::ValueNotStorable, "Writing the context", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_character_is_found_however_it_is_written() {
        for text in ["\"a\\u0000\"", "\"\\\\\\u0000\"", "a\0", "\"\\n\\u0000\""] {
            assert!(refuse_unstorable(text).is_err(), "{text}");
        }
        for text in ["\"a\"", "\"\\\\u0000\"", "\"\\\\\\\\u0000\"", "\"\\u0001\"", "\"\\n\\\\u0000\""] {
            assert!(refuse_unstorable(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_key_means_itself() {
        let mut patch = Patch::default();
        patch.set("\\u0000", Json::parse("1".to_owned()).unwrap());
        assert!(Content::default().patched(&patch).is_ok());
        patch.set("\0", Json::parse("1".to_owned()).unwrap());
        assert!(Content::default().patched(&patch).is_err());
    }

    #[test]
    fn null_is_an_empty_document_and_an_array_is_none() {
        assert!(Content::parse("null").unwrap().values().unwrap().is_empty());
        let array = Content::parse("[1]").unwrap();
        assert!(array.patched(&Patch::default()).is_err() && array.reserved().is_err());
    }
}
