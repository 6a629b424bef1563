//! The options of an engine, as JavaScript checked them: each under the name users know it by. Their defaults, bounds and
//! words are in `lib/options/adapter/`.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::deadlines::Timeouts;
use crate::ports::limits::{LimitRules, Rate};
use crate::ports::record::Tables;
use crate::worker::{Queues, RetentionRule, Settings, Subflows, WithoutLeases};

/// What JavaScript passes. A name that only one side knows is refused, whichever side that is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EngineSettings {
    queue_name: String,
    queues: HashMap<String, String>,
    /// Absent for all of them.
    consume: Option<Vec<String>>,
    context_table_name: String,
    status_table_name: String,
    concurrency: u16,
    continuation: bool,
    subflows: SubflowMode,
    /// Absent for none.
    #[serde(default)]
    retention: Retention,
    /// `false` for none.
    history: History,
    lease_seconds: u64,
    #[serde(deserialize_with = "milliseconds")]
    version_timeout: Duration,
    #[serde(deserialize_with = "milliseconds")]
    blueprint_timeout: Duration,
    #[serde(deserialize_with = "milliseconds")]
    write_timeout: Duration,
    max_deaths: u32,
    #[serde(deserialize_with = "milliseconds")]
    repair_interval: Duration,
    without_redis: WithoutRedis,
    #[serde(deserialize_with = "milliseconds")]
    statement_timeout: Duration,
    #[serde(deserialize_with = "milliseconds")]
    publish_timeout: Duration,
    #[serde(deserialize_with = "milliseconds")]
    lease_timeout: Duration,
    #[serde(deserialize_with = "milliseconds")]
    event_loop_timeout: Duration,
    /// Absent for none.
    #[serde(default)]
    limits: BTreeMap<String, LimitOptions>,
    /// No option: this worker's name, unique in the fleet.
    worker: String,
    /// No option: the machine it runs on.
    #[serde(default)]
    host: String,
}

/// How long runs are kept by how they ended, in milliseconds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retention {
    completed: Option<u64>,
    failed: Option<u64>,
    cancelled: Option<u64>,
}

/// Whether the worker writes a history of executions. What it writes is JavaScript's.
#[derive(Debug, Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum History {
    Off(#[expect(dead_code, reason = "it is false")] bool),
    On {
        #[serde(deserialize_with = "milliseconds")]
        keep_ms: Duration,
    },
}

impl Retention {
    fn rules(&self) -> Vec<RetentionRule> {
        let rule = |statuses: &[&str], age: Option<u64>| {
            let statuses = statuses.iter().map(|status| (*status).to_owned()).collect();
            age.map(|age| RetentionRule { statuses, age: Duration::from_millis(age) })
        };
        // Version 1 may have written that a run stalled.
        let all = [
            rule(&["completed"], self.completed),
            rule(&["failed", "stalled"], self.failed),
            rule(&["cancelled"], self.cancelled),
        ];
        all.into_iter().flatten().collect()
    }
}

/// What holds for each key of one name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitOptions {
    concurrency: Option<u32>,
    rate: Option<RateOptions>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RateOptions {
    count: u32,
    #[serde(deserialize_with = "milliseconds")]
    per_ms: Duration,
}

impl LimitOptions {
    fn rules(self) -> LimitRules {
        let rate = self.rate.map(|RateOptions { count, per_ms: per }| Rate { count, per });
        LimitRules { concurrency: self.concurrency, rate }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WithoutRedis {
    Continue,
    Wait,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SubflowMode {
    Auto,
    Jobs,
    Whole,
}

impl EngineSettings {
    /// The tables of the record.
    pub fn tables(&self) -> Tables {
        Tables {
            contexts: Some(self.context_table_name.clone()),
            statuses: Some(self.status_table_name.clone()),
        }
    }

    /// The worker's name.
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// What the worker goes by.
    pub fn settings(self) -> Settings {
        Settings {
            queues: Queues::new(self.queue_name, self.queues, self.consume),
            concurrency: self.concurrency,
            continuation: self.continuation,
            subflows: match self.subflows {
                SubflowMode::Auto => Subflows::Auto,
                SubflowMode::Jobs => Subflows::Jobs,
                SubflowMode::Whole => Subflows::Whole,
            },
            lease_seconds: self.lease_seconds,
            version_timeout: self.version_timeout,
            blueprint_timeout: self.blueprint_timeout,
            write_timeout: self.write_timeout,
            max_deaths: self.max_deaths,
            recovery_interval: self.repair_interval,
            retention: self.retention.rules(),
            history: match self.history {
                History::On { keep_ms } => Some(keep_ms),
                History::Off(_) => None,
            },
            without_leases: match self.without_redis {
                WithoutRedis::Continue => WithoutLeases::Continue,
                WithoutRedis::Wait => WithoutLeases::Wait,
            },
            event_loop_timeout: self.event_loop_timeout,
            timeouts: Timeouts {
                statement: self.statement_timeout,
                publish: self.publish_timeout,
                lease: self.lease_timeout,
            },
            key_limits: self.limits.into_iter().map(|(name, limit)| (name, limit.rules())).collect(),
            worker: self.worker,
            host: self.host,
        }
    }
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}
