//! Under which key an execution counts. Pure.
//!
//! A node's `config.limit` is a text in which `${name}` stands for a value of the run's context. What is before its first colon
//! names the rules: under `tenant:${customerId}` each customer has a key, and the rules of `tenant` hold for each of them.

use std::borrow::Cow;

use serde_json::Value;

/// The longest value that goes into a key as it is, in bytes.
const LONGEST_VALUE: usize = 512;

/// The name of the rules that a limit goes by.
pub fn rules_of(limit: &str) -> &str {
    limit.split_once(':').map_or(limit, |(rules, _)| rules)
}

/// A key, and the value that it lacks, if it lacks one.
#[derive(Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// The key.
    pub key: String,
    /// The first name without a value.
    pub missing: Option<&'a str>,
}

/// The key of a limit. A name for which `value` has nothing leaves its place empty: all such runs count under one key.
pub fn key_of<'a>(limit: &'a str, value: impl Fn(&str) -> Option<String>) -> Named<'a> {
    let (mut key, mut missing, mut rest) = (String::new(), None, limit);
    while let Some((text, name, after)) = next_name(rest) {
        key.push_str(text);
        match value(name) {
            Some(value) => key.push_str(&value),
            None => missing = missing.or(Some(name)),
        }
        rest = after;
    }
    key.push_str(rest);
    Named { key, missing }
}

/// What is before the first `${name}`, the name, and what is after it.
fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let (before, after) = text.split_once("${")?;
    let (name, after) = after.split_once('}')?;
    Some((before, name, after))
}

/// A value of the context as it goes into a key: a text, a number, `true` or `false`. Nothing else has a plain form.
pub fn text_of(json: &str) -> Option<String> {
    match serde_json::from_str(json).ok()? {
        Value::String(text) if !text.is_empty() => Some(shortened(&text).into_owned()),
        value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
        _ => None,
    }
}

fn shortened(text: &str) -> Cow<'_, str> {
    let end = (0..=LONGEST_VALUE.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    Cow::Borrowed(&text[..end.unwrap_or_default()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_of_its_runs_values() {
        let value = |name: &str| match name {
            "customer" => text_of(r#""c:7""#),
            "region" => text_of("4"),
            _ => None,
        };
        for (limit, rules, key, missing) in [
            ("openai", "openai", "openai", None),
            ("tenant:${customer}", "tenant", "tenant:c:7", None),
            ("tenant:${customer}/${region}!", "tenant", "tenant:c:7/4!", None),
            ("tenant:${nobody}", "tenant", "tenant:", Some("nobody")),
            ("tenant:${nobody}:${neither}", "tenant", "tenant::", Some("nobody")),
            ("tenant:${customer", "tenant", "tenant:${customer", None),
            ("tenant:$customer", "tenant", "tenant:$customer", None),
        ] {
            assert_eq!(rules_of(limit), rules);
            assert_eq!(key_of(limit, value), Named { key: key.into(), missing }, "{limit}");
        }
    }

    #[test]
    fn only_plain_values_go_into_a_key() {
        for (json, expected) in [
            (r#""a""#, Some("a")),
            ("17", Some("17")),
            ("1.5", Some("1.5")),
            ("true", Some("true")),
            (r#""""#, None),
            ("null", None),
            ("[1]", None),
            (r#"{"a":1}"#, None),
            ("no json", None),
        ] {
            assert_eq!(text_of(json).as_deref(), expected, "{json}");
        }
        let long = format!("\"{}ü\"", "x".repeat(LONGEST_VALUE - 1));
        assert_eq!(text_of(&long), Some("x".repeat(LONGEST_VALUE - 1)));
    }
}
