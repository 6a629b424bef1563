//! Places in a job's life where a test can end the process, or make it panic.
//!
//! `FLOWCRAFT_FAULT=crash@after-commit:2` kills this process (`SIGKILL`) when a job passes the point
//! `after-commit` for the second time; `panic@…` panics there. Without the Cargo feature `fault-points`, which
//! the published addon does not have, a point is nothing at all.

#[cfg(feature = "fault-points")]
mod armed {
    use std::process::Command;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct FaultPlan {
        action: String,
        point: String,
        passes: AtomicU32,
    }

    static PLAN: LazyLock<Option<FaultPlan>> =
        LazyLock::new(|| std::env::var("FLOWCRAFT_FAULT").ok().and_then(|text| parse(&text)));

    fn parse(text: &str) -> Option<FaultPlan> {
        let (action, place) = text.split_once('@')?;
        let (point, passes) = place.split_once(':').unwrap_or((place, "1"));
        let passes = AtomicU32::new(passes.parse().ok()?);
        Some(FaultPlan { action: action.to_owned(), point: point.to_owned(), passes })
    }

    pub fn is_planned(point: &str) -> bool {
        PLAN.as_ref().is_some_and(|plan| plan.point == point)
    }

    pub fn point(name: &str) {
        let Some(plan) = PLAN.as_ref().filter(|plan| plan.point == name) else { return };
        if plan.passes.fetch_sub(1, Ordering::Relaxed) != 1 {
            return;
        }
        if plan.action == "panic" {
            std::panic::panic_any(format!("a test planned a panic at {name}"));
        }
        // From outside, as a crash comes: nothing of this process gets to clean up.
        let _ = Command::new("kill").args(["-KILL", &std::process::id().to_string()]).status();
        loop {
            std::thread::park();
        }
    }
}

#[cfg(feature = "fault-points")]
pub use armed::{is_planned, point};

/// Passes a point, by its name.
#[cfg(not(feature = "fault-points"))]
#[inline]
pub fn point(_name: &str) {}

/// Whether something is to happen at a point.
#[cfg(not(feature = "fault-points"))]
#[inline]
pub fn is_planned(_point: &str) -> bool {
    false
}
