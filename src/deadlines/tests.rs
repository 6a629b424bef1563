use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::{PunctualBroker, PunctualRecord, PunctualStore};
use crate::error::{Code, Result};
use crate::json::Json;
use crate::memory::{Fault, Faults, MemoryServer, ServerEvent};
use crate::ports::broker::{Broker, Outgoing};
use crate::ports::coordination::CoordinationStore;
use crate::ports::host::{BlueprintRevision, Call, Described, Host, Notice, Reply};
use crate::ports::platform::Platform;
use crate::ports::record::{Database, Record, Tables};
use crate::record::Patch;
use crate::workflow::ledger::RunStatus;

/// Answers nothing for as long as it is told so.
#[derive(Debug, Default)]
struct Mute(Mutex<Option<Fault>>);

impl Mute {
    fn set(&self, fault: Option<Fault>) {
        *self.0.lock().unwrap() = fault;
    }
}

impl Faults for Mute {
    fn strike(&self, event: &ServerEvent<'_>) -> Option<Fault> {
        self.0.lock().unwrap().filter(|_| !matches!(event, ServerEvent::Connect { .. }))
    }
}

/// Writes down what it hears.
#[derive(Default)]
struct Listener(Mutex<Vec<String>>);

impl Listener {
    fn heard(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Host for Listener {
    async fn blueprint(&self, _: &str) -> Result<Option<Described>> {
        Ok(None)
    }

    async fn revision(&self, _: &str) -> Result<Option<BlueprintRevision>> {
        Ok(None)
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

    fn notify(&self, notice: Notice) {
        if let Notice::Log { message, .. } = notice {
            self.0.lock().unwrap().push(message);
        }
    }
}

const LIMIT: Duration = Duration::from_secs(15);

fn server() -> (Arc<MemoryServer>, Arc<Mute>, Arc<Listener>) {
    let (server, mute) = (MemoryServer::starting_at(1_790_000_000_000), Arc::new(Mute::default()));
    server.set_faults(Some(mute.clone()));
    (server, mute, Arc::default())
}

fn tables() -> Tables {
    Tables { contexts: Some("contexts".into()), statuses: Some("statuses".into()) }
}

fn message() -> Vec<Outgoing> {
    vec![Outgoing {
        queue: "q".into(),
        delay: None,
        body: b"{}".to_vec(),
        headers: Vec::new(),
        priority: None,
    }]
}

#[tokio::test(start_paused = true)]
async fn a_record_that_does_not_answer_is_asked_for_no_longer_and_said_once() {
    let (server, mute, listener) = server();
    let record = PunctualRecord::new(server.database("w").record(&tables()), LIMIT, Some(listener.clone()));
    mute.set(Some(Fault::Silence { has_effect: false }));
    let begun = tokio::time::Instant::now();
    for _ in 0..3 {
        let error = record.create("r").await.unwrap_err();
        assert_eq!((error.code, error.is_told), (Code::DatabaseUnreachable, true));
    }
    assert!(begun.elapsed() < 3 * (LIMIT + Duration::from_secs(3)), "{:?}", begun.elapsed());
    let heard = listener.heard();
    assert!(heard.len() == 1 && heard[0].contains("statementTimeout"), "{heard:?}");
    mute.set(None);
    record.create("r").await.unwrap();
    mute.set(Some(Fault::Silence { has_effect: false }));
    record.create("r").await.unwrap_err();
    assert_eq!(listener.heard().len(), 2, "once for each time it falls silent");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_answered_may_have_taken_effect() {
    let (server, mute, listener) = server();
    let record = PunctualRecord::new(server.database("w").record(&tables()), LIMIT, Some(listener));
    mute.set(Some(Fault::Silence { has_effect: true }));
    let patch =
        Patch { sets: [("k".to_owned(), Json::parse("1".into()).unwrap())].into(), ..Patch::default() };
    record.patch_row("r", &patch).await.unwrap_err();
    assert_eq!(server.row(&tables(), "r").unwrap().context.as_deref(), Some(r#"{"k":1}"#));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_out_of_reach() {
    let (server, mute, _) = server();
    let store = PunctualStore::new(Arc::new(server.coordination("w")), Duration::from_secs(2));
    mute.set(Some(Fault::Silence { has_effect: true }));
    let begun = tokio::time::Instant::now();
    assert_eq!(store.acquire("k", "w#1", 15).await.unwrap_err().code, Code::RedisUnreachable);
    assert!(store.release("k", "w#1").await.is_err());
    store.close().await;
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_confirms_nothing_is_silent_and_one_that_is_short_of_memory_is_waited_for() {
    let (server, mute, listener) = server();
    let broker = Arc::new(server.broker("w", Platform::default().with_clock(server.clock()), None));
    let punctual = PunctualBroker::new(broker, LIMIT, listener.clone());
    mute.set(Some(Fault::Silence { has_effect: false }));
    assert_eq!(punctual.publish(message()).await.unwrap_err().code, Code::BrokerUnreachable);
    assert_eq!(punctual.waiting("q").await.unwrap_err().code, Code::BrokerUnreachable);
    mute.set(None);
    server.block_publishers(true);
    let unblocked = server.clone();
    tokio::spawn(async move {
        tokio::time::sleep(10 * LIMIT).await;
        unblocked.block_publishers(false);
    });
    punctual.publish(message()).await.unwrap();
    let heard = listener.heard();
    assert!(heard.len() == 2 && heard[1].contains("short of memory"), "{heard:?}");
    assert_eq!(server.queue("q").unwrap().ready.len(), 1);
}
