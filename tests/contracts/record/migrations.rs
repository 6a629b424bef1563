//! Steps of migration: whole, in their order, told of, and taken away again.

use flowcraft_rabbitmq_adapter::migrations::{Direction, LAST, StepReport, Target};

use super::promises;
use super::world::World;

promises!(
    steps_are_taken_in_their_order_and_once,
    steps_are_taken_away_in_the_other_order,
    a_target_in_the_middle_is_kept,
    a_dry_run_says_what_would_be_done_and_changes_nothing,
    steps_that_do_not_exist_are_refused,
    several_at_once_take_each_step_once,
);

async fn numbers(world: &World, target: Target) -> Vec<u32> {
    steps(&world.record.migrate(target).await.unwrap())
}

fn steps(reports: &[StepReport]) -> Vec<u32> {
    reports.iter().map(|report| report.step).collect()
}

async fn done(world: &World) -> Vec<u32> {
    let status = world.other.migrations().await.unwrap();
    assert_eq!(status.len(), usize::try_from(LAST).unwrap());
    assert!(status.iter().all(|step| step.done == step.done_at.is_some()), "{status:?}");
    status.iter().filter(|step| step.done).map(|step| step.step).collect()
}

fn to(direction: Direction, to: u32) -> Target {
    Target { direction, to: Some(to), dry_run: false }
}

async fn steps_are_taken_in_their_order_and_once(world: &World) {
    world.record.migrate(Target::DOWN).await.unwrap();
    assert!(done(world).await.is_empty());
    assert_eq!(numbers(world, Target::UP).await, (1..=LAST).collect::<Vec<_>>());
    assert_eq!(done(world).await, (1..=LAST).collect::<Vec<_>>());
    assert!(numbers(world, Target::UP).await.is_empty());
    assert!(world.other.find_journal().await.unwrap());
}

async fn steps_are_taken_away_in_the_other_order(world: &World) {
    world.record.migrate(Target::UP).await.unwrap();
    assert_eq!(numbers(world, Target::DOWN).await, (1..=LAST).rev().collect::<Vec<_>>());
    assert!(numbers(world, Target::DOWN).await.is_empty());
    assert!(done(world).await.is_empty() && !world.other.find_journal().await.unwrap());
}

async fn a_target_in_the_middle_is_kept(world: &World) {
    world.record.migrate(Target::DOWN).await.unwrap();
    assert_eq!(numbers(world, to(Direction::Up, 2)).await, [1, 2]);
    assert!(numbers(world, to(Direction::Up, 1)).await.is_empty(), "up takes nothing away");
    assert_eq!(done(world).await, [1, 2]);
    assert_eq!(numbers(world, Target::UP).await, (3..=LAST).collect::<Vec<_>>());
    assert_eq!(numbers(world, to(Direction::Down, 1)).await, (2..=LAST).rev().collect::<Vec<_>>());
    assert_eq!(done(world).await, [1]);
    assert!(world.other.find_journal().await.unwrap());
}

async fn a_dry_run_says_what_would_be_done_and_changes_nothing(world: &World) {
    for (before, target) in [(Target::DOWN, Target::UP), (Target::UP, Target::DOWN)] {
        world.record.migrate(before).await.unwrap();
        let was = done(world).await;
        let said = world.record.migrate(Target { dry_run: true, ..target }).await.unwrap();
        assert_eq!(done(world).await, was);
        assert_eq!(world.record.migrate(target).await.unwrap(), said);
    }
}

async fn steps_that_do_not_exist_are_refused(world: &World) {
    let error = world.record.migrate(to(Direction::Up, LAST + 1)).await.unwrap_err();
    assert_eq!(error.option, Some("to"));
}

async fn several_at_once_take_each_step_once(world: &World) {
    for target in [Target::DOWN, Target::UP, Target::DOWN] {
        let (one, other) = tokio::join!(world.record.migrate(target), world.other.migrate(target));
        let mut all = [steps(&one.unwrap()), steps(&other.unwrap())].concat();
        all.sort_unstable();
        let mut once = all.clone();
        once.dedup();
        assert_eq!(all, once);
    }
    assert!(done(world).await.is_empty());
}
