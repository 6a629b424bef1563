//! What a load reads: each run once, and no more than has changed.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;

use crate::memory::{Fault, Faults, MemoryServer, RecordOperation, ServerEvent};
use crate::ports::platform::Platform;
use crate::ports::record::{Database, Tables};
use crate::record::Document;
use crate::run_store::RunStore;

/// Writes down which runs are loaded, and fails one load where it is told so.
#[derive(Debug, Default)]
struct Loads {
    runs: Mutex<Vec<Vec<String>>>,
    fails: Mutex<bool>,
}

impl Faults for Loads {
    fn strike(&self, event: &ServerEvent<'_>) -> Option<Fault> {
        let ServerEvent::Record { operation: RecordOperation::Load, runs, .. } = event else { return None };
        self.runs.lock().unwrap().push(runs.iter().map(ToString::to_string).collect());
        std::mem::take(&mut *self.fails.lock().unwrap()).then_some(Fault::FailBefore)
    }
}

fn scene(context: &str) -> (Arc<MemoryServer>, Arc<Loads>, Tables, RunStore) {
    let server = MemoryServer::starting_at(1_790_000_000_000);
    let tables = Tables { contexts: Some("contexts".into()), statuses: Some("statuses".into()) };
    server.insert(&tables, "run", context, Some("running")).unwrap();
    let loads: Arc<Loads> = Arc::default();
    server.set_faults(Some(loads.clone()));
    let store = RunStore::new(server.database("worker").record(&tables), Platform::default());
    (server, loads, tables, store)
}

/// Whether a document is that other one, and was not read anew.
fn is_same(one: &Document, other: &Document) -> bool {
    one.values.ptr_eq(&other.values)
}

#[tokio::test]
async fn a_run_that_many_ask_for_is_read_once() {
    let (_server, loads, _, store) = scene(r#"{"x":1}"#);
    let found = join_all((0..20).map(|_| store.load("run"))).await;
    assert!(found.iter().all(|found| found.as_ref().is_ok_and(|found| found.values.contains_key("x"))));
    let runs = loads.runs.lock().unwrap().clone();
    assert!(runs.iter().all(|runs| *runs == ["run"]), "{runs:?}");
}

#[tokio::test]
async fn a_run_too_large_for_the_cache_is_read_again_only_where_it_has_changed() {
    let large = |x: u32| format!(r#"{{"large":"{}","x":{x}}}"#, "-".repeat(3 << 20));
    let (server, loads, tables, store) = scene(&large(1));
    let seen = store.load("run").await.unwrap();
    assert!(!is_same(&store.load("run").await.unwrap(), &seen), "it is not cached");
    let again = store.newer_than("run", Some(seen.clone())).await.unwrap();
    assert!(is_same(&again, &seen));
    server.insert(&tables, "run", &large(2), None).unwrap();
    let changed = store.newer_than("run", Some(seen)).await.unwrap();
    assert_eq!(changed.values["x"].get(), "2");
    // Another connection may lead to a server that knows less, and calls other states by the same numbers.
    *loads.fails.lock().unwrap() = true;
    store.load("run").await.unwrap_err();
    let elsewhere = store.newer_than("run", Some(changed.clone())).await.unwrap();
    assert!(!is_same(&elsewhere, &changed));
    assert!(is_same(&store.newer_than("run", Some(elsewhere.clone())).await.unwrap(), &elsewhere));
}
