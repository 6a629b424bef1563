//! Leases: taken, renewed and given up by their owner.

use std::time::Duration;

use flowcraft_rabbitmq_adapter::ports::coordination::{Acquired, GIVEN_UP_STAYS, Lease};
use flowcraft_rabbitmq_adapter::ports::keys::RECONCILER_MARK;
use futures_util::future::join_all;

use super::world::World;

super::promises! {
    a_lease_has_one_owner,
    many_leases_are_taken_at_a_time,
    a_lease_that_is_renewed_lives_on,
    a_lease_that_is_not_renewed_is_free,
    only_its_owner_gives_a_lease_up,
    what_was_given_up_a_moment_ago_is_not_fresh,
    the_mark_of_the_reconciler_gives_way,
    leases_are_asked_for_together,
    what_is_given_up_is_given_up_before_the_store_is_closed,
}

const SECOND: Duration = Duration::from_secs(1);

async fn a_lease_has_one_owner(world: &World) {
    assert!(world.store.acquire("lease", "one", 60).await.unwrap().is_taken());
    assert!(!world.store.acquire("lease", "other", 60).await.unwrap().is_taken());
    assert!(world.store.acquire("lease", "one", 60).await.unwrap().is_taken());
    assert_eq!(world.store.get("lease").await.unwrap().as_deref(), Some("one"));
    let owners: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    let taken = join_all(owners.iter().map(|owner| world.store.acquire("contended", owner, 60))).await;
    let won: Vec<usize> = (0..20).filter(|place| taken[*place].as_ref().unwrap().is_taken()).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(world.store.get("contended").await.unwrap().as_ref(), Some(&owners[won[0]]));
}

async fn many_leases_are_taken_at_a_time(world: &World) {
    world.store.acquire("lease 30", "other", 60).await.unwrap();
    let keys: Vec<String> = (0..200).map(|number| format!("lease {number}")).collect();
    let taken = join_all(keys.iter().map(|key| world.store.acquire(key, key, 60))).await;
    for (place, taken) in taken.into_iter().enumerate() {
        assert_eq!(taken.unwrap().is_taken(), place != 30, "{place}");
    }
    join_all(keys.iter().map(|key| world.store.release(key, key))).await;
    world.store.close().await;
    for (place, key) in keys.iter().enumerate() {
        assert_eq!(is_free(world, key).await, place != 30, "{place}");
    }
}

async fn a_lease_that_is_renewed_lives_on(world: &World) {
    for _ in 0..4 {
        assert!(world.store.acquire("lease", "one", 1).await.unwrap().is_taken());
        world.pass(SECOND * 6 / 10).await;
        assert!(!world.store.acquire("lease", "other", 60).await.unwrap().is_taken());
    }
}

async fn a_lease_that_is_not_renewed_is_free(world: &World) {
    assert!(world.store.acquire("lease", "one", 1).await.unwrap().is_taken());
    world.pass(SECOND * 11 / 10).await;
    assert!(world.store.acquire("lease", "other", 60).await.unwrap().is_taken());
    assert!(!world.store.acquire("lease", "one", 60).await.unwrap().is_taken());
}

async fn only_its_owner_gives_a_lease_up(world: &World) {
    world.store.acquire("lease", "one", 60).await.unwrap();
    world.store.release("lease", "other").await.unwrap();
    world.store.release("none", "other").await.unwrap();
    world.store.close().await;
    assert_eq!(world.store.get("lease").await.unwrap().as_deref(), Some("one"));
    world.store.release("lease", "one").await.unwrap();
    world.store.close().await;
    assert!(is_free(world, "lease").await);
}

/// Whether nobody has a lease. A store may remember for a while that somebody gave it up.
async fn is_free(world: &World, key: &str) -> bool {
    matches!(world.store.get(key).await.unwrap().as_deref(), None | Some(RECONCILER_MARK))
}

/// A load that began before its lease was had is worth something only if nobody had the lease meanwhile.
async fn what_was_given_up_a_moment_ago_is_not_fresh(world: &World) {
    let first = world.store.acquire("lease", "one", 60).await.unwrap();
    world.store.release("lease", "one").await.unwrap();
    world.store.close().await;
    assert_eq!(world.store.acquire("lease", "other", 60).await.unwrap(), Acquired::Yes);
    world.store.release("lease", "other").await.unwrap();
    world.store.close().await;
    world.pass(Duration::from_millis(GIVEN_UP_STAYS * 1000 + 100)).await;
    // A store with the basic operations alone never says so.
    assert_eq!(world.store.acquire("lease", "one", 60).await.unwrap(), first);
    assert_ne!(first, Acquired::No);
}

async fn the_mark_of_the_reconciler_gives_way(world: &World) {
    assert!(world.store.set_if_not_exist("lease", RECONCILER_MARK, 60).await.unwrap());
    assert!(world.store.acquire("lease", "one", 60).await.unwrap().is_taken());
    assert!(!world.store.acquire("lease", "other", 60).await.unwrap().is_taken());
    assert_eq!(world.store.get("lease").await.unwrap().as_deref(), Some("one"));
}

async fn leases_are_asked_for_together(world: &World) {
    world.store.acquire("b", "other", 60).await.unwrap();
    let leases = [Lease::new("a", "one", 60), Lease::new("b", "one", 60), Lease::new("c", "one", 60)];
    let taken = world.store.acquire_many(&leases).await;
    assert_eq!(
        taken.into_iter().map(|taken| taken.unwrap().is_taken()).collect::<Vec<_>>(),
        [true, false, true]
    );
    world.store.release_many(&leases).await.unwrap();
    assert!(is_free(world, "a").await && is_free(world, "c").await);
    assert_eq!(world.store.get("b").await.unwrap().as_deref(), Some("other"));
    assert!(world.store.acquire_many(&[]).await.is_empty());
    world.store.release_many(&[]).await.unwrap();
}

async fn what_is_given_up_is_given_up_before_the_store_is_closed(world: &World) {
    let keys: Vec<String> = (0..50).map(|number| format!("lease {number}")).collect();
    join_all(keys.iter().map(|key| world.store.acquire(key, "one", 60))).await;
    join_all(keys.iter().map(|key| world.store.release(key, "one"))).await;
    world.store.close().await;
    let taken = join_all(keys.iter().map(|key| world.store.acquire(key, "other", 60))).await;
    assert!(taken.into_iter().all(|taken| taken.unwrap().is_taken()));
}
