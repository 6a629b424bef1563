//! Which queue a blueprint's jobs travel through, and which queues a worker takes jobs from.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::protocol::message::run_blueprint;

/// The queues of one adapter.
#[derive(Debug, Clone)]
pub struct Queues {
    default: String,
    by_blueprint: HashMap<String, String>,
    consumed: Vec<String>,
}

impl Queues {
    /// Jobs of the blueprints in `by_blueprint` travel through the queue named there, all others through `default`.
    /// A worker consumes those in `consumed`; none given are all.
    pub fn new(
        default: String,
        by_blueprint: HashMap<String, String>,
        consumed: Option<Vec<String>>,
    ) -> Self {
        let mut consumed = consumed.unwrap_or_else(|| {
            let mut own: Vec<String> = by_blueprint.values().cloned().collect();
            own.sort_unstable();
            std::iter::once(default.clone()).chain(own).collect()
        });
        let mut seen = HashSet::new();
        consumed.retain(|queue| seen.insert(queue.clone()));
        Self { default, by_blueprint, consumed }
    }

    /// The queue that jobs of a run travel through, those of its subflows too, by its blueprint as their messages name it.
    pub fn of(&self, blueprint: &str) -> &str {
        self.by_blueprint.get(run_blueprint(blueprint)).unwrap_or(&self.default)
    }

    /// Every queue that jobs of this adapter may be in.
    pub fn all(&self) -> BTreeSet<String> {
        let own = std::iter::once(&self.default).chain(self.by_blueprint.values()).chain(&self.consumed);
        own.cloned().collect()
    }

    /// The queues a started worker takes jobs from, each once.
    pub fn consumed(&self) -> &[String] {
        &self.consumed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues(consumed: Option<&[&str]>) -> Queues {
        let by_blueprint = [("slow", "b"), ("slower", "b"), ("other", "a"), ("usual", "jobs")];
        let by_blueprint = by_blueprint.map(|(id, queue)| (id.to_owned(), queue.to_owned())).into();
        let consumed = consumed.map(|queues| queues.iter().map(|queue| (*queue).to_owned()).collect());
        Queues::new("jobs".into(), by_blueprint, consumed)
    }

    #[test]
    fn a_blueprint_without_a_queue_of_its_own_uses_the_default() {
        assert_eq!((queues(None).of("slow"), queues(None).of("unknown")), ("b", "jobs"));
    }

    #[test]
    fn a_worker_consumes_every_queue_once_or_those_it_is_told() {
        assert_eq!(queues(None).consumed(), ["jobs", "a", "b"]);
        assert_eq!(queues(Some(&["b", "b"])).consumed(), ["b"]);
    }
}
