//! What recovery and reconcilers ask of the status rows.

use std::time::Duration;

use flowcraft_rabbitmq_adapter::ports::record::{StaleRun, StaleSearch};
use flowcraft_rabbitmq_adapter::workflow::ledger::RunStatus;

use super::promises;
use super::world::{World, json};

promises!(
    silent_runs_are_found_in_the_order_of_their_silence,
    of_two_who_claim_a_run_one_gets_it,
    of_two_who_claim_many_each_gets_others,
    runs_that_await_are_found_page_by_page,
    a_run_that_is_kept_alive_is_not_silent,
    of_good_tables_there_is_nothing_to_say,
    runs_are_overdue_by_a_sleeper_or_by_their_own_deadline,
);

const ALL: Duration = Duration::from_secs(3_600);

fn search(at_least: Duration) -> StaleSearch {
    StaleSearch { at_least, at_most: ALL, after: StaleRun::default(), limit: 10 }
}

async fn silent_runs_are_found_in_the_order_of_their_silence(world: &World) {
    for run in ["b", "a", "c"] {
        world.insert(run, "{}").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.record.write_result("c", RunStatus::Completed, &json("{}")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let found = world.record.stale(&search(Duration::from_millis(40))).await.unwrap();
    let names: Vec<&str> = found.iter().map(|stale| stale.run.as_str()).collect();
    assert_eq!(names, ["b", "a"]);
    let after = StaleSearch { after: found[0].clone(), ..search(Duration::ZERO) };
    assert_eq!(world.record.stale(&after).await.unwrap(), found[1..]);
    assert!(world.record.stale(&search(Duration::from_secs(60))).await.unwrap().is_empty());
}

async fn of_two_who_claim_a_run_one_gets_it(world: &World) {
    world.insert("r", "{}").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let stale = world.record.stale(&search(Duration::ZERO)).await.unwrap().remove(0);
    let (one, other) = tokio::join!(world.record.claim_stale(&stale), world.other.claim_stale(&stale));
    assert!(one.unwrap() != other.unwrap());
}

async fn of_two_who_claim_many_each_gets_others(world: &World) {
    for number in 0..10 {
        world.insert(&format!("r{number}"), "{}").await;
    }
    // Longer than the second claim may come after the first: by then a claimed run would be silent again.
    let silence = Duration::from_secs(2);
    tokio::time::sleep(silence + Duration::from_millis(20)).await;
    let claim = |record: &std::sync::Arc<dyn flowcraft_rabbitmq_adapter::ports::record::Record>| {
        let record = record.clone();
        async move { record.claim_stale_page(silence, "", 10).await.unwrap() }
    };
    let (one, other) = tokio::join!(claim(&world.record), claim(&world.other));
    let mut all: Vec<String> = one.into_iter().chain(other).collect();
    all.sort();
    let count = all.len();
    all.dedup();
    assert_eq!((all.len(), count), (10, 10));
}

async fn runs_that_await_are_found_page_by_page(world: &World) {
    for number in 0..5 {
        let run = format!("r{number}");
        world.insert(&run, "{}").await;
        if number % 2 == 1 {
            world.record.write_result(&run, RunStatus::Awaiting, &json("{}")).await.unwrap();
        }
    }
    let page = world.record.awaiting("", 3).await.unwrap();
    assert_eq!((page.last.as_deref(), page.awaiting.as_slice()), (Some("r2"), &["r1".to_owned()][..]));
    let page = world.record.awaiting("r2", 3).await.unwrap();
    assert_eq!((page.last.as_deref(), page.awaiting.as_slice()), (None, &["r3".to_owned()][..]));
}

async fn a_run_that_is_kept_alive_is_not_silent(world: &World) {
    world.insert("r", "{}").await;
    world.insert("ended", "{}").await;
    world.record.write_result("ended", RunStatus::Failed, &json("{}")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    world.record.keep_alive(&["r".into(), "ended".into(), "nobody".into()]).await.unwrap();
    assert!(world.record.stale(&search(Duration::from_millis(50))).await.unwrap().is_empty());
    assert_eq!(world.status("ended").await.unwrap().status, "failed");
}

async fn of_good_tables_there_is_nothing_to_say(world: &World) {
    assert_eq!(world.record.check().await.unwrap(), Vec::<String>::new());
    assert_eq!(world.record.refuses_id("any"), None);
}

/// The keys of a run with this ledger and this start.
fn reserved(ledger: &str, start: &str) -> String {
    format!(r#"{{"_flowcraft":{{"ledger":{ledger},"start":{start}}}}}"#)
}

async fn runs_are_overdue_by_a_sleeper_or_by_their_own_deadline(world: &World) {
    let sleeper = |until: u64| {
        format!(
            r#"{{"status":"awaiting","nodes":{{"n":{{"state":"awaiting","round":1,"not_before":{until}}}}}}}"#
        )
    };
    let waits = r#"{"status":"awaiting","nodes":{"n":{"state":"awaiting","round":1}}}"#;
    let start = |deadline: &str| format!(r#"{{"mark":"m","at":1{deadline}}}"#);
    for (run, ledger, deadline) in [
        ("slept", sleeper(99), ""),
        ("sleeps", sleeper(100), ""),
        ("late", waits.to_owned(), r#","deadline":99"#),
        ("in-time", waits.to_owned(), r#","deadline":100"#),
        ("any-time", waits.to_owned(), ""),
    ] {
        world.insert(run, &reserved(&ledger, &start(deadline))).await;
    }
    let runs = ["slept", "sleeps", "late", "in-time", "any-time", "nobody"].map(str::to_owned);
    let mut overdue = world.record.overdue(&runs, 100).await.unwrap();
    overdue.sort();
    assert_eq!(overdue, ["late", "slept"]);
}
