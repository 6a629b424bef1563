//! The table of workers, where it was made.

use flowcraft_rabbitmq_adapter::migrations::Target;
use flowcraft_rabbitmq_adapter::ports::announcement::Announcement;

use super::promises;
use super::world::World;

promises!(a_worker_is_heard_of_while_it_says_so, without_the_table_nothing_is_kept);

fn says<'a>(worker: &'a str, card: &'a str, ttl: u64) -> Announcement<'a> {
    Announcement { worker, card, ttl }
}

/// The workers that are alive, by what they say.
async fn alive(world: &World) -> Option<Vec<serde_json::Value>> {
    let announced = world.other.announced().await.unwrap()?;
    assert!(announced.iter().all(|worker| worker.age < 10_000), "{announced:?}");
    Some(announced.iter().map(|worker| serde_json::from_str(&worker.card).unwrap()).collect())
}

async fn a_worker_is_heard_of_while_it_says_so(world: &World) {
    world.record.migrate(Target::UP).await.unwrap();
    assert_eq!(alive(world).await, Some(vec![]));
    assert!(world.record.announce(&says("b", r#"{"id":"b"}"#, 60)).await.unwrap());
    assert!(world.record.announce(&says("a'", r#"{"id":"a'"}"#, 60)).await.unwrap());
    assert!(world.record.announce(&says("b", r#"{"id":"b","slots":2}"#, 60)).await.unwrap());
    let (a, b) = (serde_json::json!({ "id": "a'" }), serde_json::json!({ "id": "b", "slots": 2 }));
    assert_eq!(alive(world).await, Some(vec![a.clone(), b]));
    assert!(world.record.announce(&says("b", r#"{"id":"b"}"#, 0)).await.unwrap());
    assert_eq!(alive(world).await, Some(vec![a]));
    world.record.withdraw("a'").await.unwrap();
    world.record.withdraw("nobody").await.unwrap();
    assert_eq!(alive(world).await, Some(vec![]));
}

async fn without_the_table_nothing_is_kept(world: &World) {
    world.record.migrate(Target::DOWN).await.unwrap();
    assert!(!world.record.announce(&says("a", "{}", 60)).await.unwrap());
    world.record.withdraw("a").await.unwrap();
    assert_eq!(alive(world).await, None);
}
