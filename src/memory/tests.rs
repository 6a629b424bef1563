//! What only memory can do: faults, alarms, and everything by a clock that is moved.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::coalesced::Coalesced;
use crate::error::Result;
use crate::ports::arguments::QueueType;
use crate::ports::broker::{Broker, Delivery, Outgoing};
use crate::ports::coordination::CoordinationStore;
use crate::ports::keys;
use crate::ports::platform::{Clock, Platform};
use crate::ports::record::{Database, Tables};

const START: u64 = 1_700_000_000_000;
const SECOND: Duration = Duration::from_secs(1);

/// Strikes once, at the first event of a kind; notes every event.
#[derive(Debug)]
struct Once {
    at: fn(&ServerEvent<'_>) -> bool,
    fault: Mutex<Option<Fault>>,
}

impl Faults for Once {
    fn strike(&self, event: &ServerEvent<'_>) -> Option<Fault> {
        (self.at)(event).then(|| self.fault.lock().unwrap().take()).flatten()
    }
}

fn once(at: fn(&ServerEvent<'_>) -> bool, fault: Fault) -> Option<Arc<dyn Faults>> {
    Some(Arc::new(Once { at, fault: Mutex::new(Some(fault)) }))
}

fn is_publish(event: &ServerEvent<'_>) -> bool {
    matches!(event, ServerEvent::Publish { .. })
}

fn is_delivery(event: &ServerEvent<'_>) -> bool {
    matches!(event, ServerEvent::Deliver { .. })
}

fn is_settling(event: &ServerEvent<'_>) -> bool {
    matches!(event, ServerEvent::Settle { .. })
}

fn is_expiry(event: &ServerEvent<'_>) -> bool {
    matches!(event, ServerEvent::Expire { .. })
}

fn is_coordination(event: &ServerEvent<'_>) -> bool {
    matches!(event, ServerEvent::Coordinate { .. })
}

struct World {
    server: Arc<MemoryServer>,
    broker: Arc<MemoryBroker>,
}

struct Consumer {
    deliveries: mpsc::Receiver<Delivery>,
    ended: JoinHandle<Result<()>>,
}

impl World {
    fn new(queue_type: Option<QueueType>) -> Self {
        let server = MemoryServer::starting_at(START);
        let broker = Arc::new(server.broker("one", Platform::default(), queue_type));
        Self { server, broker }
    }

    async fn publish(&self, body: &str, delay: Option<Duration>) -> Result<()> {
        self.broker.publish(vec![message(body, delay)]).await
    }

    fn consume(&self, prefetch: u16) -> Consumer {
        let (sender, deliveries) = mpsc::channel(10);
        let broker = self.broker.clone();
        let consuming =
            async move { broker.consume("jobs", prefetch, sender.into(), CancellationToken::new()).await };
        Consumer { deliveries, ended: tokio::spawn(consuming) }
    }

    fn ready(&self, queue: &str) -> Vec<String> {
        texts(&self.server.queue(queue).unwrap().ready)
    }
}

impl Consumer {
    async fn next(&mut self) -> Delivery {
        self.deliveries.recv().await.unwrap()
    }

    async fn lost(self) {
        assert!(self.ended.await.unwrap().unwrap_err().is_transient());
    }
}

fn message(body: &str, delay: Option<Duration>) -> Outgoing {
    Outgoing { queue: "jobs".into(), delay, body: body.into(), headers: Vec::new(), priority: None }
}

fn texts(messages: &[MessageView]) -> Vec<String> {
    messages.iter().map(|message| String::from_utf8_lossy(&message.body).into()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_publish_is_lost_before_or_after_its_effect() {
    let world = World::new(None);
    world.publish("first", None).await.unwrap();
    world.server.set_faults(once(is_publish, Fault::FailBefore));
    assert!(world.publish("before", None).await.unwrap_err().is_transient());
    world.server.set_faults(once(is_publish, Fault::FailAfter));
    assert!(world.publish("after", None).await.unwrap_err().is_transient());
    // Of several, each is taken or not for itself.
    world.server.set_faults(once(is_publish, Fault::FailBefore));
    let several = ["b", "c", "d"].map(|body| message(body, None)).to_vec();
    assert!(world.broker.publish(several).await.unwrap_err().is_transient());
    world.publish("last", None).await.unwrap();
    assert_eq!(world.ready("jobs"), ["first", "after", "c", "d", "last"]);
}

#[tokio::test(start_paused = true)]
async fn a_publish_is_late_or_its_confirm_is() {
    let world = World::new(None);
    world.publish("first", None).await.unwrap();
    let clock = world.server.clock();
    for (fault, while_waiting) in [(Fault::Delay(SECOND), 0), (Fault::DelayAnswer(SECOND), 1)] {
        let before = (clock.now(), world.ready("jobs").len());
        world.server.set_faults(once(is_publish, fault));
        let publishing = world.publish("slow", None);
        tokio::pin!(publishing);
        assert!(tokio::time::timeout(SECOND / 2, publishing.as_mut()).await.is_err());
        assert_eq!(world.ready("jobs").len() - before.1, while_waiting);
        publishing.await.unwrap();
        assert_eq!((clock.now() - before.0, world.ready("jobs").len() - before.1), (1000, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_leaves_a_slow_publish_without_an_answer() {
    let world = World::new(None);
    world.publish("first", None).await.unwrap();
    world.server.set_faults(once(is_publish, Fault::Delay(SECOND)));
    let (published, ()) = tokio::join!(world.publish("slow", None), async {
        tokio::time::sleep(SECOND / 2).await;
        world.broker.cut();
    });
    assert!(published.unwrap_err().is_transient());
    tokio::time::sleep(SECOND).await;
    assert_eq!(world.ready("jobs"), ["first"]);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_holds_who_publishes_and_nobody_else() {
    let world = World::new(None);
    world.publish("a", None).await.unwrap();
    world.server.block_publishers(true);
    // Who has not published since may still look.
    assert_eq!(world.broker.waiting("jobs").await.unwrap(), Some(1));
    let publishing = world.publish("b", None);
    tokio::pin!(publishing);
    assert!(tokio::time::timeout(60 * SECOND, publishing.as_mut()).await.is_err());
    assert!(tokio::time::timeout(SECOND, world.broker.waiting("jobs")).await.is_err());
    let mut consumer = world.consume(1);
    consumer.next().await.receipt.ack().await;
    world.server.block_publishers(false);
    publishing.await.unwrap();
    assert_eq!(consumer.next().await.body, b"b");
    assert_eq!(world.broker.waiting("jobs").await.unwrap(), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_cut_frees_who_waits_for_an_alarm() {
    let world = World::new(None);
    world.publish("a", None).await.unwrap();
    world.server.block_publishers(true);
    let (published, ()) = tokio::join!(world.publish("b", None), async {
        tokio::time::sleep(SECOND).await;
        world.server.cut_all();
    });
    assert!(published.unwrap_err().is_transient());
    assert_eq!(world.ready("jobs"), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_reach_the_broker_cannot_connect() {
    let world = World::new(None);
    world.publish("a", None).await.unwrap();
    let mut consumer = world.consume(1);
    let held = consumer.next().await;
    world.broker.set_reachable(false);
    consumer.lost().await;
    assert!(world.publish("b", None).await.unwrap_err().is_transient());
    assert!(world.broker.waiting("jobs").await.unwrap_err().is_transient());
    assert!(world.broker.read("jobs").await.err().unwrap().is_transient());
    world.consume(1).lost().await;
    world.broker.set_reachable(true);
    held.receipt.ack().await;
    let view = world.server.queue("jobs").unwrap();
    assert_eq!(
        (texts(&view.ready), view.ready[0].redelivered, view.ready[0].deliveries),
        (vec!["a".into()], true, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_late_or_takes_its_connection_with_it() {
    let world = World::new(None);
    world.server.set_faults(once(is_delivery, Fault::Delay(SECOND)));
    for body in ["a", "b"] {
        world.publish(body, None).await.unwrap();
    }
    let clock = world.server.clock();
    let mut consumer = world.consume(2);
    assert_eq!((consumer.next().await.body, clock.now() - START), (b"a".to_vec(), 1000));
    assert_eq!((consumer.next().await.body, clock.now() - START), (b"b".to_vec(), 1000));
    drop(consumer.deliveries);
    world.broker.cut();
    for (fault, arrives) in [(Fault::FailBefore, false), (Fault::FailAfter, true)] {
        world.server.set_faults(once(is_delivery, fault));
        let mut consumer = world.consume(2);
        assert_eq!(consumer.deliveries.recv().await.is_some(), arrives);
        assert!(consumer.deliveries.recv().await.is_none(), "what was behind it is lost with the connection");
        consumer.lost().await;
        assert_eq!(world.ready("jobs"), ["a", "b"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_is_lost_before_or_after_its_effect() {
    for (fault, left) in [(Fault::FailBefore, vec!["a", "b"]), (Fault::FailAfter, vec!["b"])] {
        let world = World::new(None);
        for body in ["a", "b"] {
            world.publish(body, None).await.unwrap();
        }
        world.server.set_faults(once(is_settling, fault));
        let mut consumer = world.consume(1);
        consumer.next().await.receipt.ack().await;
        while consumer.deliveries.recv().await.is_some() {}
        consumer.lost().await;
        assert_eq!(world.ready("jobs"), left);
    }
}

#[tokio::test(start_paused = true)]
async fn a_classic_queue_may_lose_what_expires_and_a_quorum_queue_never() {
    for (queue_type, arrives) in [(None, 1), (Some(QueueType::Quorum), 2)] {
        let world = World::new(queue_type);
        world.server.set_faults(once(is_expiry, Fault::FailAfter));
        for body in ["a", "b"] {
            world.publish(body, Some(SECOND)).await.unwrap();
        }
        world.server.clock().advance(SECOND);
        assert_eq!(world.ready("jobs").len(), arrives);
        assert!(world.ready("jobs.delay.1000").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_expires_late_holds_up_what_is_behind_it() {
    let world = World::new(None);
    world.server.set_faults(once(is_expiry, Fault::Delay(3 * SECOND)));
    for body in ["a", "b"] {
        world.publish(body, Some(SECOND)).await.unwrap();
    }
    let mut consumer = world.consume(5);
    for body in [b"a", b"b"] {
        assert_eq!(consumer.next().await.body, body);
        assert_eq!(world.server.clock().now() - START, 4000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_leap_of_the_clock_delivers_in_the_order_of_moments() {
    let world = World::new(None);
    let mut consumer = world.consume(10);
    for (body, delay) in [("d", 8), ("b", 2), ("c", 4), ("a", 1)] {
        world.publish(body, Some(delay * SECOND)).await.unwrap();
    }
    tokio::time::sleep(SECOND / 10).await;
    world.server.clock().advance(3600 * SECOND);
    for body in [b"a", b"b", b"c", b"d"] {
        assert_eq!(consumer.next().await.body, body);
    }
    // By the runtime's clock, hardly any time went by.
    assert_eq!(world.server.clock().now() - START, 3_600_100);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_consumer_is_as_good_as_killing_its_process() {
    let world = World::new(None);
    world.publish("a", None).await.unwrap();
    let mut consumer = world.consume(1);
    let held = consumer.next().await;
    consumer.ended.abort();
    assert!(consumer.ended.await.unwrap_err().is_cancelled());
    // Its receipts live on in this process, and keep the connection open.
    assert_eq!(world.server.queue("jobs").unwrap().held.len(), 1);
    drop(held);
    tokio::task::yield_now().await;
    assert_eq!(world.ready("jobs"), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn answers_of_the_coordination_store_are_lost_and_late() {
    let server = MemoryServer::starting_at(START);
    let store = server.coordination("one");
    server.set_faults(once(is_coordination, Fault::FailBefore));
    assert!(store.acquire("lease", "one", 60).await.unwrap_err().is_transient());
    assert_eq!(store.get("lease").await.unwrap(), None);
    server.set_faults(once(is_coordination, Fault::FailAfter));
    assert!(store.acquire("lease", "one", 60).await.unwrap_err().is_transient());
    assert_eq!(store.get("lease").await.unwrap().as_deref(), Some("one"));
    server.set_faults(once(is_coordination, Fault::DelayAnswer(61 * SECOND)));
    assert!(store.acquire("late", "one", 60).await.unwrap().is_taken());
    assert_eq!(server.clock().now() - START, 61_000);
    // It was its owner's, and is not any more when the answer comes.
    assert_eq!(store.get("late").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_reach_the_coordination_store_changes_nothing() {
    let server = MemoryServer::starting_at(START);
    let (one, other) = (server.coordination("one"), server.coordination("other"));
    one.set_reachable(false);
    assert!(one.set_if_not_exist("key", "one", 60).await.unwrap_err().is_transient());
    assert!(one.acquire_many(&[]).await.is_empty());
    assert!(other.set_if_not_exist("key", "other", 60).await.unwrap());
    one.set_reachable(true);
    assert_eq!(one.get("key").await.unwrap().as_deref(), Some("other"));
    server.flush();
    assert_eq!(one.get("key").await.unwrap(), None);
}

/// Notes how many leases are taken together.
#[derive(Debug, Default)]
struct Batches(Mutex<Vec<usize>>);

impl Faults for Batches {
    fn strike(&self, event: &ServerEvent<'_>) -> Option<Fault> {
        let ServerEvent::Coordinate { operation: Operation::Acquire, keys, .. } = event else { return None };
        self.0.lock().unwrap().push(keys.len());
        Some(Fault::DelayAnswer(Duration::from_millis(5)))
    }
}

#[tokio::test(start_paused = true)]
async fn leases_that_wait_for_others_are_taken_together() {
    let server = MemoryServer::starting_at(START);
    let batches = Arc::new(Batches::default());
    server.set_faults(Some(batches.clone()));
    let store = Coalesced::new(Arc::new(server.coordination("one")), Platform::default());
    let keys = ["a", "b", "c", "d"];
    let taken = futures_util::future::join_all(keys.iter().map(|key| store.acquire(key, "one", 60))).await;
    assert!(taken.into_iter().all(|taken| taken.unwrap().is_taken()));
    assert_eq!(*batches.0.lock().unwrap(), [1, 3]);
}

#[tokio::test]
async fn a_name_is_one_server_until_it_is_reset() {
    let (one, other) = (server("a test's own"), server("a test's own"));
    let (one_store, other_store) = (one.coordination("one"), other.coordination("other"));
    assert!(one_store.set_if_not_exist("key", "one", 60).await.unwrap());
    assert_eq!(other_store.get("key").await.unwrap().as_deref(), Some("one"));
    assert_eq!(server("another").coordination("one").get("key").await.unwrap(), None);
    let broker = one.broker("one", Platform::default(), None);
    broker.publish(vec![message("{}", None)]).await.unwrap();
    assert_eq!(other.queues(), ["jobs"]);
    reset("a test's own");
    assert!(other.queues().is_empty());
    assert_eq!(other_store.get("key").await.unwrap(), None);
    // Who was connected goes on with it.
    broker.publish(vec![message("{}", None)]).await.unwrap();
    assert_eq!(server("a test's own").queue("jobs").unwrap().ready.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_lives_renews_what_it_holds_while_the_clock_is_moved() {
    let server = MemoryServer::starting_at(START);
    let store = server.coordination("one");
    let key = keys::node_lock("run", "node");
    assert!(store.acquire(&key, "alive#1", 15).await.unwrap().is_taken());
    store.increment("other", 15).await.unwrap();
    server.elapse(SECOND * 3600);
    assert_eq!(store.get(&key).await.unwrap().as_deref(), Some("alive#1"));
    assert_eq!(store.get("other").await.unwrap(), None);
    server.clock().advance(SECOND * 15);
    assert_eq!(store.get(&key).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_worker_held_runs_out_and_nothing_else() {
    let server = MemoryServer::starting_at(START);
    let store = server.coordination("one");
    let [dead, alive] = ["a", "b"].map(|node| keys::node_lock("run", node));
    store.acquire(&dead, "dead#1", 15).await.unwrap();
    store.acquire(&alive, "deadly#1", 15).await.unwrap();
    store.acquire(&keys::repair("jobs"), "dead", 15).await.unwrap();
    store.set_if_not_exist(keys::EPOCH, "dead#0", 15).await.unwrap();
    server.run_out("dead");
    // What was on its way takes nothing.
    assert!(!store.acquire(&dead, "dead#2", 15).await.unwrap().is_taken());
    for (key, expected) in [
        (dead, None),
        (alive, Some("deadly#1")),
        (keys::repair("jobs"), None),
        (keys::EPOCH.into(), Some("dead#0")),
    ] {
        assert_eq!(store.get(&key).await.unwrap().as_deref(), expected, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_out_fails_whatever_is_asked_until_it_is_back() {
    let world = World::new(None);
    let store = world.server.coordination("one");
    let record = world.server.database("one").record(&Tables::default());
    let mut consumer = world.consume(1);
    world.publish("held", None).await.unwrap();
    drop(consumer.next().await);
    world.server.set_outage(Server::Broker, true);
    consumer.lost().await;
    assert!(world.publish("lost", None).await.unwrap_err().is_transient());
    assert!(store.get("key").await.is_ok() && record.find_journal().await.is_ok());
    world.server.set_outage(Server::Coordination, true);
    world.server.set_outage(Server::Record, true);
    assert!(store.get("key").await.unwrap_err().is_transient());
    assert!(record.find_journal().await.unwrap_err().is_transient());
    for server in [Server::Broker, Server::Coordination, Server::Record] {
        world.server.set_outage(server, false);
    }
    assert!(store.get("key").await.is_ok() && record.find_journal().await.is_ok());
    world.publish("kept", None).await.unwrap();
    assert_eq!(world.ready("jobs"), ["held", "kept"]);
    consumer = world.consume(1);
    assert_eq!(world.server.load(&["jobs".to_owned()]), Load { held: 0, ready: 2 });
    let delivery = consumer.next().await;
    assert_eq!(world.server.load(&[]).held, 1);
    delivery.receipt.ack().await;
}

#[tokio::test]
async fn a_message_that_is_just_being_delivered_is_held_or_ready() {
    let world = World::new(None);
    world.publish("one", None).await.unwrap();
    let (server, is_over) = (world.server.clone(), Arc::new(AtomicBool::new(false)));
    let looking = std::thread::spawn({
        let is_over = is_over.clone();
        move || {
            while !is_over.load(Ordering::Relaxed) {
                let load = server.load(&["jobs".into()]);
                assert_eq!(load.held + load.ready, 1, "{load:?}");
            }
        }
    });
    let mut consumer = world.consume(1);
    for _ in 0..1_000 {
        consumer.next().await.receipt.requeue().await;
    }
    is_over.store(true, Ordering::Relaxed);
    looking.join().unwrap();
}

#[tokio::test]
async fn a_run_without_a_message_is_lost_and_a_moment_to_come_is_known() {
    let world = World::new(None);
    let tables = Tables { contexts: Some("c".into()), statuses: Some("s".into()) };
    for (run, status) in
        [("lost", "running"), ("queued", "running"), ("later", "running"), ("over", "completed")]
    {
        world.server.insert(&tables, run, "{}", Some(status)).unwrap();
    }
    let job = |run: &str| format!(r#"{{"runId":"{run}","blueprintId":"b","nodeId":"n"}}"#);
    assert_eq!(world.server.next_due(), None);
    world.publish(&job("queued"), None).await.unwrap();
    world.publish(&job("later"), Some(SECOND)).await.unwrap();
    let lost: Vec<String> = world.server.lost(&tables).into_iter().map(|lost| lost.run).collect();
    assert_eq!(lost, ["lost"]);
    let due = world.server.next_due().unwrap();
    assert!((START..=START + 2_000).contains(&due), "{due}");
    world.server.clock().advance(SECOND * 2);
    assert_eq!(world.server.next_due(), None);
}
