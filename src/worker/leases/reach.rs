//! Whether the coordination store answers, as one worker knows it.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

/// How long a store that failed is not asked again.
const RETRY: Duration = Duration::from_secs(2);
/// How long a failure is believed while one asks again. After a standstill of this worker nothing is known of the store.
const BELIEVED: Duration = Duration::from_secs(6);

/// Whether the store answers.
#[derive(Debug, Default)]
pub struct Reach {
    /// When it last failed to, and how.
    pub failed: Option<(Instant, Error)>,
    /// Since when it has not answered.
    pub lost: Option<Instant>,
    /// When it was last asked after it had failed.
    pub asked: Option<Instant>,
    /// What stood in the key of its epoch when this worker looked last: it changes when the store forgets everything.
    pub epoch: Option<String>,
    /// Whether that was said.
    pub said: bool,
}

impl Reach {
    /// Why the store need not be asked now, if it need not: it failed a moment ago, or another asks already. One finds
    /// out whether it answers again; the others do not wait for that.
    pub fn known_failure(&mut self, now: Instant) -> Option<Error> {
        let (failed, error) = self.failed.as_ref()?;
        let since_asked = now - (*failed).max(self.asked.unwrap_or(*failed));
        if now - *failed < BELIEVED && since_asked < RETRY {
            return Some(error.clone());
        }
        self.asked = Some(now);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn a_failure_is_believed_for_a_while_and_one_at_a_time_asks_again() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let error = Error::new(Code::RedisUnreachable, "Asking", "the connection was lost");
        let failed = || Reach { failed: Some((begun, error.clone())), ..Reach::default() };
        assert!(Reach::default().known_failure(begun).is_none(), "it never failed");
        for (moments, is_believed, why) in [
            (&[1][..], true, "it failed a moment ago"),
            (&[2], false, "this one asks again"),
            (&[2, 3], true, "another asks already"),
            (&[2, 4], false, "that one has no answer yet"),
            (&[30], false, "nothing is known any more"),
            (&[30, 30], false, "nor does it help that another asks"),
        ] {
            let mut reach = failed();
            let mut is_known = false;
            for seconds in moments {
                is_known = reach.known_failure(after(*seconds)).is_some();
            }
            assert_eq!(is_known, is_believed, "{why}");
        }
    }
}
