//! The keys of runs in the coordination store, as a client leaves them.

use std::sync::Arc;

use futures_util::future::join_all;
use tracing::debug;

use crate::ids::NodeId;
use crate::ports::keys;
use crate::worker::services::Services;
use crate::workflow::path::shown;

/// How many keys are written or removed at a time.
const AT_A_TIME: usize = 64;

/// Says which blueprint runs follow, where workers of version 1 look. Nobody waits for it: the rows say it too.
pub fn tell_blueprints(services: &Arc<Services>, runs: Vec<(String, String)>) {
    let told = services.clone();
    services.platform.spawn(async move {
        for some in runs.chunks(AT_A_TIME) {
            let tell = |(run, blueprint): &(String, String)| {
                let (services, run, blueprint) = (told.clone(), run.clone(), blueprint.clone());
                async move { services.legacy.tell_blueprint(&run, &blueprint).await }
            };
            join_all(some.iter().map(tell)).await;
        }
    });
}

/// Removes what the store may keep of a run that is over: workers of version 1 count arrivals there. What cannot be removed
/// expires within a day.
pub async fn forget(services: &Services, run: &str, nodes: &[NodeId]) {
    let of_node = |node: &NodeId| {
        let joins = [
            keys::fan_in(run, node),
            keys::join_lock(run, node),
            keys::poison(run, node),
            keys::cancel(run, node),
            keys::started(&keys::node_lock(run, node)),
        ];
        joins.into_iter().chain(keys::progress(run, shown(node)))
    };
    let of_run = keys::of_limit(&keys::run_limit(run)).into_iter().chain([keys::blueprint(run)]);
    let all: Vec<String> = nodes.iter().flat_map(of_node).chain(of_run).collect();
    for some in all.chunks(AT_A_TIME) {
        let removed = join_all(some.iter().map(|key| services.store.delete(key))).await;
        if let Some(Err(error)) = removed.into_iter().find(Result::is_err) {
            debug!(%error, run, "keys of the run were not removed");
            return;
        }
    }
}
