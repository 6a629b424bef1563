//! What a client writes of a run that it starts: everything that the first job would write else.

use std::sync::Arc;

use super::beginning::{name_blueprint, take_over};
use super::service::Runs;
use super::state::{Decision, RunState, Terms, decide};
use crate::error::{Code, Error, Result};
use crate::ids::NodeId;
use crate::ports::record::{ForeignStatement, Inserted, Insertion};
use crate::record::{Carried, ClientStart, Document, NewRun, RESERVED_KEY, ReservedKey, Values};
use crate::run_store::ChangeOutcome;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::{DueJob, Led, Onward};

const OPERATION: &str = "Starting the run";

/// A run that is to be started.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// Its id.
    pub run: String,
    /// The blueprint it follows.
    pub blueprint: Arc<Blueprint>,
    /// The keys of its context.
    pub values: Values,
    /// When its start nodes are due: milliseconds since 1970; none for at once.
    pub not_before: Option<u64>,
    /// The call that starts it.
    pub start: Arc<ClientStart>,
    /// What goes along with its jobs.
    pub carried: Option<Arc<Carried>>,
    /// To which nodes those led that are done already.
    pub led: Led,
}

/// A run as it is inserted, and the jobs to publish then.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Its rows.
    pub new: NewRun,
    /// Its jobs.
    pub due: Vec<DueJob>,
}

/// What became of a run that was to be begun anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restarted {
    /// It goes on, as it did.
    GoesOn,
    /// It has begun anew: its jobs, and the nodes that the former run had reached.
    Anew {
        /// The jobs to publish.
        due: Vec<DueJob>,
        /// The nodes of the former run.
        former: Vec<NodeId>,
    },
}

impl Beginning {
    /// The run as it is inserted, its jobs travelling through `queue`. `deferred` says that the adapter publishes results
    /// itself.
    ///
    /// # Errors
    /// The context has a key that is the engine's own.
    pub fn begun(&self, queue: &str, deferred: bool) -> Result<Begun> {
        if self.values.contains_key(RESERVED_KEY) {
            let what = format!("the key '{RESERVED_KEY}' is reserved for the engine");
            return Err(Error::new(Code::ReservedKey, OPERATION, what).of_run(&self.run));
        }
        let document = Document { values: self.values.clone(), ..Document::default() };
        let begin = &mut |state: &mut RunState| {
            state.notes = true;
            self.lead(state)?;
            take_over(state, &self.blueprint, [queue, queue])?;
            Ok(Decision::Write(self.finish(state)))
        };
        let (change, due) =
            decide(document.clone(), Terms { deferred, heard: false, now: self.start.at }, begin)?;
        let nothing = || Error::new(Code::Internal, OPERATION, "a new run changes nothing");
        let new = NewRun::new(&self.run, &document, &change.ok_or_else(nothing)?)?;
        Ok(Begun { new, due })
    }

    /// Begins a run anew that has ended.
    fn begin_again(&self, state: &mut RunState, queue: &str) -> Result<Decision<Restarted>> {
        if state.reserved.start.as_ref().is_some_and(|start| start.mark == self.start.mark) {
            // This very call did it, and its answer was lost.
            let due = state.reserved.ledger.due();
            return Ok(Decision::Leave(Restarted::Anew { due, former: Vec::new() }));
        }
        if !state.reserved.ledger.status.is_end() || state.reserved.unpublished {
            return Ok(Decision::Leave(Restarted::GoesOn));
        }
        let former = state.reserved.ledger.nodes.keys().cloned().collect();
        let mut ledger = std::mem::take(&mut state.reserved.ledger);
        ledger.begin_again(&self.blueprint);
        state.reserved = ReservedKey { ledger, ..ReservedKey::default() };
        let gone = state.document.values.keys().filter(|key| !self.values.contains_key(*key));
        state.patch.deletes.extend(gone.map(ToString::to_string));
        for (key, value) in &self.values {
            state.patch.set(&**key, value.clone());
        }
        state.document.values = self.values.clone();
        self.lead(state)?;
        take_over_again(state, &self.blueprint, queue)?;
        state.reserved.note(&[Onward::Start, Onward::Resume]);
        Ok(Decision::Write(Restarted::Anew { due: self.finish(state), former }))
    }

