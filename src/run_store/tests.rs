//! Rows that others have locked: only their runs wait.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::patience::patiently;
use super::{CommitOutcome, RunStore};
use crate::error::{Code, Result};
use crate::memory::MemoryServer;
use crate::ports::platform::Platform;
use crate::ports::record::{Database, Projection, Tables};
use crate::record::{Change, Document, Patch, ReservedKey, StatusUpdate, to_raw};

struct Scene {
    server: Arc<MemoryServer>,
    tables: Tables,
    store: RunStore,
}

impl Scene {
    fn with_runs(runs: &[String]) -> Self {
        let server = MemoryServer::starting_at(1_790_000_000_000);
        let tables = Tables { contexts: Some("contexts".into()), statuses: Some("statuses".into()) };
        for run in runs {
            server.insert(&tables, run, "{}", Some("running")).unwrap();
        }
        let store = RunStore::new(server.database("worker").record(&tables), Platform::default());
        Self { server, tables, store }
    }

    async fn commit(&self, run: &str, number: u32) -> Result<CommitOutcome> {
        let base = self.store.load(run).await?;
        let decide = move |_: &Document| {
            let mut patch = Patch::default();
            patch.set("number", to_raw(&number)?);
            let reserved = ReservedKey::default();
            Ok(Some(Change { patch, reserved, status: StatusUpdate::Keep }))
        };
        self.store.commit(run, base, Box::new(decide)).await
    }

    fn lock(&self, runs: &[String], is_locked: bool) {
        runs.iter().for_each(|run| self.server.lock_rows(run, is_locked));
    }

    fn number(&self, run: &str) -> Option<String> {
        self.server.row(&self.tables, run).unwrap().context
    }
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number:03}")).collect()
}

/// A commit that is tried until it counts, as a worker does.
async fn insist(scene: &Scene, run: &str) {
    while let Err(error) = scene.commit(run, 1).await {
        assert_eq!(error.code, Code::RunBusy, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn however_many_rows_are_locked_the_others_are_written_at_once() {
    for count in [1, 3, 50, 200] {
        let (held, free) = (names("held", count), names("free", 100));
        let scene = Scene::with_runs(&[held.clone(), free.clone()].concat());
        scene.lock(&held, true);
        let begun = Instant::now();
        let theirs = join_all(held.iter().enumerate().map(|(number, run)| {
            let scene = &scene;
            async move {
                // One after the other, as their nodes end.
                tokio::time::sleep(Duration::from_millis(20 * number as u64)).await;
                insist(scene, run).await;
            }
        }));
        let ours = async {
            let mut longest = Duration::ZERO;
            for run in &free {
                let asked = Instant::now();
                insist(&scene, run).await;
                longest = longest.max(asked.elapsed());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            (begun.elapsed(), longest)
        };
        let unlock = async {
            let (took, longest) = ours.await;
            // Once for a lock nobody knew of; never for long.
            assert!(longest < Duration::from_millis(450), "{count}: {longest:?}");
            assert!(took < Duration::from_secs(8), "{count}: {took:?}");
            assert!(held.iter().all(|run| scene.number(run).as_deref() == Some("{}")));
            scene.lock(&held, false);
        };
        futures_util::future::join(theirs, unlock).await;
        assert!(held.iter().all(|run| scene.number(run).as_deref() == Some(r#"{"number":1}"#)), "{count}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_known_to_be_locked_is_answered_without_waiting_and_is_free_when_its_row_is() {
    let held = names("held", 1);
    let scene = Scene::with_runs(&held);
    scene.lock(&held, true);
    assert_eq!(scene.commit(&held[0], 1).await.unwrap_err().code, Code::RunBusy);
    let again = Instant::now();
    assert_eq!(scene.commit(&held[0], 1).await.unwrap_err().code, Code::RunBusy);
    assert!(again.elapsed() < Duration::from_millis(5));
    scene.lock(&held, false);
    assert!(scene.commit(&held[0], 1).await.unwrap().changed);
    assert!(!scene.store.aside.has(&held[0]));
}

#[tokio::test(start_paused = true)]
async fn a_caller_from_outside_waits_for_a_while() {
    let held = names("held", 1);
    let scene = Scene::with_runs(&held);
    let patch = || {
        let mut patch = Patch::default();
        patch.set("k", to_raw(&1).unwrap());
        patch
    };
    scene.lock(&held, true);
    let begun = Instant::now();
    assert_eq!(scene.store.patch(&held[0], &patch()).await.unwrap_err().code, Code::RunBusy);
    assert!((10..12).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    let unlock = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        scene.lock(&held, false);
    };
    let platform = Platform::default();
    let (change, later) =
        (|| scene.store.change(&held[0], Projection::Whole, |_| Ok((None::<Change>, ()))), patch());
    let (changed, written, ()) =
        tokio::join!(patiently(&platform, change), scene.store.patch(&held[0], &later), unlock);
    changed.unwrap();
    written.unwrap();
    assert_eq!(scene.number(&held[0]).as_deref(), Some(r#"{"k":1}"#));
}
