//! What the id of a run is in a table: a text, or a value of another type that every id has to be written as.
//!
//! An id is given to PostgreSQL as text. It is the parameter that is cast, never the column, so that the index is used. What
//! is no id of the type is found out here: one such id must not fail the statement of others.

use std::borrow::Cow;
use std::collections::HashMap;

use super::columns::Column;
use crate::error::{Code, Error, Result};

/// The type of a table's `run_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids {
    /// Any text.
    Text,
    /// Text that is filled up with spaces.
    Padded,
    Uuid,
    Number,
}

impl Ids {
    /// The ids of a column; none for a type that holds none.
    pub fn of(column: &Column) -> Option<Self> {
        match column.base.rsplit('.').next().unwrap_or_default() {
            "text" | "character varying" | "citext" | "name" => Some(Self::Text),
            "character" | "bpchar" => Some(Self::Padded),
            "uuid" => Some(Self::Uuid),
            "smallint" | "integer" | "bigint" => Some(Self::Number),
            _ => None,
        }
    }

    /// SQL: what makes an id of a text.
    pub fn cast(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::Padded => "::bpchar",
            Self::Uuid => "::uuid",
            Self::Number => "::bigint",
        }
    }

    /// SQL: the id that is the parameter $1.
    pub fn first(self) -> String {
        format!("$1::text{}", self.cast())
    }

    /// SQL: the ids that are the parameter $1.
    pub fn all(self) -> String {
        match self {
            Self::Text => "$1::text[]".to_owned(),
            _ => format!("$1::text[]{}[]", self.cast()),
        }
    }

    /// SQL: the id that is the parameter $1, after which others are looked for; an empty text stands before all.
    pub fn after_first(self) -> String {
        let least = match self {
            Self::Text | Self::Padded => return self.first(),
            Self::Uuid => "'00000000-0000-0000-0000-000000000000'",
            Self::Number => "'-9223372036854775808'",
        };
        format!("coalesce(nullif($1::text, ''), {least}){}", self.cast())
    }

    /// An id as PostgreSQL writes it; none where it is no id of this type.
    pub fn canonical(self, run: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Text => Some(run.into()),
            Self::Padded => Some(run.trim_end_matches(' ').into()),
            Self::Uuid => uuid(run),
            Self::Number => run.trim().parse::<i64>().ok().map(|number| number.to_string().into()),
        }
    }

    /// The same, for a statement about this run alone.
    ///
    /// # Errors
    /// It is no id of this type.
    pub fn named(self, run: &str) -> Result<Cow<'_, str>> {
        self.canonical(run).ok_or_else(|| self.refusal(run))
    }

    /// Why an id is none of this type.
    pub fn refusal(self, run: &str) -> Error {
        let kind = match self {
            Self::Text | Self::Padded => "text",
            Self::Uuid => "uuid",
            Self::Number => "bigint",
        };
        let what = format!("the tables' column 'run_id' is of type {kind}, and this id is none");
        Error::new(Code::RunIdInvalid, "Looking for the run", what).of_run(run)
    }
}

/// SQL: a row `t` of the statuses and a row `c` of the contexts are of one run.
pub(super) fn same_run(statuses: Ids, contexts: Ids) -> String {
    match statuses == contexts {
        true => "c.run_id = t.run_id".to_owned(),
        false => format!("c.run_id = t.run_id::text{}", contexts.cast()),
    }
}

/// A UUID in any of the ways in which PostgreSQL reads one, as PostgreSQL writes it.
fn uuid(text: &str) -> Option<Cow<'_, str>> {
    const LENGTH: usize = 36;
    const DIGITS: usize = 32;
    let is_hyphen = |place: usize| matches!(place, 8 | 13 | 18 | 23);
    let is_canonical = |(place, each): (usize, u8)| match is_hyphen(place) {
        true => each == b'-',
        false => matches!(each, b'0'..=b'9' | b'a'..=b'f'),
    };
    if text.len() == LENGTH && text.bytes().enumerate().all(is_canonical) {
        return Some(text.into());
    }
    let inner = text.strip_prefix('{').map_or(Some(text), |rest| rest.strip_suffix('}'))?;
    let (mut written, mut count, mut may_be_hyphen) = (String::with_capacity(LENGTH), 0, false);
    for each in inner.chars() {
        if each == '-' && may_be_hyphen {
            may_be_hyphen = false;
            continue;
        }
        if !each.is_ascii_hexdigit() || count == DIGITS {
            return None;
        }
        if is_hyphen(written.len()) {
            written.push('-');
        }
        written.push(each.to_ascii_lowercase());
        count += 1;
        may_be_hyphen = count % 4 == 0 && count < DIGITS;
    }
    if count < DIGITS {
        return None;
    }
    Some(written.into())
}

