//! Passwords in URLs are hidden where they stand: between user and host, and in parameters that hold one.
//!
//! Our own messages quote no URL. But what user code throws, or a server says, is quoted and may hold one.

use std::borrow::Cow;

/// What stands in a password's place.
const MASK: &str = "***";
/// What parameters of a URL that hold a secret are called.
const SECRET: [&str; 8] =
    ["password", "sslpassword", "passwd", "passphrase", "pass", "pwd", "secret", "token"];

/// A text in which the URLs show no password; all else stays as it is.
pub fn urls(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        let end = after.find(ends_url).unwrap_or(after.len());
        let (url, following) = after.split_at(end);
        redacted.push_str(before);
        redact(Url { text: url, is_of_web: is_of_web(before) }, &mut redacted);
        rest = following;
    }
    redacted.push_str(rest);
    Cow::Owned(redacted)
}

/// Where a URL in a text ends.
fn ends_url(character: char) -> bool {
    character.is_whitespace() || matches!(character, '"' | '\'' | '<' | '>' | '`')
}

/// What follows a URL's scheme.
#[derive(Clone, Copy)]
struct Url<'a> {
    text: &'a str,
    is_of_web: bool,
}

impl<'a> Url<'a> {
    /// The user, and what follows the password. A password may hold any sign that should be encoded: the last `@` ends it.
    fn login(&self) -> Option<(&'a str, &'a str)> {
        let (login, place) = match self.authority() {
            Some(authority) => {
                let at = authority.rfind('@')?;
                (&self.text[..at], &self.text[at + 1..])
            }
            None => self.text.rsplit_once('@')?,
        };
        Some((login.split_once(':')?.0, place))
    }

    /// Where a login could be, if that is sure: addresses of the web have signs of a login in their paths. But what looks
    /// like a host with a port that is no number is a login with a password that should have been encoded.
    fn authority(&self) -> Option<&'a str> {
        let authority = self.text.split(['/', '?', '#']).next().filter(|_| self.is_of_web)?;
        let is_place = |port: &str| port.bytes().all(|digit| digit.is_ascii_digit());
        let is_sure = authority.contains('@')
            || authority.starts_with('[')
            || authority.split_once(':').is_none_or(|(_, port)| is_place(port));
        is_sure.then_some(authority)
    }
}

fn is_of_web(before: &str) -> bool {
    let scheme = before.trim_end_matches("://");
    ["http", "https", "ws", "wss"].iter().any(|web| {
        scheme.len() >= web.len()
            && scheme.is_char_boundary(scheme.len() - web.len())
            && scheme[scheme.len() - web.len()..].eq_ignore_ascii_case(web)
    })
}

fn redact(url: Url<'_>, redacted: &mut String) {
    let place = match url.login() {
        Some((user, place)) => {
            redacted.extend([user, ":", MASK, "@"]);
            place
        }
        None => url.text,
    };
    let Some((path, query)) = place.split_once('?') else { return redacted.push_str(place) };
    redacted.push_str(path);
    let mut separator = '?';
    for pair in query.split('&') {
        redacted.push(separator);
        separator = '&';
        match pair.split_once('=') {
            Some((name, _)) if holds_secret(name) => redacted.extend([name, "=", MASK]),
            _ => redacted.push_str(pair),
        }
    }
}

fn holds_secret(parameter: &str) -> bool {
    SECRET.iter().any(|name| parameter.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_hidden_where_it_stands_and_nowhere_else() {
        for (text, redacted) in [
            ("flowcraft_contexts, flowcraft", "flowcraft_contexts, flowcraft"),
            (
                "postgres://app:flowcraft@h/flowcraft has no flowcraft_contexts",
                "postgres://app:***@h/flowcraft has no flowcraft_contexts",
            ),
            ("redis://:pw@h:1/0", "redis://:***@h:1/0"),
            ("amqp://u:a/b@c#d?e@h/x", "amqp://u:***@h/x"),
            ("amqps://user@h/%2f", "amqps://user@h/%2f"),
            (
                "'postgres://h/db?Password=pw&a=b&sslpassword=x'.",
                "'postgres://h/db?Password=***&a=b&sslpassword=***'.",
            ),
            ("postgres://u@h/db?password=a@b&c=d", "postgres://u@h/db?password=***&c=d"),
            ("a://u:1@h, then\nb://v:2@i", "a://u:***@h, then\nb://v:***@i"),
            ("http://h:8080/path?a=b#c", "http://h:8080/path?a=b#c"),
            ("https://h/users/a:b@c.d/e", "https://h/users/a:b@c.d/e"),
            ("HTTPS://h:8080/mail/a@b.c, sent", "HTTPS://h:8080/mail/a@b.c, sent"),
            ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
            ("http://h?to=a:b@c&token=t", "http://h?to=a:b@c&token=***"),
            ("wss://u:pw@h/a:b@c", "wss://u:***@h/a:b@c"),
            ("http://u:p/w@h/x", "http://u:***@h/x"),
            ("http://u:p?w@h", "http://u:***@h"),
            ("http://u:p@w@h/a@b", "http://u:***@h/a@b"),
            ("amqp://u:12/34@h", "amqp://u:***@h"),
            ("redis://:1#2@h", "redis://:***@h"),
            ("é://u:pw@h", "é://u:***@h"),
            ("://", "://"),
        ] {
            assert_eq!(urls(text), redacted);
        }
    }

    #[test]
    fn a_text_without_a_url_is_not_copied() {
        assert!(matches!(urls("connection refused"), Cow::Borrowed(_)));
    }
}
