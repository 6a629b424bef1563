//! The coordination store's suite, and what it runs on.

mod deaths;
mod keys;
mod leases;
mod limits;
mod telling;
mod workers;
mod world;

use std::future::Future;

use self::world::{World, kinds};

/// Runs one promise on everything that has to keep it.
fn keeps<F: Future<Output = ()>>(promise: impl Fn(World) -> F) {
    for kind in kinds() {
        let runtime = || tokio::runtime::Builder::new_current_thread();
        let paused = runtime().enable_all().start_paused(true).build().unwrap();
        paused.block_on(async { promise(World::memory(kind)).await });
        runtime().enable_all().build().unwrap().block_on(async {
            match World::real(kind) {
                Some(world) => promise(world).await,
                None => eprintln!("REDIS_URL is not set: Redis was not asked"),
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
                    crate::coordination::keeps(|world| async move { super::$promise(&world).await });
                }
            )*
        }
    };
}

use promises;
