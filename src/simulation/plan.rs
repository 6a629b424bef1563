//! What a seed means: how many workers and runs, which things may go wrong, and for how long.

use std::time::Duration;

use fastrand::Rng;

use crate::deadlines::Timeouts;

/// Longer than any simulation goes on.
const NEVER: Duration = Duration::from_secs(7 * 86_400);

/// What may go wrong. Shrinking takes one after the other away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Workers die, and others start.
    Kill,
    /// Workers stand still for a while.
    Freeze,
    /// Workers stop in order, and others start.
    Stop,
    /// Connections to the broker are cut.
    Cut,
    /// The broker lets nobody publish for a while.
    Alarm,
    /// Publishes, confirms and deliveries are late or lost.
    Broker,
    /// Messages are lost on their way through a delay.
    LostTimers,
    /// Statements are late, fail, or their answers are lost.
    Record,
    /// Leases are late or lost in between.
    Coordination,
    /// The coordination store forgets everything, or is out of reach.
    Flush,
    /// The workers' clocks differ.
    Clocks,
    /// The journal comes and goes.
    Journal,
    /// Runs are reconciled by hand, and messages come twice.
    Reconcile,
    /// Somebody locks rows of runs for a while.
    Locks,
    /// Workers with other blueprints take the place of all, one by one: nodes are gone.
    Deploy,
    /// Clients publish messages that are no jobs, or that ask for what there is not.
    NoJobs,
    /// Clients die before they publish: runs have a row, and no message has named them.
    Unnamed,
    /// A server takes a request and never answers, although nothing breaks.
    Silence,
    /// A run has a node that kills its worker, every time.
    Poison,
    /// The coordination store is out of reach for one worker, and not for the others.
    Partition,
    /// The coordination store is out of reach all the time.
    Absence,
    /// Clients die while they start runs.
    DyingClients,
}

impl Trouble {
    /// All of them but `Locks`, `Silence`, `Poison`, `Partition`, `Absence` and
    /// `DyingClients`.
    pub const ALL: [Self; 16] = [
        Self::Kill,
        Self::Freeze,
        Self::Stop,
        Self::Cut,
        Self::Alarm,
        Self::Broker,
        Self::LostTimers,
        Self::Record,
        Self::Coordination,
        Self::Flush,
        Self::Clocks,
        Self::Journal,
        Self::Reconcile,
        Self::Deploy,
        Self::NoJobs,
        Self::Unnamed,
    ];
}

/// How long a node may be on its way to its start where something goes wrong.
const ON_ITS_WAY: Duration = Duration::from_secs(180);

/// A simulation, as a seed has it or as it was shrunk.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub workers: usize,
    pub runs: usize,
    pub concurrency: u16,
    /// After so many deaths a node fails.
    pub max_deaths: u32,
    pub journal: bool,
    /// Whether workers scan for lost jobs. Something depends on it only where messages are lost, or where a client's call
    /// is recorded and its message cannot be published.
    pub recovery: bool,
    /// Whether workers go on with a run under the message they hold.
    pub continuation: bool,
    /// Whether nodes read their runs while they are executed.
    pub reads: bool,
    /// Whether user code replaces a blueprint now and then, between the verdict and the call.
    pub replaces: bool,
    /// Whether some nodes run other flows as subflows.
    pub nests: bool,
    /// Whether some nodes start runs of other flows, and wait for their ends.
    pub parents: bool,
    /// Whether clients start runs by the engine's own call, some for a limited time.
    pub calls: bool,
    /// Whether some of these calls limit how many nodes of their run are executed at a time.
    pub crowds: bool,
    /// How many nodes that have a limit are executed at a time; none where no node has one.
    pub limit: Option<u32>,
    /// Whether clients pause runs for a while.
    pub pauses: bool,
    /// Whether a client pauses the queue, or a blueprint, for a while.
    pub halts: bool,
    /// Whether clients cancel some of their runs.
    pub cancels: bool,
    /// How many schedules there are.
    pub schedules: usize,
    /// Whether somebody listens to events.
    pub listens: bool,
    pub troubles: Vec<Trouble>,
    /// How long things go wrong.
    pub stormy: Duration,
    /// How long runs have to end afterwards.
    pub calm: Duration,
}

fn needs_recovery(trouble: Trouble) -> bool {
    matches!(
        trouble,
        Trouble::LostTimers
            | Trouble::Broker
            | Trouble::Record
            | Trouble::Unnamed
            | Trouble::Silence
            | Trouble::DyingClients
    )
}

/// What ends well only with a coordination store: who counts deaths, and says who else may have a blueprint.
fn needs_coordination(trouble: Trouble) -> bool {
    matches!(
        trouble,
        Trouble::Deploy
            | Trouble::NoJobs
            | Trouble::Unnamed
            | Trouble::Poison
            | Trouble::Flush
            | Trouble::Partition
            | Trouble::Coordination
    )
}

