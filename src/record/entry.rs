//! An entry of a run's journal: what one commit changed of it.
//!
//! Without a journal a run is one document, which every job rewrites. That is too much for a run of a thousand nodes, or
//! for a context of a megabyte. With a journal `context_data` stays as it was when the run began, and each commit appends
//! an entry. The document is the row with its entries applied in their order. When the run pauses or ends, the
//! engine folds the entries into the row and removes them from the journal.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::ordmap::DiffItem;
use serde::{Deserialize, Serialize};

use super::carried::Carried;
use super::change::Change;
use super::document::Document;
use super::patch::Patch;
use super::reserved_key::{ClientStart, FollowedBlueprint, ReservedKey};
use super::revision::Revision;
use super::untold::Untold;
use crate::error::{Code, Error, Result};
use crate::json::Json;
use crate::workflow::ledger::Delta;

/// What one commit changed of a run, as the column `change` says it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// Keys removed, before the others are set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deletes: Vec<String>,
    #[serde(default, skip_serializing_if = "is_empty")]
    sets: Cow<'a, BTreeMap<String, Json>>,
    /// Absent if the context was written from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ledger: Option<Delta>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blueprint: Option<Arc<FollowedBlueprint>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queue: Option<Arc<str>>,
    #[serde(default, rename = "queues", skip_serializing_if = "Vec::is_empty")]
    other_queues: Vec<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carried: Option<Arc<Carried>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<Arc<ClientStart>>,
    /// What is still to be told, where that changed; nothing of it if all is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    untold: Option<Arc<Untold>>,
}

fn is_empty(sets: &BTreeMap<String, Json>) -> bool {
    sets.is_empty()
}

impl<'a> Entry<'a> {
    /// The entry of a change.
    pub fn of(before: &Document, change: &'a Change) -> Self {
        let nothing = ReservedKey::default();
        let reserved = before.reserved.as_ref().unwrap_or(&nothing);
        let Change {
            reserved: ReservedKey { ledger, blueprint, queue, other_queues, carried, untold, start, .. },
            ..
        } = change;
        let blueprint = blueprint.clone().filter(|_| *blueprint != reserved.blueprint);
        let queue = queue.clone().filter(|_| *queue != reserved.queue);
        let carried = carried.clone().filter(|_| *carried != reserved.carried);
        let start = start.clone().filter(|_| *start != reserved.start);
        let changed = *other_queues != reserved.other_queues;
        let other_queues = if changed { other_queues.clone() } else { Vec::new() };
        let untold = (*untold != reserved.untold).then(|| untold.clone().unwrap_or_default());
        let ledger = Some(ledger.since(&reserved.ledger));
        let patch = Self::of_patch(before, &change.patch);
        Self { ledger, blueprint, queue, other_queues, carried, start, untold, ..patch }
    }

    /// The entry of a patch from outside.
    pub fn of_patch(before: &Document, patch: &'a Patch) -> Self {
        let is_there = |key: &&String| before.values.contains_key(key.as_str());
        Self {
            deletes: patch.deletes.iter().filter(is_there).cloned().collect(),
            sets: Cow::Borrowed(&patch.sets),
            ..Self::default()
        }
    }

    fn read(text: &str) -> Result<Self> {
        let unreadable = |error| Error::new(Code::ContextUnreadable, "Reading the run's journal", error);
        serde_json::from_str(text).map_err(unreadable)
    }
}

impl Document {
    /// Applies entries of the run's journal, up to the one with the number `last`.
    ///
    /// # Errors
    /// An entry cannot be read.
    pub fn grown(mut self, entries: &[String], last: i64) -> Result<Self> {
        for text in entries {
            let Entry { deletes, sets, ledger, blueprint, queue, other_queues, carried, start, untold } =
                Entry::read(text)?;
            let mut reserved = self.reserved.take();
            if let Some(delta) = ledger {
                let grown = reserved.get_or_insert_default();
                grown.ledger.grow(delta);
                grown.blueprint = blueprint.or(grown.blueprint.take());
                grown.queue = queue.or(grown.queue.take());
                grown.carried = carried.or(grown.carried.take());
                grown.start = start.or(grown.start.take());
                if !other_queues.is_empty() {
                    grown.other_queues = other_queues;
                }
                if let Some(untold) = untold {
                    grown.untold = Some(untold).filter(|untold| !untold.events.is_empty());
                }
            }
            self.write(&Patch { sets: sets.into_owned(), deletes });
            self.reserved = reserved;
        }
        self.revision = Revision { entry: last, ..self.revision };
        Ok(self)
    }

    /// The patch that makes the row say what the document says.
    pub fn folded(&self) -> Patch {
        let mut patch = Patch::default();
        for item in self.row.diff(&self.values) {
            match item {
                DiffItem::Add(key, value) | DiffItem::Update { new: (key, value), .. } => {
                    patch.set(&**key, value.clone());
                }
                DiffItem::Remove(key, _) => patch.deletes.push(key.to_string()),
            }
        }
        patch
    }
}
