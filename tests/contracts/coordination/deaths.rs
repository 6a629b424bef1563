//! Deaths: counted for what had started under a lease that ran out, and forgotten once it is answered.

use std::time::Duration;

use flowcraft_rabbitmq_adapter::ports::coordination::{Acquired, Lease, Stage, Start};

use super::world::World;

super::promises! {
    who_dies_under_a_lease_is_counted,
    who_gives_a_lease_up_did_not_die,
    a_suspect_has_not_started_before_it_says_so,
    deaths_are_counted_until_an_answer,
    another_round_is_another_execution,
    an_old_copy_changes_nothing,
    a_worker_that_asks_again_is_alive,
    a_worker_without_user_code_is_dead,
    a_lease_that_is_renewed_after_a_flush_is_noted_again,
    an_owner_that_lost_its_lease_and_lives_says_so,
}

/// How long a lease lives here, in seconds.
const TTL: u64 = 1;

fn lease(owner: &str, round: impl Into<Option<u32>>, stage: Stage) -> Lease {
    Lease::new("flowcraft:nodelock:r:n", owner, TTL).of(Some(Start { round: round.into(), stage }))
}

/// Takes a lease for an execution; how many died of it.
async fn takes(world: &World, owner: &str, round: impl Into<Option<u32>>) -> u32 {
    tells(world, owner, round, Stage::Starts).await
}

async fn tells(world: &World, owner: &str, round: impl Into<Option<u32>>, stage: Stage) -> u32 {
    match world.store.acquire_lease(&lease(owner, round, stage)).await.unwrap() {
        Acquired::No => panic!("{owner} does not get the lease"),
        Acquired::Yes | Acquired::Fresh => 0,
        Acquired::Suspect(deaths) => deaths,
    }
}

async fn releases(world: &World, owner: &str, stage: Stage) {
    world.store.release_lease(&lease(owner, 1, stage)).await.unwrap();
    world.store.close().await;
}

/// Whoever has the lease does not renew it.
async fn runs_out(world: &World) {
    world.pass(Duration::from_millis(TTL * 1000 + 100)).await;
}

/// Whether the store counts: one with the basic operations alone never says that somebody died.
async fn counts(world: &World) -> bool {
    takes(world, "probe#1", 1).await;
    runs_out(world).await;
    let counts = takes(world, "other#1", 1).await == 1;
    releases(world, "other#1", Stage::Answered).await;
    if !counts {
        runs_out(world).await;
        assert_eq!(takes(world, "third#1", 1).await, 0);
    }
    counts
}

async fn who_dies_under_a_lease_is_counted(world: &World) {
    if !counts(world).await {
        return;
    }
    assert_eq!(takes(world, "a#1", 1).await, 0);
    assert_eq!(takes(world, "a#1", 1).await, 0, "it renews it");
    runs_out(world).await;
    assert_eq!(takes(world, "b#1", 1).await, 1);
}

async fn who_gives_a_lease_up_did_not_die(world: &World) {
    if !counts(world).await {
        return;
    }
    for stage in [Stage::Starts, Stage::Answered, Stage::Waits] {
        assert_eq!(takes(world, "a#1", 1).await, 0, "{stage:?}");
        releases(world, "a#1", stage).await;
    }
    // Where it was answered, nobody dies of it any more.
    tells(world, "a#1", 1, Stage::Waits).await;
    runs_out(world).await;
    assert_eq!(takes(world, "b#1", 1).await, 0);
}

async fn a_suspect_has_not_started_before_it_says_so(world: &World) {
    if !counts(world).await {
        return;
    }
    takes(world, "a#1", 1).await;
    for (owner, says_so, expected) in
        [("b#1", false, 1), ("c#1", true, 1), ("d#1", false, 2), ("e#1", false, 2)]
    {
        runs_out(world).await;
        assert_eq!(takes(world, owner, 1).await, expected, "{owner}");
        if says_so {
            assert_eq!(tells(world, owner, 1, Stage::Started).await, expected);
        }
    }
}

async fn deaths_are_counted_until_an_answer(world: &World) {
    if !counts(world).await {
        return;
    }
    takes(world, "a#1", 1).await;
    for (owner, expected) in [("b#1", 1), ("c#1", 2), ("d#1", 3)] {
        runs_out(world).await;
        assert_eq!(takes(world, owner, 1).await, expected);
        // Given up without an answer, taken again.
        releases(world, owner, Stage::Waits).await;
        assert_eq!(takes(world, owner, 1).await, expected);
        tells(world, owner, 1, Stage::Started).await;
    }
    releases(world, "d#1", Stage::Answered).await;
    assert_eq!(takes(world, "e#1", 1).await, 0);
}

async fn another_round_is_another_execution(world: &World) {
    if !counts(world).await {
        return;
    }
    // A client's first message names no round.
    for (owner, round, expected) in
        [("a#1", None, 0), ("b#1", Some(1), 1), ("c#1", None, 1), ("d#1", Some(2), 0), ("e#1", Some(2), 1)]
    {
        assert_eq!(takes(world, owner, round).await, expected, "{owner}");
        runs_out(world).await;
    }
}

async fn an_old_copy_changes_nothing(world: &World) {
    if !counts(world).await {
        return;
    }
    takes(world, "a#1", 2).await;
    runs_out(world).await;
    assert_eq!(takes(world, "b#1", 1).await, 0, "what it is for is over");
    runs_out(world).await;
    assert_eq!(takes(world, "c#1", 2).await, 1);
}

async fn a_worker_that_asks_again_is_alive(world: &World) {
    if !counts(world).await {
        return;
    }
    // Its first request took effect, and its answer was lost.
    takes(world, "host:7#1", 1).await;
    runs_out(world).await;
    assert_eq!(takes(world, "host:7#2", 1).await, 0);
}

async fn a_worker_without_user_code_is_dead(world: &World) {
    if !counts(world).await {
        return;
    }
    takes(world, "a#1", 1).await;
    releases(world, "a#1", Stage::Died).await;
    assert_eq!(takes(world, "b#1", 1).await, 1);
    // It had not started.
    releases(world, "b#1", Stage::Died).await;
    assert_eq!(takes(world, "c#1", 1).await, 1);
}

async fn a_lease_that_is_renewed_after_a_flush_is_noted_again(world: &World) {
    if !counts(world).await {
        return;
    }
    takes(world, "a#1", 1).await;
    for key in ["flowcraft:nodelock:r:n", "flowcraft:started:r:n"] {
        world.store.delete(key).await.unwrap();
    }
    assert_eq!(takes(world, "a#1", 1).await, 0);
    runs_out(world).await;
    assert_eq!(takes(world, "b#1", 1).await, 1);
}

async fn an_owner_that_lost_its_lease_and_lives_says_so(world: &World) {
    if !counts(world).await {
        return;
    }
    for stage in [Stage::Starts, Stage::Answered] {
        takes(world, "a#1", 1).await;
        runs_out(world).await;
        releases(world, "a#1", stage).await;
        assert_eq!(takes(world, "b#1", 1).await, 0, "{stage:?}");
        releases(world, "b#1", Stage::Answered).await;
    }
}
