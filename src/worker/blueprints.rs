//! The blueprints of the user's runtime, each analysed once a revision.
//!
//! A user may put another blueprint in the place of one while the worker runs. The engine decides by its analysis, and
//! JavaScript executes nodes by its object, so the two must be of one revision, always:
//!
//! - A job carries the revision it was admitted by. JavaScript executes it only by an object of that revision, and
//!   refuses it otherwise; the worker then admits the job again, by the [`current`](Blueprints::current) blueprint.
//! - Whatever else a blueprint decides about a message (that a run begins, say) is decided by the current one.
//!
//! A node that is being executed keeps the blueprint it began with, on both sides.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Kind, Result};
use crate::ports::host::{BlueprintRevision, Host};
use crate::worker::registry::card::Entry;
use crate::workflow::blueprint::Blueprint;

/// A blueprint, and the revision it was analysed from.
#[derive(Debug, Clone)]
pub struct Analysed {
    /// Which revision it is.
    pub revision: BlueprintRevision,
    /// The analysis.
    pub blueprint: Arc<Blueprint>,
}

/// The blueprints seen so far.
pub struct Blueprints {
    host: Arc<dyn Host>,
    known: Mutex<HashMap<String, Analysed>>,
    /// The revisions that cannot be run, by the ids of their blueprints: no heartbeat describes them again.
    unusable: Mutex<HashMap<String, String>>,
}

impl Blueprints {
    /// Those of this host; none is known yet.
    pub fn new(host: Arc<dyn Host>) -> Self {
        Self { host, known: Mutex::default(), unusable: Mutex::default() }
    }

    /// A blueprint as it was last seen, if the user's runtime has one of that id.
    ///
    /// # Errors
    /// The blueprint cannot be run at all, and why.
    pub async fn last_seen(&self, id: &str) -> Result<Option<Analysed>> {
        match self.known(id) {
            Some(known) => Ok(Some(known)),
            None => self.describe(id).await,
        }
    }

    /// A blueprint as the user's runtime has it now.
    ///
    /// # Errors
    /// As [`last_seen`](Self::last_seen).
    pub async fn current(&self, id: &str) -> Result<Option<Analysed>> {
        let Some(known) = self.known(id) else { return self.describe(id).await };
        match self.host.revision(id).await {
            Ok(Some(revision)) if revision == known.revision => Ok(Some(known)),
            _ => self.describe(id).await,
        }
    }

    /// The blueprints that were met, each with the revision it was last seen in.
    pub fn met(&self) -> BTreeMap<String, String> {
        let revision = |known: &Analysed| known.revision.as_str().to_owned();
        self.with(|known| known.iter().map(|(id, known)| (id.clone(), revision(known))).collect())
    }

    /// Analyses those of these that were not met in the revision that they are said to be of.
    pub async fn look_at(&self, revisions: &BTreeMap<String, String>) {
        for (id, revision) in revisions {
            let is_known = self.known(id).is_some_and(|known| known.revision.as_str() == revision);
            if is_known || self.is_unusable(id, revision) {
                continue;
            }
            // One that cannot be run is reported when it is used. JavaScript that was busy may describe it the next time.
            if self.describe(id).await.is_err_and(|error| error.kind() == Kind::Setup) {
                self.note_unusable(id, revision);
            }
        }
    }

    /// Where runs of these begin, as far as they were met in that revision.
    pub fn entries(&self, revisions: &BTreeMap<String, String>) -> BTreeMap<String, Entry> {
        let entry = |(id, revision): (&String, &String)| {
            let known = self.known(id).filter(|known| known.revision.as_str() == revision)?;
            let Blueprint { version, starts, .. } = &*known.blueprint;
            Some((id.clone(), Entry { version: version.clone(), starts: starts.clone() }))
        };
        revisions.iter().filter_map(entry).collect()
    }

    /// Analyses a blueprint as the runtime has it now. What was known of it is known no more, whatever comes of that.
    async fn describe(&self, id: &str) -> Result<Option<Analysed>> {
        self.with(|known| known.remove(id));
        let Some(described) = self.host.blueprint(id).await? else { return Ok(None) };
        let blueprint = Arc::new(Blueprint::new(described.description));
        let analysed = Analysed { revision: described.revision, blueprint };
        self.with(|known| known.insert(id.to_owned(), analysed.clone()));
        Ok(Some(analysed))
    }

