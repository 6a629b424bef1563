//! The broker's suite, and what it runs on.

mod consuming;
mod delays;
mod losses;
mod publishing;
mod reading;
mod world;

use std::future::Future;
use std::sync::Arc;

use flowcraft_rabbitmq_adapter::ports::arguments::QueueType;

use self::world::World;

/// Runs one promise on everything that has to keep it.
fn keeps<F: Future<Output = ()>>(promise: impl Fn(Arc<World>) -> F) {
    for queue_type in [None, Some(QueueType::Quorum)] {
        let runtime = || tokio::runtime::Builder::new_current_thread();
        let paused = runtime().enable_all().start_paused(true).build().unwrap();
        paused.block_on(promise(Arc::new(World::memory(queue_type))));
        let Some(world) = World::real(queue_type).map(Arc::new) else {
            eprintln!("AMQP_URL is not set: RabbitMQ was not asked");
            continue;
        };
        runtime().enable_all().build().unwrap().block_on(async {
            promise(world.clone()).await;
            world.delete_queues().await;
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
                    crate::broker::keeps(|world| async move { super::$promise(&world).await });
                }
            )*
        }
    };
}

use promises;
