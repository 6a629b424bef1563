//! Whether another worker may have what this one lacks: a blueprint, or a node of it. Pure.
//!
//! In a rolling deployment old workers still have a node that new ones lack, and new ones have what old ones lack. Cards
//! say which revisions each has; a revision that was found to lack the node is of no use. Version 2.0.0 and version 1
//! have no card: the broker counts them.

use super::card::RegisteredWorker;

/// Who else may have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// A worker that lives has a revision that nobody found lacking.
    Likely,
    /// Somebody consumes the queue who does not say what they have, or nobody could be asked.
    Unknown,
    /// No worker that is known has it.
    Nobody,
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct WantedBlueprint<'a> {
    /// The worker that lacks it.
    pub by: &'a str,
    /// The queue that the job travels through.
    pub queue: &'a str,
    /// The blueprint.
    pub blueprint: &'a str,
    /// Another blueprint that is needed beside it: the one that the node runs as a subflow.
    pub inner: Option<&'a str>,
    /// Revisions of it that are of no use.
    pub lacking: &'a [String],
}

impl WantedBlueprint<'_> {
    /// Who else may have it, by who is registered and how many consume the queue; none where the broker could not be
    /// asked.
    pub fn elsewhere(&self, workers: &[RegisteredWorker], consumers: Option<u32>) -> Elsewhere {
        // Nobody registers where neither Redis nor PostgreSQL keeps cards: time alone decides.
        if workers.is_empty() {
            return Elsewhere::Nobody;
        }
        let of_queue: Vec<&RegisteredWorker> = workers
            .iter()
            .filter(|worker| worker.card.queues.iter().any(|queue| queue == self.queue))
            .collect();
        let is_useful = |worker: &&&RegisteredWorker| {
            let has = &worker.card.blueprints;
            worker.card.id != self.by
                && has.get(self.blueprint).is_some_and(|revision| !self.lacking.contains(revision))
                && self.inner.is_none_or(|inner| has.contains_key(inner))
        };
        if of_queue.iter().any(|worker| is_useful(&worker)) {
            return Elsewhere::Likely;
        }
        let registered = u32::try_from(of_queue.len()).unwrap_or(u32::MAX);
        match consumers {
            Some(consumers) if consumers <= registered => Elsewhere::Nobody,
            _ => Elsewhere::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::registry::card::Card;

    /// A worker of the queue `jobs` that has met `story` in a revision, or not.
    fn worker(id: &str, queue: &str, revision: Option<&str>) -> RegisteredWorker {
        let blueprints = revision.map(|revision| ("story".to_owned(), revision.to_owned()));
        let (id, queues) = (id.to_owned(), vec![queue.to_owned()]);
        let card = Card { id, queues, blueprints: blueprints.into_iter().collect(), ..Card::default() };
        RegisteredWorker { card, age: 0 }
    }

    #[test]
    fn whoever_may_have_it_is_waited_for() {
        let lacking = ["new".to_owned()];
        let wanted =
            WantedBlueprint { by: "me", queue: "jobs", blueprint: "story", inner: None, lacking: &lacking };
        let me = || worker("me", "jobs", Some("new"));
        for (title, workers, consumers, expected) in [
            ("nobody registers", vec![], Some(3), Elsewhere::Nobody),
            ("alone", vec![me()], Some(1), Elsewhere::Nobody),
            ("an old one", vec![me(), worker("w", "jobs", Some("old"))], Some(2), Elsewhere::Likely),
            ("another new one", vec![me(), worker("w", "jobs", Some("new"))], Some(2), Elsewhere::Nobody),
            ("one that does not have it", vec![me(), worker("w", "jobs", None)], Some(2), Elsewhere::Nobody),
            (
                "an old one elsewhere",
                vec![me(), worker("w", "others", Some("old"))],
                Some(1),
                Elsewhere::Nobody,
            ),
            ("2.0.0", vec![me()], Some(2), Elsewhere::Unknown),
            (
                "2.0.0 beside an old one",
                vec![me(), worker("w", "jobs", Some("old"))],
                Some(3),
                Elsewhere::Likely,
            ),
            ("no broker", vec![me()], None, Elsewhere::Unknown),
            ("I stop", vec![worker("w", "jobs", Some("new"))], Some(2), Elsewhere::Unknown),
            ("I have another by now", vec![worker("me", "jobs", Some("old"))], Some(1), Elsewhere::Nobody),
        ] {
            assert_eq!(wanted.elsewhere(&workers, consumers), expected, "{title}");
        }
    }

    #[test]
    fn whoever_has_the_blueprint_at_all_is_waited_for() {
        let wanted =
            WantedBlueprint { by: "me", queue: "jobs", blueprint: "story", inner: None, lacking: &[] };
        let others = |revision| [worker("me", "jobs", None), worker("w", "jobs", revision)];
        assert_eq!(wanted.elsewhere(&others(Some("any")), Some(2)), Elsewhere::Likely);
        assert_eq!(wanted.elsewhere(&others(None), Some(2)), Elsewhere::Nobody);
    }

    #[test]
    fn whoever_has_the_inner_blueprint_too_is_waited_for() {
        let wanted = WantedBlueprint {
            by: "me",
            queue: "jobs",
            blueprint: "story",
            inner: Some("inner"),
            lacking: &[],
        };
        for (has, expected) in [
            (&["story", "inner"][..], Elsewhere::Likely),
            (&["story"], Elsewhere::Nobody),
            (&["inner"], Elsewhere::Nobody),
        ] {
            let mut other = worker("w", "jobs", None);
            other.card.blueprints = has.iter().map(|id| ((*id).to_owned(), "any".to_owned())).collect();
            let workers = [worker("me", "jobs", Some("any")), other];
            assert_eq!(wanted.elsewhere(&workers, Some(2)), expected, "{has:?}");
        }
    }
}