/// Several runs, as they are asked about and as PostgreSQL names them. Those that are no ids are left out: no row has them.
#[derive(Debug)]
pub(super) struct Names<'a> {
    /// What is sent.
    pub sent: Vec<Cow<'a, str>>,
    /// The names that were asked about, by what was sent for them; none where both are the same.
    asked: Option<HashMap<String, Vec<&'a str>>>,
}

impl<'a> Names<'a> {
    /// The names of these runs.
    pub fn of(ids: Ids, runs: impl Iterator<Item = &'a str>) -> Self {
        if ids == Ids::Text {
            return Self { sent: runs.map(Cow::Borrowed).collect(), asked: None };
        }
        let mut names = Self { sent: Vec::new(), asked: Some(HashMap::new()) };
        for run in runs {
            if let Some(sent) = ids.canonical(run) {
                names.note(sent, run);
            }
        }
        names
    }

    /// Adds a run that is not among them yet under another name; whether it was added.
    pub fn add(&mut self, ids: Ids, run: &'a str) -> bool {
        if ids == Ids::Text {
            self.sent.push(run.into());
            return true;
        }
        let is_new =
            |sent: &Cow<'_, str>| !self.asked.as_ref().is_some_and(|asked| asked.contains_key(sent.as_ref()));
        match ids.canonical(run).filter(is_new) {
            Some(sent) => {
                self.note(sent, run);
                true
            }
            None => false,
        }
    }

    fn note(&mut self, sent: Cow<'a, str>, run: &'a str) {
        self.asked.get_or_insert_default().entry(sent.to_string()).or_default().push(run);
        self.sent.push(sent);
    }

    /// The names that a run of an answer was asked about by.
    pub fn asked(&self, answered: String) -> Vec<String> {
        let known = self.asked.as_ref().and_then(|asked| asked.get(&answered));
        match known {
            Some(names) => names.iter().map(|name| (*name).to_owned()).collect(),
            None => vec![answered],
        }
    }

    /// The name by which a run of an answer was asked about first.
    pub fn first_asked(&self, answered: String) -> String {
        let known = self.asked.as_ref().and_then(|asked| asked.get(&answered)?.first());
        known.map_or(answered, |name| (*name).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";

    #[test]
    fn a_uuid_is_known_however_it_is_written() {
        for text in [
            UUID,
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
        ] {
            assert_eq!(Ids::Uuid.canonical(text).as_deref(), Some(UUID), "{text}");
        }
        for text in [
            "",
            "order-1",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a111",
            "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "a0eebc99--9c0b-4ef8-bb6d-6bb9bd380a11",
            "-a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11-",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380aé",
        ] {
            assert_eq!(Ids::Uuid.canonical(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_is_a_number_and_any_text_is_a_text() {
        assert_eq!(Ids::Number.canonical("007").as_deref(), Some("7"));
        assert_eq!(Ids::Number.canonical("seven"), None);
        assert_eq!(Ids::Padded.canonical("a  ").as_deref(), Some("a"));
        assert_eq!(Ids::Text.canonical("").as_deref(), Some(""));
    }

    #[test]
    fn an_answer_is_given_the_names_it_was_asked_by() {
        let upper = UUID.to_uppercase();
        let names = Names::of(Ids::Uuid, [upper.as_str(), "none", UUID].into_iter());
        assert_eq!(names.sent, [UUID, UUID]);
        assert_eq!(names.asked(UUID.to_owned()), [upper.as_str(), UUID]);
        assert_eq!(names.first_asked(UUID.to_owned()), upper);
        let names = Names::of(Ids::Text, ["a", "none"].into_iter());
        assert_eq!((names.sent.len(), names.first_asked("a".into())), (2, "a".to_owned()));
    }
}