    /// Takes over what is done already, where more is known of that than its outputs say.
    fn lead(&self, state: &mut RunState) -> Result<()> {
        if self.led.is_empty() {
            return Ok(());
        }
        let RunState { document, reserved, .. } = state;
        if reserved.ledger.is_unbegun() {
            reserved.ledger.begin_with(&self.blueprint);
        }
        reserved.ledger.adopt_led(&self.blueprint, document.outputs(&self.blueprint), &self.led);
        name_blueprint(state, &self.blueprint)
    }

    /// Notes who started it and when it is due. Answers with its jobs.
    fn finish(&self, state: &mut RunState) -> Vec<DueJob> {
        state.reserved.start = Some(self.start.clone());
        state.reserved.carried = self.carried.clone();
        if let Some(moment) = self.not_before {
            state.ledger().postpone(moment);
        }
        state.ledger().due()
    }
}

/// As a run that begins, with the ledger it has.
fn take_over_again(state: &mut RunState, blueprint: &Blueprint, queue: &str) -> Result<()> {
    let patch = std::mem::take(&mut state.patch);
    take_over(state, blueprint, [queue, queue])?;
    name_blueprint(state, blueprint)?;
    state.patch = patch.then(std::mem::take(&mut state.patch));
    Ok(())
}

impl Runs {
    /// Inserts runs that have no row yet.
    ///
    /// # Errors
    /// Those of the server. Where its answer was lost, the runs may be there.
    pub async fn insert(&self, runs: &[NewRun], which: Insertion) -> Result<Inserted> {
        self.run_store().insert(runs, which).await
    }

    /// The statement that inserts a run, for a transaction of somebody else's.
    ///
    /// # Errors
    /// The tables cannot be worked with, or the server is out of reach.
    pub async fn insertion(&self, run: &NewRun) -> Result<ForeignStatement> {
        self.run_store().insertion(run).await.map_err(|error| error.of_run(&run.run))
    }

