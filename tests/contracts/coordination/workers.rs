//! Workers that say that they live.

use std::time::Duration;

use flowcraft_rabbitmq_adapter::ports::announcement::Announcement;

use super::world::World;

super::promises! {
    a_worker_is_heard_of_while_it_says_so,
    who_says_nothing_more_is_forgotten,
}

fn says<'a>(worker: &'a str, card: &'a str, ttl: u64) -> Announcement<'a> {
    Announcement { worker, card, ttl }
}

/// What the living say, sorted; none where the store keeps no such words.
async fn alive(world: &World) -> Option<Vec<String>> {
    let mut cards: Vec<String> =
        world.store.announced().await.unwrap()?.into_iter().map(|worker| worker.card).collect();
    cards.sort();
    Some(cards)
}

async fn a_worker_is_heard_of_while_it_says_so(world: &World) {
    if !world.store.announce(&says("a", "{\"id\":\"a\"}", 60)).await.unwrap() {
        // One with the basic operations alone keeps nothing, and says so.
        assert_eq!(alive(world).await, None);
        return world.store.withdraw("a").await.unwrap();
    }
    for card in ["one", "two words\nand a line: 7 7 {\"ü\":1}"] {
        assert!(world.store.announce(&says("b", card, 60)).await.unwrap());
        assert_eq!(alive(world).await, Some(vec![card.to_owned(), "{\"id\":\"a\"}".to_owned()]).map(sorted));
    }
    world.store.withdraw("a").await.unwrap();
    world.store.withdraw("nobody").await.unwrap();
    assert_eq!(alive(world).await.unwrap().len(), 1);
}

fn sorted(mut cards: Vec<String>) -> Vec<String> {
    cards.sort();
    cards
}

async fn who_says_nothing_more_is_forgotten(world: &World) {
    if !world.store.announce(&says("short", "short", 1)).await.unwrap() {
        return;
    }
    world.store.announce(&says("long", "long", 60)).await.unwrap();
    world.pass(Duration::from_millis(600)).await;
    let ages: Vec<u64> =
        world.store.announced().await.unwrap().unwrap().iter().map(|worker| worker.age).collect();
    assert!(ages.len() == 2 && ages.iter().all(|age| (600..5_000).contains(age)), "{ages:?}");
    world.pass(Duration::from_millis(600)).await;
    assert_eq!(alive(world).await, Some(vec!["long".to_owned()]));
}
