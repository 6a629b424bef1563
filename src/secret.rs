//! Passwords this process was given, so that no error can repeat one.
//!
//! Our own messages never hold one. But a server may say back what it was told, and its words are quoted.

use std::sync::{PoisonError, RwLock};

/// What stands in a password's place.
const MASK: &str = "***";
/// Shorter ones would mask ordinary words.
const SHORTEST: usize = 4;
/// A process that keeps asking for new passwords keeps only the latest.
const KEPT: usize = 64;

static SECRETS: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Remembers a password. One that is no secret, such as RabbitMQ's `guest`, is not worth it.
pub fn keep(user: &str, password: &str) {
    if password.len() < SHORTEST || password == user {
        return;
    }
    let mut secrets = SECRETS.write().unwrap_or_else(PoisonError::into_inner);
    if secrets.iter().any(|secret| secret == password) {
        return;
    }
    if secrets.len() == KEPT {
        secrets.remove(0);
    }
    secrets.push(password.to_owned());
}

/// A text with every password masked.
pub fn masked(text: String) -> String {
    let secrets = SECRETS.read().unwrap_or_else(PoisonError::into_inner);
    secrets.iter().fold(text, |text, secret| match text.contains(secret.as_str()) {
        true => text.replace(secret.as_str(), MASK),
        false => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_masked_wherever_it_stands_and_a_default_is_not() {
        keep("app", "s3cret-of-this-test");
        keep("guest", "guest");
        keep("app", "abc");
        let text = "guest said s3cret-of-this-test, abc; s3cret-of-this-test".to_owned();
        assert_eq!(masked(text), "guest said ***, abc; ***");
    }
}
