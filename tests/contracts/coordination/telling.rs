//! Runs that are told of.

use std::time::Duration;

use super::world::World;

super::promises! {
    who_listens_hears_what_is_told_from_then_on_in_its_order,
    all_who_listen_hear_the_same,
    telling_nobody_is_no_error,
}

/// Longer than anything takes that is to happen at once.
const SOON: Duration = Duration::from_secs(20);

async fn who_listens_hears_what_is_told_from_then_on_in_its_order(world: &World) {
    world.store.tell("before").await.unwrap();
    // A store of the user's tells nobody.
    let Some(mut told) = world.store.listen().await.unwrap() else { return };
    let runs = ["r", "with spaces, \"quotes\" and ü", "", "r"];
    for run in runs {
        world.store.tell(run).await.unwrap();
    }
    for run in runs {
        assert_eq!(tokio::time::timeout(SOON, told.recv()).await.unwrap().as_deref(), Some(run));
    }
}

async fn all_who_listen_hear_the_same(world: &World) {
    let Some(mut one) = world.store.listen().await.unwrap() else { return };
    let mut other = world.store.listen().await.unwrap().unwrap();
    let gone = world.store.listen().await.unwrap().unwrap();
    drop(gone);
    for number in 0..100 {
        world.store.tell(&number.to_string()).await.unwrap();
    }
    for told in [&mut one, &mut other] {
        for number in 0..100 {
            let heard = tokio::time::timeout(SOON, told.recv()).await.unwrap();
            assert_eq!(heard, Some(number.to_string()));
        }
    }
}

async fn telling_nobody_is_no_error(world: &World) {
    world.store.tell("r").await.unwrap();
}
