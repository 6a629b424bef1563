//! The table of what is paused, where it was made.

use flowcraft_rabbitmq_adapter::migrations::Target;
use flowcraft_rabbitmq_adapter::ports::halting::{HaltWrite, Haltable};

use super::promises;
use super::world::World;

promises!(what_is_paused_stays_so_until_it_is_lifted, without_the_table_nothing_can_be_paused);

/// What is paused, by its names and reasons.
async fn paused(world: &World) -> Option<Vec<(Haltable, Option<String>)>> {
    let halts = world.other.halts().await.unwrap()?;
    let now = world.other.time().await.unwrap();
    assert!(halts.iter().all(|halt| halt.since.abs_diff(now) < 60_000), "{halts:?}");
    Some(halts.into_iter().map(|halt| (halt.what, halt.reason)).collect())
}

async fn what_is_paused_stays_so_until_it_is_lifted(world: &World) {
    world.record.migrate(Target::UP).await.unwrap();
    assert_eq!(paused(world).await, Some(vec![]));
    let (queue, blueprint) = (Haltable::Queue("a'b".into()), Haltable::Blueprint("a'b".into()));
    let pause =
        |what: &Haltable, why: Option<&str>| HaltWrite::Pause(what.clone(), why.map(ToOwned::to_owned));
    for (write, changes) in [
        (pause(&queue, Some("why")), true),
        (pause(&queue, Some("another")), false),
        (pause(&blueprint, None), true),
    ] {
        assert_eq!(world.record.write_halt(&write).await.unwrap(), Some(changes), "{write:?}");
    }
    let all = vec![(blueprint.clone(), None), (queue.clone(), Some("why".to_owned()))];
    assert_eq!(paused(world).await, Some(all));
    let lift = HaltWrite::Lift(queue);
    for changes in [true, false] {
        assert_eq!(world.record.write_halt(&lift).await.unwrap(), Some(changes));
    }
    assert_eq!(paused(world).await, Some(vec![(blueprint, None)]));
}

async fn without_the_table_nothing_can_be_paused(world: &World) {
    world.record.migrate(Target::DOWN).await.unwrap();
    assert_eq!(world.record.halts().await.unwrap(), None);
    let pause = HaltWrite::Pause(Haltable::Queue("q".into()), None);
    assert_eq!(world.record.write_halt(&pause).await.unwrap(), None);
}
