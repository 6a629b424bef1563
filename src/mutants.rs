//! Mistakes that a test makes the engine commit, to see that the simulation finds each of them. Outside of tests each
//! question is a constant `false`.

/// A mistake, each at one place of the engine. One that the simulation does not see is not among them: a message that does not
/// say when it became due. Recovery then waits for an empty queue, and queues are empty in the end here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// A message is acknowledged before what follows from it is confirmed.
    AcknowledgesBeforeConfirm,
    /// What a result leads to is published before the result is committed.
    PublishesBeforeCommit,
    /// A result counts in whatever round its node is.
    IgnoresRounds,
    /// A result counts although its node is not due any more.
    CountsLateResults,
    /// Nodes are executed without a lease.
    TakesNoLease,
    /// A worker trusts a run that it loaded before its lease, although another worker may have had the lease since.
    TrustsPrefetch,
    /// A worker starts a node although its lease has expired.
    IgnoresExpiry,
    /// A lease that ran out and was taken again counts as one that was held all along.
    RevivesLease,
    /// A claim of another worker is not looked at.
    IgnoresClaims,
    /// A store that was flushed is taken for one in which nobody holds leases.
    TrustsFlushedStore,
    /// A worker that aborts still starts a node.
    StartsWhileAborting,
    /// What a node answers to the signal of a worker that aborts counts.
    CountsBrokenOff,
    /// The end of a child counts as published although the job of its parent's node was not.
    SwallowsRefusal,
    /// A redelivered message is taken for a new one.
    ForgetsRepetition,
    /// A due node names itself as the one that made it due.
    NamesWrongOrigin,
    /// Of several jobs that a result leads to, the last is not published.
    ForgetsSibling,
    /// What a dead worker's result led to is not published again.
    ForgetsLeftovers,
    /// The journal of a run outlives its fold.
    KeepsJournal,
    /// A commit that was decided on an old revision is written.
    IgnoresRevision,
    /// A run fails for a node that this worker lacks, although another has it.
    AsksNobodyElse,
    /// A message that is no job fails no run.
    FailsNobody,
    /// A run that no message has named is nobody's.
    StartsNothing,
    /// Timers go by each worker's own clock.
    GoesByItsOwnClock,
    /// A server that does not answer is waited for.
    WaitsForEver,
    /// Deaths are never counted.
    CountsNoDeaths,
    /// A lease that is given up leaves it noted that its node has started.
    KeepsStarts,
    /// A node that may have killed a worker starts beside others.
    SuspectsInCompany,
    /// A node sees its run as it was loaded.
    ReadsAsLoaded,
    /// A worker that sees no leases executes a copy without asking who executes its node.
    StartsUnasked,
    /// A worker that executes a node does not answer those that ask.
    AnswersNobody,
    /// A claim is not renewed while its lease is.
    ForgetsClaims,
    /// A renewal that says an earlier stage of an execution may arrive after the present one.
    TellsStagesInDisorder,
    /// A job that comes again before the database's clock was heard waits by its worker's own clock.
    WaitsByItsOwnClock,
    /// A message becomes a dead letter although its run cannot be failed for the moment.
    BuriesWhileLocked,
    /// While the coordination store is out of reach, nobody looks for lost jobs.
    LooksWithLeasesOnly,
    /// A due time is done with before its run is started.
    AdvancesBeforeStart,
    /// A schedule is written although somebody else has changed it since it was read.
    AdvancesBlindly,
    /// What a dead attempt wrote before its answer stays.
    TakesNothingBack,
    /// How a run came to rest is told by nobody, if its worker dies before it has.
    TellsNothingAgain,
    /// The end of a child counts as published before its parent was told.
    MarksBeforeTelling,
    /// No message comes again for the end of a child that its parent could not be told of.
    ForgetsParent,
    /// The runs that the nodes of a cancelled run wait for go on.
    LeavesChildren,
    /// A run whose time is over goes on.
    ForgetsDeadlines,
    /// Nodes of a paused run are executed.
    RunsPaused,
    /// A run has as many of its nodes executed at a time as there are, whatever its start said.
    ForgetsConcurrency,
    /// A node's limit counts nothing.
    ForgetsKeys,
    /// What is due of a run that goes on again is not published.
    PublishesNothingPaused,
    /// The lease of a node that was kept and given away is given back once more, when its job is published.
    GivesBackTwice,
    /// How a late run ended is not told where the answer of that commit is lost.
    ForgetsDoubt,
}

impl Mutant {
    /// All of them.
    #[cfg(test)]
    pub const ALL: [Self; 49] = [
        Self::GivesBackTwice,
        Self::ForgetsConcurrency,
        Self::ForgetsKeys,
        Self::RunsPaused,
        Self::PublishesNothingPaused,
        Self::AcknowledgesBeforeConfirm,
        Self::PublishesBeforeCommit,
        Self::IgnoresRounds,
        Self::CountsLateResults,
        Self::TakesNoLease,
        Self::TrustsPrefetch,
        Self::IgnoresExpiry,
        Self::RevivesLease,
        Self::IgnoresClaims,
        Self::TrustsFlushedStore,
        Self::StartsWhileAborting,
        Self::CountsBrokenOff,
        Self::SwallowsRefusal,
        Self::ForgetsRepetition,
        Self::NamesWrongOrigin,
        Self::ForgetsSibling,
        Self::ForgetsLeftovers,
        Self::KeepsJournal,
        Self::IgnoresRevision,
        Self::AsksNobodyElse,
        Self::FailsNobody,
        Self::StartsNothing,
        Self::GoesByItsOwnClock,
        Self::WaitsForEver,
        Self::CountsNoDeaths,
        Self::KeepsStarts,
        Self::SuspectsInCompany,
        Self::ReadsAsLoaded,
        Self::StartsUnasked,
        Self::AnswersNobody,
        Self::ForgetsClaims,
        Self::TellsStagesInDisorder,
        Self::WaitsByItsOwnClock,
        Self::BuriesWhileLocked,
        Self::LooksWithLeasesOnly,
        Self::AdvancesBeforeStart,
        Self::AdvancesBlindly,
        Self::TakesNothingBack,
        Self::TellsNothingAgain,
        Self::MarksBeforeTelling,
        Self::ForgetsParent,
        Self::LeavesChildren,
        Self::ForgetsDeadlines,
        Self::ForgetsDoubt,
    ];
}

#[cfg(test)]
thread_local! {
    static MADE: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Whether the engine must make this mistake.
#[cfg(test)]
pub fn makes(mistake: Mutant) -> bool {
    MADE.get() == Some(mistake)
}

/// Does something with an engine that makes a mistake, in this thread.
#[cfg(test)]
pub fn making<T>(mistake: Option<Mutant>, act: impl FnOnce() -> T) -> T {
    let before = MADE.replace(mistake);
    let done = act();
    MADE.set(before);
    done
}

/// Whether the engine is to make this mistake: never.
#[cfg(not(test))]
#[inline]
pub const fn makes(_: Mutant) -> bool {
    false
}