    fn is_unusable(&self, id: &str, revision: &str) -> bool {
        let unusable = self.unusable.lock().unwrap_or_else(PoisonError::into_inner);
        unusable.get(id).is_some_and(|known| known == revision)
    }

    fn note_unusable(&self, id: &str, revision: &str) {
        let mut unusable = self.unusable.lock().unwrap_or_else(PoisonError::into_inner);
        unusable.insert(id.to_owned(), revision.to_owned());
    }

    fn known(&self, id: &str) -> Option<Analysed> {
        self.with(|known| known.get(id).cloned())
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Analysed>) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::error::{Code, Error};
    use crate::json::Json;
    use crate::ports::host::{Call, Described, Notice, Reply};
    use crate::workflow::ledger::RunStatus;
    use crate::workflow::ledger::tests::support::graph;

    /// A runtime with one blueprint, or none.
    #[derive(Default)]
    struct Runtime {
        graph: Mutex<Option<&'static str>>,
        descriptions: AtomicUsize,
    }

    impl Runtime {
        fn has(&self, graph: Option<&'static str>) {
            *self.graph.lock().unwrap() = graph;
        }

        fn graph(&self) -> Result<Option<&'static str>> {
            match *self.graph.lock().unwrap() {
                Some("unusable") => {
                    Err(Error::new(Code::BlueprintInvalid, "Reading the blueprint", "it is unusable"))
                }
                graph => Ok(graph),
            }
        }
    }

    #[async_trait]
    impl Host for Runtime {
        async fn blueprint(&self, _: &str) -> Result<Option<Described>> {
            self.descriptions.fetch_add(1, Ordering::Relaxed);
            let described = |text: &str| Described { revision: text.into(), description: graph(text) };
            Ok(self.graph()?.map(described))
        }

        async fn revision(&self, _: &str) -> Result<Option<BlueprintRevision>> {
            Ok(self.graph()?.map(BlueprintRevision::from))
        }

        async fn blueprints(&self) -> Result<BTreeMap<String, String>> {
            Ok(BTreeMap::new())
        }

        async fn execute(&self, _: Call) -> Result<Reply> {
            Ok(Reply::Outdated)
        }

        fn publishes_results(&self) -> bool {
            false
        }

        async fn publish_result(&self, _: &str, _: RunStatus, _: &str, _: &Json) -> Result<()> {
            Ok(())
        }

        fn listens(&self) -> bool {
            false
        }

        fn notify(&self, _: Notice) {}
    }

    fn has_node(analysed: Option<Analysed>, node: &str) -> bool {
        analysed.is_some_and(|analysed| analysed.blueprint.node(node).is_some())
    }

    #[tokio::test]
    async fn a_blueprint_is_analysed_once_a_revision() {
        let runtime = Arc::new(Runtime::default());
        let blueprints = Blueprints::new(runtime.clone());
        runtime.has(Some("a -> b"));
        for _ in 0..3 {
            assert!(has_node(blueprints.last_seen("story").await.unwrap(), "b"));
            assert!(has_node(blueprints.current("story").await.unwrap(), "b"));
        }
        assert_eq!(runtime.descriptions.load(Ordering::Relaxed), 1);

        runtime.has(Some("a -> c"));
        assert!(has_node(blueprints.last_seen("story").await.unwrap(), "b"));
        assert!(has_node(blueprints.current("story").await.unwrap(), "c"));
        assert!(has_node(blueprints.last_seen("story").await.unwrap(), "c"));
        assert_eq!(runtime.descriptions.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_blueprint_that_is_gone_or_unusable_is_known_no_more() {
        let runtime = Arc::new(Runtime::default());
        let blueprints = Blueprints::new(runtime.clone());
        for (next, is_error) in [(None, false), (Some("unusable"), true)] {
            runtime.has(Some("a"));
            assert!(has_node(blueprints.current("story").await.unwrap(), "a"));
            runtime.has(next);
            assert_eq!(blueprints.current("story").await.is_err(), is_error);
            assert_eq!(blueprints.last_seen("story").await.is_err(), is_error);
        }
    }
}
