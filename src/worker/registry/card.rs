//! What a worker says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::NodeId;
use crate::ports::announcement::Announced;

/// What every worker can do that is registered at all.
pub const REGISTRY: &str = "registry";

/// It takes jobs for nodes inside subflows.
pub const SUBFLOWS: &str = "subflows";

/// It takes back what a dead attempt at a node wrote before its answer.
pub const LIVE_CONTEXT: &str = "live-context";

/// It tells the parent of a run that the run has ended.
pub const CHILD_RUNS: &str = "child-runs";

/// Somebody listens to its events: it tells what nobody has told of a run.
pub const EVENTS: &str = "events";

/// A worker, as it says it. Workers of other versions may say less, or more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Card {
    /// Its name, unique in the fleet.
    pub id: String,
    /// The machine it runs on.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// The version of this package.
    pub version: String,
    /// The queues it takes jobs from.
    pub queues: Vec<String>,
    /// The blueprints it has, each with its revision; while its JavaScript is busy, those that it had before, and those that it has met.
    pub blueprints: BTreeMap<String, String>,
    /// Where runs of them begin, for clients that have none: of those that it could look at. Version 2.0.0 says it of none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub entries: BTreeMap<String, Entry>,
    /// Those of them that are paused: it takes none from them for now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paused: Vec<String>,
    /// How many nodes it executes at a time.
    pub slots: u16,
    /// What it can do, in short words.
    pub capabilities: Vec<String>,
    /// When it was started, by its clock: milliseconds since 1970.
    pub since: u64,
}

/// Where the runs of a blueprint begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its version; JSON `null` for none.
    #[serde(default)]
    pub version: Value,
    /// Its start nodes.
    pub starts: Vec<NodeId>,
}

/// A worker that counts as alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredWorker {
    /// What it says of itself.
    #[serde(flatten)]
    pub card: Card,
    /// How long ago its last heartbeat was, in milliseconds.
    pub age: u64,
}

/// The workers of several places, by name: of each what was heard last. What cannot be read as a card is left out.
pub fn merged(heard: impl IntoIterator<Item = Announced>) -> Vec<RegisteredWorker> {
    let mut workers = BTreeMap::<String, RegisteredWorker>::new();
    for Announced { card, age } in heard {
        let Ok(card) = serde_json::from_str::<Card>(&card) else { continue };
        if card.id.is_empty() || workers.get(&card.id).is_some_and(|known| known.age <= age) {
            continue;
        }
        workers.insert(card.id.clone(), RegisteredWorker { card, age });
    }
    workers.into_values().collect()
}

/// Where the runs of a blueprint begin, by the workers of a queue: in a deployment, by the one that was started last.
pub fn entry_of<'a>(workers: &'a [RegisteredWorker], queue: &str, blueprint: &str) -> Option<&'a Entry> {
    let here =
        workers.iter().map(|worker| &worker.card).filter(|card| card.queues.iter().any(|own| own == queue));
    let entries = here.filter_map(|card| Some((card.since, card.entries.get(blueprint)?)));
    entries.max_by_key(|(since, _)| *since).map(|(_, entry)| entry)
}

/// Whether every consumer of a queue tells what nobody has told of a run. Any of them may get the message.
pub fn all_tell(workers: &[RegisteredWorker], queue: &str, consumers: Option<u32>) -> bool {
    let mut here =
        workers.iter().map(|worker| &worker.card).filter(|card| card.queues.iter().any(|own| own == queue));
    let count = here.clone().count();
    let known = consumers.is_none_or(|consumers| consumers as usize <= count);
    count > 0 && known && here.all(|card| card.capabilities.iter().any(|can| can == EVENTS))
}

