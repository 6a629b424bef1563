//! The record's suite, and what it runs on: each promise on plain rows and on rows with a journal.

mod changes;
mod contexts;
mod finding;
mod history;
mod migrations;
mod paused;
mod schedules;
mod starting;
mod statuses;
mod throughput;
mod watching;
mod workers;
mod world;
mod writes;

use std::future::Future;

use self::world::World;

/// Runs one promise on everything that has to keep it.
fn keeps<F: Future<Output = ()>>(promise: impl Fn(World) -> F) {
    for journal in [false, true] {
        let runtime = || tokio::runtime::Builder::new_current_thread();
        let paused = runtime().enable_all().start_paused(true).build().unwrap();
        paused.block_on(async { promise(World::memory(journal).await).await });
        runtime().enable_all().build().unwrap().block_on(async {
            match World::real(journal).await {
                Some(world) => promise(world).await,
                None => eprintln!("DATABASE_URL is not set: PostgreSQL was not asked"),
            }
        });
    }
}

/// Makes a test of each promise.
macro_rules! promises {
    ($($promise:ident),* $(,)?) => {
        mod kept {
            $(
                #[test]
                fn $promise() {
                    crate::record::keeps(|world| async move { super::$promise(&world).await });
                }
            )*
        }
    };
}

use promises;