    /// Begins a run anew, if it has ended and its result is published.
    ///
    /// # Errors
    /// The server is out of reach, or the row cannot be read.
    pub async fn begin_again(&self, beginning: &Beginning) -> Result<ChangeOutcome<Restarted>> {
        let queue = self.settings.queues.of(&beginning.blueprint.id);
        let judge = &mut |state: &mut RunState| beginning.begin_again(state, queue);
        self.run_store().rewrite(&beginning.run, |document| decide(document, self.terms(), judge)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;
    use crate::record::Document;
    use crate::workflow::ledger::tests::support::graph;
    use crate::workflow::ledger::{Event, Ledger, NodeState, RunStatus};

    const TERMS: Terms = Terms { deferred: false, heard: false, now: 1_000 };

    fn beginning(mark: &str, context: &str) -> Beginning {
        Beginning {
            run: "r".into(),
            blueprint: Arc::new(Blueprint::new(graph("a -> b"))),
            values: serde_json::from_str(context).unwrap(),
            not_before: None,
            start: Arc::new(ClientStart { mark: mark.to_owned(), at: 7, ..ClientStart::default() }),
            carried: None,
            led: Led::new(),
        }
    }

    fn stored(begun: &Begun) -> Document {
        Document::parse(Some(begun.new.context.get())).unwrap()
    }

    fn ledger(document: &Document) -> &Ledger {
        &document.reserved.as_ref().unwrap().ledger
    }

    #[test]
    fn a_new_run_stands_as_its_first_job_would_leave_it() {
        let begun = beginning("m", r#"{"x":1}"#).begun("jobs", false).unwrap();
        let document = stored(&begun);
        let reserved = document.reserved.clone().unwrap();
        assert_eq!((reserved.queue.as_deref(), reserved.start.unwrap().mark.as_str()), (Some("jobs"), "m"));
        assert_eq!(
            document.values.keys().map(|key| &**key).collect::<Vec<_>>(),
            ["blueprintId", "blueprintVersion", "x"]
        );
        assert_eq!(ledger(&document).due(), begun.due);
        assert_eq!((begun.due.len(), begun.new.status, begun.new.result), (1, RunStatus::Running, None));
    }

    #[test]
    fn keys_of_the_users_own_stay_and_the_engines_is_refused() {
        let begun = beginning("m", r#"{"blueprintId":"mine"}"#).begun("jobs", false).unwrap();
        assert_eq!(stored(&begun).values["blueprintId"].get(), r#""mine""#);
        let refused = beginning("m", r#"{"_flowcraft":{}}"#).begun("jobs", false).unwrap_err();
        assert_eq!(refused.code, Code::ReservedKey);
    }

    #[test]
    fn outputs_in_the_context_are_nodes_that_are_done() {
        let begun = beginning("m", r#"{"_outputs.a":1}"#).begun("jobs", false).unwrap();
        assert_eq!(begun.due.iter().map(|due| due.node.as_str()).collect::<Vec<_>>(), ["b"]);
        for (deferred, status) in [(false, RunStatus::Completed), (true, RunStatus::Running)] {
            let begun = beginning("m", r#"{"_outputs.a":1,"_outputs.b":2}"#).begun("jobs", deferred).unwrap();
            assert_eq!(
                (begun.due.len(), begun.new.status, begun.new.result.is_some()),
                (0, status, !deferred)
            );
        }
    }

    #[test]
    fn a_start_for_later_has_its_moment_in_the_ledger_and_in_its_jobs() {
        let later = Beginning { not_before: Some(99), ..beginning("m", "{}") };
        let begun = later.begun("jobs", false).unwrap();
        assert_eq!(begun.due[0].not_before, Some(99));
        assert_eq!(ledger(&stored(&begun)).due(), begun.due);
    }

    /// The run, begun anew by this call.
    fn again(document: &Document, call: &Beginning) -> (Option<Document>, Restarted) {
        let (change, answer) =
            decide(document.clone(), TERMS, &mut |state| call.begin_again(state, "jobs")).unwrap();
        (change.map(|change| document.after(&change.patch, &change.reserved)), answer)
    }

    #[test]
    fn only_a_run_that_is_over_begins_anew_and_once_a_call() {
        let mut run = stored(&beginning("one", r#"{"old":1}"#).begun("jobs", false).unwrap());
        let call = beginning("two", r#"{"new":1}"#);
        assert!(matches!(again(&run, &call), (None, Restarted::GoesOn)));
        let reserved = run.reserved.as_mut().unwrap();
        reserved.ledger.apply(&call.blueprint, Event::Cancelled { reason: "no".into() }).unwrap();
        let (anew, answer) = again(&run, &call);
        let anew = anew.unwrap();
        assert!(matches!(answer, Restarted::Anew { ref former, .. } if former.len() == 1));
        assert_eq!(
            anew.values.keys().map(|key| &**key).collect::<Vec<_>>(),
            ["blueprintId", "blueprintVersion", "new"]
        );
        // The answer was lost, and the call is made again.
        assert!(matches!(again(&anew, &call), (None, Restarted::Anew { ref due, .. }) if due.len() == 1));
        assert!(matches!(again(&anew, &beginning("three", "{}")), (None, Restarted::GoesOn)));
    }

    #[test]
    fn what_is_late_of_the_former_run_finds_its_round_over() {
        let call = beginning("two", "{}");
        let mut run = stored(&beginning("one", "{}").begun("jobs", false).unwrap());
        let ledger = &mut run.reserved.as_mut().unwrap().ledger;
        let finished = |node: &str, round| Event::Failed {
            node: node.into(),
            round,
            why: "no".into(),
            recoverable: false,
        };
        ledger.apply(&call.blueprint, finished("a", 1)).unwrap();
        assert_eq!(ledger.status, RunStatus::Failed);
        let (anew, _) = again(&run, &call);
        let mut anew = anew.unwrap().reserved.unwrap().ledger;
        assert_eq!((anew.entry("a").unwrap().state, anew.entry("a").unwrap().round), (NodeState::Due, 2));
        assert!(anew.apply(&call.blueprint, finished("a", 1)).is_err());
        assert!(anew.apply(&call.blueprint, finished("a", 2)).is_ok());
    }

    #[test]
    fn a_value_passes_through_unread() {
        let text = "12345678901234567890.5";
        let begun = beginning("m", &format!(r#"{{"big":{text}}}"#)).begun("jobs", false).unwrap();
        assert_eq!(stored(&begun).values["big"], Json::parse(text.to_owned()).unwrap());
    }
}
