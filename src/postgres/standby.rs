//! Several PostgreSQL servers, of which one accepts writes. A failover may change which one.
//!
//! A connection to a standby is useless here: the engine reads in order to write. A new connection is checked
//! (`target_session_attrs`). A connection whose server became a standby is not used again.

use std::sync::{PoisonError, RwLock};
use std::time::Instant;

use tokio_postgres::Config;
use tokio_postgres::config::TargetSessionAttrs;

use crate::error::{Error, Result};

const PARAMETER: &str = "target_session_attrs=";

/// When a server last refused a write. One for the process: an unnecessary new connection does no harm.
static MET: RwLock<Option<Instant>> = RwLock::new(None);

/// Records that a server refused a write.
pub(super) fn met() {
    *MET.write().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

/// Whether a server refused a write after that moment.
pub(super) fn came_after(moment: Instant) -> bool {
    MET.read().unwrap_or_else(PoisonError::into_inner).is_some_and(|met| met > moment)
}

/// Makes the driver skip the servers that accept no writes, if there are several.
///
/// # Errors
/// The user asks for a server that accepts no writes.
pub(super) fn avoid(config: &mut Config) -> Result<()> {
    if config.get_target_session_attrs() == TargetSessionAttrs::ReadOnly {
        return Err(Error::of_option("pgClient", "a server that accepts no writes is of no use"));
    }
    if config.get_hosts().len() > 1 {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    Ok(())
}

/// A connection URL with the driver's words for libpq's `primary` and `standby`.
pub(super) fn in_our_words(url: &str) -> String {
    let Some((base, query)) = url.split_once('?').filter(|_| url.contains("://")) else {
        return url.to_owned();
    };
    let worded = |pair: &str| match pair.strip_prefix(PARAMETER) {
        Some("primary") => format!("{PARAMETER}read-write"),
        Some("standby") => format!("{PARAMETER}read-only"),
        _ => pair.to_owned(),
    };
    format!("{base}?{}", query.split('&').map(worded).collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn avoided(url: &str) -> Result<TargetSessionAttrs> {
        let mut config: Config = in_our_words(url).parse().unwrap();
        avoid(&mut config)?;
        Ok(config.get_target_session_attrs())
    }

    #[test]
    fn of_several_servers_only_one_that_can_be_written_to_is_used() {
        for url in [
            "postgres://u@a,b/db",
            "postgres://u@a,b/db?target_session_attrs=any",
            "host=a,b user=u",
            "postgres://u@a/db?connect_timeout=1&target_session_attrs=primary",
        ] {
            assert_eq!(avoided(url).unwrap(), TargetSessionAttrs::ReadWrite, "{url}");
        }
        assert_eq!(avoided("postgres://u@a/db").unwrap(), TargetSessionAttrs::Any);
    }

    #[test]
    fn a_standby_by_name_is_refused() {
        for word in ["read-only", "standby"] {
            assert!(avoided(&format!("postgres://u@a,b/db?target_session_attrs={word}")).is_err(), "{word}");
        }
    }

    #[test]
    fn a_connection_from_before_a_refusal_is_not_used_again() {
        let before = Instant::now();
        met();
        assert!(came_after(before) && !came_after(Instant::now()));
    }
}
