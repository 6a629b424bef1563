//! What the engine notices, as JavaScript reads it in `lib/worker/hearing.ts`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::error::Code;
use crate::ports::about::About;
use crate::ports::host::{Level, Notice, Readiness, Span, SpanKind};
use crate::workflow::path::shown;

/// A notice as JSON.
pub fn notice_json(notice: Notice) -> Value {
    match notice {
        Notice::Enqueued { job, queue } => json!({
            "event": "job:enqueued",
            "payload": {
                "runId": job.run_id, "blueprintId": job.run_blueprint(), "nodeId": shown(&job.node_id),
                "queueName": queue,
            },
        }),
        Notice::Processed { job, duration, success } => json!({
            "event": "job:processed",
            "payload": {
                "runId": job.run_id, "blueprintId": job.run_blueprint(), "nodeId": shown(&job.node_id),
                "duration": duration, "success": success,
            },
        }),
        Notice::Deaf { message, queue } => json!({ "deaf": message, "queue": queue }),
        Notice::Unfit { error } => json!({
            "unfit": error.to_string(),
            "code": error.code.as_str(),
            "sqlState": error.sql_state.map(|state| state.as_str().to_owned()),
        }),
        Notice::Log { level, message, about } => {
            let About { run, node, queue, code } = about;
            let code = code.map(Code::as_str);
            let about = json!({ "run": run, "node": node, "queue": queue, "code": code });
            json!({ "level": level_name(level), "message": message, "about": about })
        }
        Notice::Span(span) => span_json(&span),
        Notice::Readiness { readiness, health } => {
            let word = match readiness {
                Readiness::Ready => "ready",
                Readiness::Reconnecting => "reconnecting",
            };
            json!({ "readiness": word, "health": health })
        }
    }
}

fn span_json(Span { kind, after, run, node, took }: &Span) -> Value {
    let word = match kind {
        SpanKind::Publish => "publish",
        SpanKind::Commit => "commit",
    };
    let ended = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    json!({
        "span": word, "after": after, "runId": run, "nodeId": shown(node),
        "ended": ended.as_secs_f64() * 1e3, "took": took.as_secs_f64() * 1e3,
    })
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}