/// The troubles of a seed.
fn troubles(random: &mut Rng, seed: u64, share: f64, is_poisoned: bool) -> Vec<Trouble> {
    let mut troubles = Trouble::ALL.to_vec();
    troubles.retain(|_| random.f64() < share);
    // Drawn apart: a seed stays what it was.
    let is_drawn = |stream: u64, share: f64| Rng::with_seed(seed ^ stream).f64() < share;
    if is_drawn(0x10c5, share) {
        troubles.push(Trouble::Locks);
    }
    if is_drawn(0x51e7, share) {
        troubles.push(Trouble::Silence);
    }
    if is_drawn(0xa9a7, share) {
        troubles.push(Trouble::Partition);
    }
    if is_poisoned {
        troubles.push(Trouble::Poison);
    }
    if is_drawn(0xab5e, share * 0.2) {
        troubles.retain(|trouble| !needs_coordination(*trouble));
        troubles.push(Trouble::Absence);
    }
    if is_drawn(0xd1e5, share) {
        troubles.push(Trouble::DyingClients);
    }
    troubles
}

impl Plan {
    /// What a seed means.
    pub fn of(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let share = random.f64();
        let mut of_poison = Rng::with_seed(seed ^ 0xdead);
        let is_poisoned = of_poison.f64() < share;
        let troubles = troubles(&mut random, seed, share, is_poisoned);
        let mut of_schedules = Rng::with_seed(seed ^ 0x5c4ed);
        let mut of_limit = Rng::with_seed(seed ^ 0x11317);
        // A node with a limit waits for the store.
        let nests = Rng::with_seed(seed ^ 0x5ebf).bool();
        let is_limited = !troubles.contains(&Trouble::Absence) && of_limit.u8(..3) == 0;
        // A deployment takes nodes from runs that have begun, and the tables go with the journal.
        let may_have_schedules =
            !troubles.iter().any(|trouble| matches!(trouble, Trouble::Deploy | Trouble::Journal));
        let pauses = Rng::with_seed(seed ^ 0x9a05e).u8(..3) == 0;
        // The table goes with the journal.
        let halts = !troubles.contains(&Trouble::Journal) && Rng::with_seed(seed ^ 0x4a17).u8(..4) == 0;
        let cancels = Rng::with_seed(seed ^ 0xca9ce1).u8(..3) == 0;
        let schedules =
            if may_have_schedules && of_schedules.u8(..3) == 0 { of_schedules.usize(1..4) } else { 0 };
        Self {
            seed,
            workers: random.usize(1..4),
            runs: random.usize(1..6),
            concurrency: [1, 3, 10][random.usize(..3)],
            max_deaths: [2, 3, 5][of_poison.usize(..3)],
            journal: random.bool(),
            // A worker may die between a due time and its messages.
            recovery: random.bool()
                || schedules > 0
                // What is due when a run goes on may not be published.
                || ((pauses || halts) && !troubles.is_empty())
                // The children of a run that is cancelled may be left to it.
                || (cancels && !troubles.is_empty())
                || troubles.iter().any(|trouble| needs_recovery(*trouble)),
            continuation: Rng::with_seed(seed ^ 0xca11).f64() < 0.8,
            reads: Rng::with_seed(seed ^ 0x4ead).bool(),
            replaces: Rng::with_seed(seed ^ 0x4e91ace).u8(..3) == 0,
            nests,
            parents: Rng::with_seed(seed ^ 0xc41d).bool(),
            calls: Rng::with_seed(seed ^ 0xca15).bool(),
            crowds: Rng::with_seed(seed ^ 0xc40d).bool(),
            limit: is_limited.then(|| of_limit.u32(1..4)),
            pauses,
            halts,
            cancels,
            schedules,
            listens: Rng::with_seed(seed ^ 0xe4e7).bool(),
            troubles,
            stormy: Duration::from_secs(random.u64(5..90)),
            calm: Duration::from_secs(30 * 60),
        }
    }

    /// How long servers may take. Where none falls silent, an answer may be as late as ever.
    pub fn timeouts(&self) -> Timeouts {
        match self.has(Trouble::Silence) {
            true => Timeouts::default(),
            false => Timeouts { statement: NEVER, publish: NEVER, lease: NEVER },
        }
    }

    /// How long a node may be on its way to its start: its worker may stand still, and servers are late.
    pub fn grace(&self, in_peace: Duration) -> Duration {
        if self.troubles.is_empty() { in_peace } else { ON_ITS_WAY }
    }

    /// Whether one of these may go wrong in it.
    pub fn has_any(&self, troubles: &[Trouble]) -> bool {
        self.troubles.iter().any(|trouble| troubles.contains(trouble))
    }

    /// Whether something may go wrong in it.
    pub fn has(&self, trouble: Trouble) -> bool {
        self.troubles.contains(&trouble)
    }
}
