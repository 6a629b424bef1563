//! The five operations that every store has.

use std::time::Duration;

use futures_util::future::join_all;

use super::world::World;

super::promises! {
    counters_count_every_increment,
    a_counter_lives_as_long_as_its_last_increment_says,
    one_of_many_sets_a_key,
    a_key_that_has_expired_can_be_set_again,
    a_key_lives_longer_when_it_is_told_to,
    a_key_that_is_not_there_is_not_extended,
    a_key_told_to_live_for_nothing_is_gone,
    what_would_not_live_is_not_set,
    a_deleted_key_is_gone,
    a_text_is_no_counter,
    keys_and_values_are_any_texts,
}

const SECOND: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_millis(1100);

async fn counters_count_every_increment(world: &World) {
    let counts = join_all((0..50).map(|_| world.store.increment("counter", 60))).await;
    let mut counts: Vec<i64> = counts.into_iter().map(Result::unwrap).collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=50).collect::<Vec<_>>());
    assert_eq!(world.store.get("counter").await.unwrap().as_deref(), Some("50"));
    assert_eq!(world.store.increment("other", 60).await.unwrap(), 1);
}

async fn a_counter_lives_as_long_as_its_last_increment_says(world: &World) {
    assert_eq!(world.store.increment("counter", 1).await.unwrap(), 1);
    world.pass(SECOND / 2).await;
    assert_eq!(world.store.increment("counter", 1).await.unwrap(), 2);
    world.pass(SECOND * 7 / 10).await;
    assert_eq!(world.store.get("counter").await.unwrap().as_deref(), Some("2"));
    world.pass(SECOND / 2).await;
    assert_eq!(world.store.get("counter").await.unwrap(), None);
    assert_eq!(world.store.increment("counter", 60).await.unwrap(), 1);
}

async fn one_of_many_sets_a_key(world: &World) {
    let owners: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    let set = join_all(owners.iter().map(|owner| world.store.set_if_not_exist("key", owner, 60))).await;
    let won: Vec<usize> = (0..20).filter(|place| *set[*place].as_ref().unwrap()).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(world.store.get("key").await.unwrap().as_ref(), Some(&owners[won[0]]));
}

async fn a_key_that_has_expired_can_be_set_again(world: &World) {
    assert!(world.store.set_if_not_exist("key", "one", 1).await.unwrap());
    assert!(!world.store.set_if_not_exist("key", "two", 1).await.unwrap());
    world.pass(MOST).await;
    assert_eq!(world.store.get("key").await.unwrap(), None);
    assert!(world.store.set_if_not_exist("key", "two", 60).await.unwrap());
    assert_eq!(world.store.get("key").await.unwrap().as_deref(), Some("two"));
}

async fn a_key_lives_longer_when_it_is_told_to(world: &World) {
    world.store.set_if_not_exist("key", "value", 1).await.unwrap();
    assert!(world.store.extend_ttl("key", 60).await.unwrap());
    world.pass(MOST).await;
    assert_eq!(world.store.get("key").await.unwrap().as_deref(), Some("value"));
    // And shorter.
    assert!(world.store.extend_ttl("key", 1).await.unwrap());
    world.pass(MOST).await;
    assert_eq!(world.store.get("key").await.unwrap(), None);
}

async fn a_key_that_is_not_there_is_not_extended(world: &World) {
    assert!(!world.store.extend_ttl("key", 60).await.unwrap());
    world.store.set_if_not_exist("key", "value", 1).await.unwrap();
    world.pass(MOST).await;
    assert!(!world.store.extend_ttl("key", 60).await.unwrap());
    assert_eq!(world.store.get("key").await.unwrap(), None);
}

async fn a_key_told_to_live_for_nothing_is_gone(world: &World) {
    world.store.set_if_not_exist("key", "value", 60).await.unwrap();
    assert!(world.store.extend_ttl("key", 0).await.unwrap());
    assert_eq!(world.store.get("key").await.unwrap(), None);
    assert_eq!(world.store.increment("counter", 0).await.unwrap(), 1);
    assert_eq!(world.store.get("counter").await.unwrap(), None);
}

async fn what_would_not_live_is_not_set(world: &World) {
    assert!(world.store.set_if_not_exist("key", "value", 0).await.is_err());
    assert_eq!(world.store.get("key").await.unwrap(), None);
}

async fn a_deleted_key_is_gone(world: &World) {
    world.store.set_if_not_exist("key", "value", 60).await.unwrap();
    world.store.delete("key").await.unwrap();
    assert_eq!(world.store.get("key").await.unwrap(), None);
    world.store.delete("key").await.unwrap();
    assert!(world.store.set_if_not_exist("key", "other", 60).await.unwrap());
}

async fn a_text_is_no_counter(world: &World) {
    world.store.set_if_not_exist("key", "locked", 60).await.unwrap();
    assert!(world.store.increment("key", 60).await.is_err());
    assert_eq!(world.store.get("key").await.unwrap().as_deref(), Some("locked"));
}

async fn keys_and_values_are_any_texts(world: &World) {
    let texts = [
        "",
        " ",
        "a:b:{c}",
        "quote\" and 'quote'",
        "line\nline\r\n",
        "Grüße 世界 🦀",
        "nul\0nul",
        "%s {} $1",
    ];
    for (place, text) in texts.iter().enumerate() {
        let key = format!("{place}{text}");
        assert!(world.store.set_if_not_exist(&key, text, 60).await.unwrap());
        assert_eq!(world.store.get(&key).await.unwrap().as_deref(), Some(*text));
        let lease = format!("lease {key}");
        assert!(world.store.acquire(&lease, text, 60).await.unwrap().is_taken(), "{text:?}");
        assert!(world.store.acquire(&lease, text, 60).await.unwrap().is_taken(), "{text:?}");
        assert!(!world.store.acquire(&lease, "other", 60).await.unwrap().is_taken(), "{text:?}");
        world.store.release(&lease, text).await.unwrap();
    }
}
