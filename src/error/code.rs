//! What can go wrong, as users tell it apart. `docs/errors.md` says of each code when it comes and what to do. A new code is one
//! in `lib/errors.ts`, too; the compiler then asks how the command line and the dashboard answer it.

/// What an error means for the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A server is out of reach or busy: the same call may succeed later.
    Transient,
    /// A server refuses the engine: a login or a privilege has to be changed.
    Refused,
    /// The data itself cannot be read or stored: trying again changes nothing.
    Data,
    /// Something the user has to change: a call, a table, an option, a blueprint.
    Setup,
    /// The engine is stopping.
    Stopping,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $text:literal, $kind:ident;)*) => {
        /// What went wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $($(#[$doc])* $code,)*
        }

        impl Code {
            /// The code as users see it. It never changes.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $text,)*
                }
            }

            /// What it means for the engine.
            pub fn kind(self) -> Kind {
                match self {
                    $(Self::$code => Kind::$kind,)*
                }
            }
        }
    };
}

codes! {
    /// The run has no context row.
    RunNotFound = "RUN_NOT_FOUND", Setup;
    /// There is a run of this id already.
    RunExists = "RUN_EXISTS", Setup;
    /// Only a run that is over can be removed.
    RunNotEnded = "RUN_NOT_ENDED", Setup;
    /// The run whose result was asked for has failed.
    RunFailed = "RUN_FAILED", Setup;
    /// The run whose result was asked for was cancelled.
    RunCancelled = "RUN_CANCELLED", Setup;
    /// The run whose result was asked for ended without an error and without a result.
    RunStalled = "RUN_STALLED", Setup;
    /// The run did not end within the time that its result was waited for.
    ResultTimeout = "RESULT_TIMEOUT", Transient;
    /// The run is over.
    RunEnded = "RUN_ENDED", Setup;
    /// Only a failed run can be retried, and this one has not failed.
    RunNotFailed = "RUN_NOT_FAILED", Setup;
    /// The run, or the node, does not wait to be resumed.
    NodeNotAwaiting = "NODE_NOT_AWAITING", Setup;
    /// The blueprint of the run has no such node.
    NodeUnknown = "NODE_UNKNOWN", Setup;
    /// A new run could not begin at the node rightly.
    NodeNotRerunnable = "NODE_NOT_RERUNNABLE", Setup;
    /// No edge of the node takes the action that it is to be resumed with.
    ActionUnknown = "ACTION_UNKNOWN", Setup;
    /// Others keep changing the run.
    RunBusy = "RUN_BUSY", Transient;
    /// The id of the run is none that the tables can have.
    RunIdInvalid = "RUN_ID_INVALID", Data;
    /// What is stored of the run cannot be read.
    ContextUnreadable = "CONTEXT_UNREADABLE", Data;
    /// PostgreSQL cannot store the value.
    ValueNotStorable = "VALUE_NOT_STORABLE", Data;
    /// The value is encrypted, and this process lacks the key.
    ValueKeyMissing = "VALUE_KEY_MISSING", Transient;
    /// The value is encrypted, and was changed or moved.
    ValueUnreadable = "VALUE_UNREADABLE", Data;
    /// A constraint, a trigger or a column of the user's refuses what is written.
    WriteRefused = "WRITE_REFUSED", Data;
    /// The key is reserved for the engine.
    ReservedKey = "RESERVED_KEY", Setup;
    /// The runtime does not have the blueprint, or nothing says which one the run follows.
    BlueprintUnknown = "BLUEPRINT_UNKNOWN", Setup;
    /// The run follows another version of the blueprint.
    BlueprintVersion = "BLUEPRINT_VERSION", Setup;
    /// The blueprint cannot be run as it was meant.
    BlueprintInvalid = "BLUEPRINT_INVALID", Setup;
    /// A table does not exist.
    TableMissing = "TABLE_MISSING", Setup;
    /// A column does not exist, or has another type.
    ColumnMissing = "COLUMN_MISSING", Setup;
    /// A table is there, and cannot be worked with.
    TableUnfit = "TABLE_UNFIT", Setup;
    /// PostgreSQL does not answer.
    DatabaseUnreachable = "DATABASE_UNREACHABLE", Transient;
    /// PostgreSQL answers, and cannot do it at the moment.
    DatabaseBusy = "DATABASE_BUSY", Transient;
    /// PostgreSQL refuses the login or the statement.
    DatabaseRefused = "DATABASE_REFUSED", Refused;
    /// A pooler stands before PostgreSQL over which no transaction is possible.
    PoolerUnfit = "POOLER_UNFIT", Setup;
    /// RabbitMQ does not answer, or did not confirm.
    BrokerUnreachable = "BROKER_UNREACHABLE", Transient;
    /// RabbitMQ refuses the login or the operation.
    BrokerRefused = "BROKER_REFUSED", Refused;
    /// The user's live amqplib connection is closed for good.
    BrokerLost = "BROKER_LOST", Setup;
    /// The queue was deleted.
    QueueMissing = "QUEUE_MISSING", Transient;
    /// Redis does not answer, or is busy.
    RedisUnreachable = "REDIS_UNREACHABLE", Transient;
    /// Redis refuses the login or the command.
    RedisRefused = "REDIS_REFUSED", Refused;
    /// The user's own coordination store threw an error.
    CoordinationStoreFailed = "COORDINATION_STORE_FAILED", Transient;
    /// The user's override of `publishFinalResult` threw an error.
    ResultNotPublished = "RESULT_NOT_PUBLISHED", Transient;
    /// There is no such schedule.
    ScheduleNotFound = "SCHEDULE_NOT_FOUND", Setup;
    /// There is a schedule of this id already.
    ScheduleExists = "SCHEDULE_EXISTS", Setup;
    /// The schedule cannot be: its pattern, its time zone or its bounds cannot be read, or it is never due.
    ScheduleInvalid = "SCHEDULE_INVALID", Setup;
    /// More due times are asked for than one backfill starts.
    BackfillTooLarge = "BACKFILL_TOO_LARGE", Setup;
    /// An option cannot work.
    InvalidOption = "INVALID_OPTION", Setup;
    /// An argument cannot be understood.
    InvalidArgument = "INVALID_ARGUMENT", Setup;
    /// Workers died, again and again, while they executed the node.
    NodeKilledWorkers = "NODE_KILLED_WORKERS", Data;
    /// The node did not say in time that it goes on.
    HeartbeatTimeout = "HEARTBEAT_TIMEOUT", Transient;
    /// The worker does not take jobs within the time that was waited for.
    NotReady = "NOT_READY", Transient;
    /// The engine is stopping.
    Stopping = "STOPPING", Stopping;
    /// The engine has a defect.
    Internal = "INTERNAL", Transient;
}
