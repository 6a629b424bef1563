//! What a search of runs comes to, as SQL about the relation `s` of [`Session::seen`](super::session::Session).

use std::borrow::Cow;

use super::ids::Ids;
use super::parameters::{Parameter, Typed};
use crate::migrations::ENDED_BADLY;
use crate::ports::watching::RunSearch;

/// Conditions of a search, with the parameters that they are about.
#[derive(Default)]
pub(super) struct Conditions<'a> {
    /// Each with an `AND` before it.
    pub sql: String,
    pub given: Vec<Parameter<'a>>,
    /// Conditions of which a run meets one of each: each of them has an index of its own.
    either: Vec<[String; 2]>,
}

/// What a search comes to, as parameters.
pub(super) struct Bounds<'a> {
    pub created: Option<i64>,
    pub updated: Option<i64>,
    pub after: Option<Cow<'a, str>>,
    /// Every run that has the tags, if they are few.
    pub few: Option<Vec<String>>,
    /// Every run in which that node waits and is not the first that does, if they are few.
    pub few_waiting: Option<Vec<String>>,
    /// Every run that failed for such a reason, if they are few.
    pub few_failed: Option<Vec<String>>,
}

/// SQL: in the array `$WAITS` the text `$?` stands, and not first.
const OTHER_WAITS: &str = "$WAITS->>1 IS NOT NULL AND $WAITS ? $?::text AND $WAITS->>0 <> $?::text";

/// SQL: equal to the parameter `$?`, by an index that has the runs in order. PostgreSQL does not know how rare a value is that it is
/// not told, and reads all runs where it takes it for a common one: with both bounds said too, it takes it for a rare one.
fn by_index(expression: &str) -> String {
    format!("{expression} = $?::text AND {expression} >= $?::text AND {expression} <= $?::text")
}

/// Whether it is the status of a run that is over and has a reason.
fn is_bad(status: &str) -> bool {
    ["failed", "cancelled"].contains(&status)
}

impl<'a> Conditions<'a> {
    /// Those of a search.
    pub fn of(search: &'a RunSearch, bounds: &'a Bounds<'a>, has_tags: bool, ids: Ids) -> Self {
        let mut conditions = Self::default();
        if !search.statuses.is_empty() {
            conditions.require("s.status = ANY($?::text[])", &search.statuses);
        }
        if !search.statuses.is_empty() && search.statuses.iter().all(|status| is_bad(status)) {
            // As an index has it.
            conditions.sql += &format!(" AND s.status {ENDED_BADLY}");
        }
        conditions.require_blueprint(search.blueprint.as_ref());
        let is_one_of = format!("s.id = ANY({})", ids.all().replace("$1", "$?"));
        conditions.require_waiting(search.waiting_at.as_ref(), bounds.few_waiting.as_ref(), &is_one_of);
        match search.paused {
            Some(true) => conditions.sql += " AND s.halted",
            Some(false) => conditions.sql += " AND s.halted IS NOT TRUE",
            None => {}
        }
        conditions.require_tags(&search.tags, has_tags);
        conditions.require_if(&is_one_of, bounds.few.as_ref());
        let failed = format!("s.status {ENDED_BADLY} AND strpos(s.reason, $?::text) > 0");
        conditions.require_if(&failed, search.error.as_ref());
        conditions.require_if(&is_one_of, bounds.few_failed.as_ref());
        conditions.require_if("starts_with(s.id::text, $?::text)", search.prefix.as_ref());
        conditions.require_if("s.created < $?::bigint", bounds.created.as_ref());
        conditions.require_if("s.updated < $?::bigint", bounds.updated.as_ref());
        let than = if search.is_descending { "<" } else { ">" };
        let past = format!("s.id {than} $?::text{}", ids.cast());
        conditions.require_if(&past, bounds.after.as_ref());
        conditions
    }

    /// One more condition, about the parameter `$?`.
    fn require(&mut self, condition: &str, parameter: Parameter<'a>) {
        let condition = self.about(condition, parameter);
        self.sql += &format!(" AND {condition}");
    }

    /// Of this blueprint. A run that was started otherwise names it with its first job, and its row says it later.
    fn require_blueprint(&mut self, blueprint: Option<&'a String>) {
        if let Some(blueprint) = blueprint {
            let named = self.about(&by_index("s.named"), blueprint);
            let other =
                self.about("s.context IS NOT NULL AND s.named IS NULL AND s.blueprint = $?::text", blueprint);
            self.either.push([named, other]);
        }
    }

    /// In which this node waits: as the first of its run, or as another one. Of those, every one may be known.
    fn require_waiting(
        &mut self,
        node: Option<&'a String>,
        others: Option<&'a Vec<String>>,
        is_one_of: &str,
    ) {
        if let Some(node) = node {
            let first = self.about(&by_index("s.waits->>0"), node);
            let other = match others {
                Some(others) => self.about(is_one_of, others),
                None => self.about(&OTHER_WAITS.replace("$WAITS", "s.waits"), node),
            };
            self.either.push([first, other]);
        }
    }

    fn about(&mut self, condition: &str, parameter: Parameter<'a>) -> String {
        self.given.push(parameter);
        condition.replace("$?", &format!("${}", self.given.len()))
    }

    /// All of these tags, if there are any.
    pub fn require_tags(&mut self, tags: &'a Vec<String>, has_column: bool) {
        let condition = if has_column { "s.kept @> $?::text[]" } else { "s.said ?& $?::text[]" };
        if !tags.is_empty() {
            self.require(condition, tags);
        }
    }

    /// The same where the search says something of it.
    fn require_if<T: Typed + Sync>(&mut self, condition: &str, parameter: Option<&'a T>) {
        if let Some(parameter) = parameter {
            self.require(condition, parameter);
        }
    }

    /// All conditions, once for each way in which a run may meet them. A run meets them in one way.
    pub fn ways(&self) -> Vec<String> {
        let mut ways = vec![self.sql.clone()];
        for pair in &self.either {
            ways =
                ways.iter().flat_map(|way| pair.iter().map(move |one| format!("{way} AND {one}"))).collect();
        }
        ways
    }
}
