//! What happened when, where its table was made.

use std::time::Duration;

use flowcraft_rabbitmq_adapter::migrations::{Direction, THROUGHPUT, Target};
use flowcraft_rabbitmq_adapter::ports::throughput::{
    HOURLY_AFTER, KEPT_FOR, MERGED_AFTER, MinuteCount, WRITTEN_FOR,
};
use flowcraft_rabbitmq_adapter::ports::watching::{By, EndSearch};

use super::promises;
use super::world::World;

promises!(
    counts_of_all_writers_are_told_by_what_is_asked,
    a_writer_says_a_minute_again_and_it_counts_once,
    old_counts_become_fewer_and_say_the_same_until_they_are_too_old,
    a_minute_that_is_over_for_its_writer_takes_no_more,
    without_the_table_nothing_is_stored,
);

const MINUTE: u64 = 60_000;
const MONTH: Duration = Duration::from_secs(40 * 24 * 3_600);

async fn now(world: &World) -> u64 {
    world.record.time().await.unwrap() / MINUTE
}

fn count(minute: u64, (blueprint, queue): (&str, &str), outcome: &'static str, count: u64) -> MinuteCount {
    MinuteCount { minute, blueprint: blueprint.into(), queue: queue.into(), outcome, count }
}

async fn store(world: &World, writer: &str, counts: &[MinuteCount]) {
    assert!(world.record.store_throughput(writer, counts, false).await.unwrap());
}

/// What is stored of a time, in one step.
async fn told(world: &World, within: Duration, by: By) -> Vec<String> {
    let outcomes = ["completed", "failed", "nodes"].map(Into::into).to_vec();
    let step = Duration::from_secs(1_000_000_000_000);
    let ends = world.other.ends(&EndSearch { within, step, by, outcomes }).await.unwrap();
    let text = |name: &Option<String>| name.clone().unwrap_or_else(|| "-".into());
    ends.iter()
        .map(|end| format!("{} {} {} {}", end.status, text(&end.blueprint), text(&end.queue), end.count))
        .collect()
}

async fn counts_of_all_writers_are_told_by_what_is_asked(world: &World) {
    world.record.migrate(Target::UP).await.unwrap();
    let now = now(world).await;
    let (one, two) = (("one", "q"), ("two", "q"));
    store(
        world,
        "w1",
        &[count(now, one, "completed", 3), count(now - 1, one, "completed", 2), count(now, two, "failed", 1)],
    )
    .await;
    store(
        world,
        "w2",
        &[count(now, one, "completed", 4), count(now, ("", "r"), "nodes", 9), count(now, one, "started", 9)],
    )
    .await;
    let hour = Duration::from_secs(3_600);
    assert_eq!(
        told(world, hour, By::Blueprint).await,
        ["completed one - 9", "failed two - 1", "nodes - - 9"]
    );
    assert_eq!(told(world, hour, By::Queue).await, ["completed - q 9", "failed - q 1", "nodes - r 9"]);
    let step = Duration::from_secs(60);
    let search = EndSearch { within: hour, step, by: By::Blueprint, outcomes: vec!["completed".into()] };
    let ends = world.record.ends(&search).await.unwrap();
    let steps: Vec<_> = ends.iter().map(|end| (end.from / MINUTE, end.count)).collect();
    assert_eq!(steps, [(now - 1, 2), (now, 7)]);
}

async fn a_writer_says_a_minute_again_and_it_counts_once(world: &World) {
    world.record.migrate(Target::UP).await.unwrap();
    let now = now(world).await;
    for number in [3, 3, 7, 5] {
        store(world, "w", &[count(now, ("b", "q"), "completed", number)]).await;
    }
    assert_eq!(told(world, MONTH, By::Blueprint).await, ["completed b - 7"]);
}

async fn old_counts_become_fewer_and_say_the_same_until_they_are_too_old(world: &World) {
    world.record.migrate(Target::UP).await.unwrap();
    let start = now(world).await;
    let fold = async || world.record.store_throughput("w3", &[], true).await.unwrap();
    store(
        world,
        "w1",
        &[count(start, ("b", "q"), "completed", 3), count(start - 1, ("b", "q"), "completed", 1)],
    )
    .await;
    store(world, "w2", &[count(start, ("b", "q"), "completed", 4)]).await;
    for passed in [0, MERGED_AFTER + 2, HOURLY_AFTER, 120] {
        world.pass_minutes(passed).await;
        fold().await;
        fold().await;
        assert_eq!(told(world, MONTH, By::Blueprint).await, ["completed b - 8"], "{passed}");
    }
    // They are told by the hour now: nothing of it is in the minutes of another.
    let step = Duration::from_secs(60);
    let search = EndSearch { within: MONTH, step, by: By::Queue, outcomes: vec!["completed".into()] };
    let ends = world.record.ends(&search).await.unwrap();
    assert!(ends.len() <= 2 && ends.iter().all(|end| (end.from / MINUTE).is_multiple_of(60)), "{ends:?}");
    world.pass_minutes(KEPT_FOR).await;
    fold().await;
    assert!(told(world, MONTH * 2, By::Blueprint).await.is_empty());
}

async fn a_minute_that_is_over_for_its_writer_takes_no_more(world: &World) {
    world.record.migrate(Target::UP).await.unwrap();
    let old = now(world).await - WRITTEN_FOR - 3;
    store(world, "w", &[count(old, ("b", "q"), "completed", 3)]).await;
    assert!(told(world, MONTH, By::Blueprint).await.is_empty());
}

async fn without_the_table_nothing_is_stored(world: &World) {
    world.record.migrate(Target::UP).await.unwrap();
    let down = Target { direction: Direction::Down, to: Some(THROUGHPUT - 1), dry_run: false };
    world.record.migrate(down).await.unwrap();
    let counts = [count(now(world).await, ("b", "q"), "completed", 3)];
    assert!(!world.record.store_throughput("w", &counts, true).await.unwrap());
    world.record.migrate(Target::UP).await.unwrap();
    assert!(told(world, MONTH, By::Blueprint).await.is_empty());
}