/// Whether a consumer of a queue, beside this worker, may have been started before a moment: it says so, or nothing of itself.
pub fn are_elders_possible(
    workers: &[RegisteredWorker],
    (own, queue): (&str, &str),
    consumers: u32,
    moment: u64,
) -> bool {
    let others = workers.iter().map(|worker| &worker.card).filter(|card| card.id != own);
    let here: Vec<&Card> = others.filter(|card| card.queues.iter().any(|each| each == queue)).collect();
    // One that has lost its connection to the broker consumes nothing for the moment, and says that it lives.
    here.iter().any(|card| card.since < moment) || consumers as usize > here.len() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(card: &str, age: u64) -> Announced {
        Announced { card: card.to_owned(), age }
    }

    #[test]
    fn all_consumers_of_a_queue_tell_or_none_is_asked() {
        let telling = r#"{"id":"a","queues":["q"],"capabilities":["events"]}"#;
        let silent = r#"{"id":"b","queues":["q"]}"#;
        let elsewhere = r#"{"id":"c","queues":["r"]}"#;
        for (cards, consumers, all) in [
            (vec![telling], Some(1), true),
            (vec![telling], None, true),
            (vec![telling, elsewhere], Some(1), true),
            // Somebody consumes that has said nothing of itself.
            (vec![telling], Some(2), false),
            (vec![telling, silent], Some(2), false),
            (vec![elsewhere], Some(0), false),
        ] {
            let workers = merged(cards.iter().map(|card| heard(card, 1)));
            assert_eq!(all_tell(&workers, "q", consumers), all, "{cards:?} {consumers:?}");
        }
    }

    #[test]
    fn who_is_older_or_silent_may_be_an_elder_and_this_worker_is_none() {
        let card = |id: &str, since: u64, queue: &str| {
            format!(r#"{{"id":"{id}","queues":["{queue}"],"since":{since}}}"#)
        };
        let (own, young) = (card("own", 90, "q"), card("a", 100, "q"));
        for (cards, consumers, possible) in [
            (vec![], 1, false),
            (vec![own.clone()], 1, false),
            (vec![own.clone()], 2, true),
            (vec![own.clone(), young.clone()], 2, false),
            (vec![own.clone(), card("b", 99, "q")], 2, true),
            (vec![own.clone(), card("c", 100, "r")], 2, true),
            (vec![own.clone(), card("b", 99, "q")], 1, true),
            (vec![own, young, card("b", 99, "q")], 3, true),
        ] {
            let workers = merged(cards.iter().map(|card| heard(card, 1)));
            assert_eq!(are_elders_possible(&workers, ("own", "q"), consumers, 100), possible, "{cards:?}");
        }
    }

    #[test]
    fn where_runs_begin_says_the_youngest_worker_of_the_queue_that_has_the_blueprint() {
        let card = |id: &str, since: u64, queue: &str, start: &str| {
            let entries = format!(r#"{{"flow":{{"version":{since},"starts":["{start}"]}}}}"#);
            format!(r#"{{"id":"{id}","since":{since},"queues":["{queue}"],"entries":{entries}}}"#)
        };
        let silent = r#"{"id":"s","since":9,"queues":["q"],"blueprints":{"flow":"1"}}"#.to_owned();
        let [old, young, away] = [card("a", 1, "q", "x"), card("b", 2, "q", "y"), card("c", 3, "r", "z")];
        for (cards, queue, blueprint, expected) in [
            (vec![&old, &young, &away, &silent], "q", "flow", Some("y")),
            (vec![&young, &old], "q", "flow", Some("y")),
            (vec![&old, &away], "r", "flow", Some("z")),
            (vec![&silent], "q", "flow", None),
            (vec![&old], "q", "other", None),
            (vec![], "q", "flow", None),
        ] {
            let workers = merged(cards.iter().map(|card| heard(card, 1)));
            let starts = entry_of(&workers, queue, blueprint).map(|entry| entry.starts[0].to_string());
            assert_eq!(starts.as_deref(), expected, "{cards:?} {queue} {blueprint}");
        }
    }

    #[test]
    fn of_each_worker_the_last_word_counts() {
        let workers = merged([
            heard(r#"{"id":"b","slots":1}"#, 900),
            heard(r#"{"id":"a","slots":2,"unheardOf":true}"#, 5),
            heard(r#"{"id":"b","slots":3}"#, 100),
            heard(r#"{"id":"b","slots":4}"#, 500),
            heard("nonsense", 1),
            heard("{}", 1),
        ]);
        let seen: Vec<_> =
            workers.iter().map(|worker| (&*worker.card.id, worker.card.slots, worker.age)).collect();
        assert_eq!(seen, [("a", 2, 5), ("b", 3, 100)]);
    }
}
