//! The contexts of subflows: the keys that an instance has to itself stand in the run's context, under names that begin with the
//! path of its container. Nobody but its nodes sees them.

use std::ops::Bound;

use super::document::Document;
use super::keys::OUTPUTS;
use super::patch::Patch;
use super::values::Values;
use crate::ids::NodeId;
use crate::json::Json;
use crate::workflow::path::{INNER, Inside, context_of, instance_of};

/// The keys of a run that one of its nodes may see: those of the run itself, or those of the instance it stands in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope(Option<String>);

impl Scope {
    /// What the node of this id sees.
    pub fn of(node: &str) -> Self {
        Self(Inside::of(node).map(|inside| context_of(&inside.container)))
    }

    /// What the nodes inside this container see.
    pub fn inside(container: &str) -> Self {
        Self(Some(context_of(container)))
    }

    /// Under which name a key stands; none where it is not for this scope.
    fn stored(&self, key: &str) -> Option<String> {
        match &self.0 {
            Some(context) => Some(format!("{context}{key}")),
            None => (!is_hidden(key)).then(|| key.to_owned()),
        }
    }

    /// The value of a key.
    pub fn get<'a>(&self, values: &'a Values, key: &str) -> Option<&'a Json> {
        match &self.0 {
            Some(_) => values.get(self.stored(key)?.as_str()),
            None => values.get(key).filter(|_| !is_hidden(key)),
        }
    }

    /// The keys, and their values.
    pub fn entries<'a>(&'a self, values: &'a Values) -> impl Iterator<Item = (&'a str, &'a Json)> {
        let context = self.0.as_deref();
        let first = context.map_or(Bound::Unbounded, Bound::Included);
        values
            .range::<_, str>((first, Bound::Unbounded))
            .take_while(move |(key, _)| context.is_none_or(|context| key.starts_with(context)))
            .filter(move |(key, _)| context.is_some() || !is_hidden(key))
            .map(move |(key, value)| (&key[context.map_or(0, str::len)..], value))
    }

    /// A change of what is seen here, as a change of the run.
    #[must_use]
    pub fn embedded(&self, patch: Patch) -> Patch {
        let Patch { sets, deletes } = patch;
        if self.0.is_none() && !sets.keys().chain(&deletes).any(|key| is_hidden(key)) {
            return Patch { sets, deletes };
        }
        Patch {
            sets: sets.into_iter().filter_map(|(key, value)| Some((self.stored(&key)?, value))).collect(),
            deletes: deletes.iter().filter_map(|key| self.stored(key)).collect(),
        }
    }
}

/// Whether a key is that of an instance.
pub fn is_hidden(key: &str) -> bool {
    key.starts_with(INNER)
}

impl Document {
    /// Every key that stands inside a container, however deep.
    pub fn keys_inside(&self, container: &NodeId) -> Vec<String> {
        let instance = instance_of(container);
        self.values
            .range::<_, str>((Bound::Included(instance.as_str()), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(instance.as_str()))
            .map(|(key, _)| key.to_string())
            .collect()
    }

    /// The keys that nodes of the run's own blueprint see.
    pub(super) fn visible(&self) -> Values {
        let has_hidden = self.values.range::<_, str>((Bound::Included(INNER), Bound::Unbounded)).next();
        if !has_hidden.is_some_and(|(key, _)| is_hidden(key)) {
            return self.values.clone();
        }
        self.values
            .iter()
            .filter(|(key, _)| !is_hidden(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

/// The value of a key as core's subflow node takes it: the output of the node of that name, or else the key.
pub fn given<'a>(values: &'a Values, key: &str) -> Option<&'a Json> {
    let output = values.get(format!("{OUTPUTS}{key}").as_str());
    output.filter(|output| output.get() != "null").or_else(|| values.get(key)).or(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::path::inside;

    fn document(text: &str) -> Document {
        Document::parse(Some(text)).unwrap()
    }

    fn keys(scope: &Scope, document: &Document) -> Vec<String> {
        scope.entries(&document.values).map(|(key, value)| format!("{key}={}", value.get())).collect()
    }

    const TEXT: &str = r#"{"a":1,"_flowcraft/s//a":2,"_flowcraft/s//_outputs.n":3,"_flowcraft/s/t//a":4,"_flowcraft/s/t//x//y":5,"z":6}"#;

    #[test]
    fn each_scope_sees_its_own_keys() {
        let document = document(TEXT);
        let deep = inside("s", "t");
        for (scope, expected, a) in [
            (Scope::of("n"), vec!["a=1", "z=6"], Some("1")),
            (Scope::of(&inside("s", "n")), vec!["_outputs.n=3", "a=2"], Some("2")),
            (Scope::inside("s"), vec!["_outputs.n=3", "a=2"], Some("2")),
            (Scope::inside(&deep), vec!["a=4", "x//y=5"], Some("4")),
            (Scope::inside("other"), vec![], None),
        ] {
            assert_eq!(keys(&scope, &document), expected);
            assert_eq!(scope.get(&document.values, "a").map(Json::get), a);
        }
        assert_eq!(Scope::of("n").get(&document.values, "_flowcraft/s//a"), None);
        assert_eq!(document.visible_json().unwrap().get(), r#"{"a":1,"z":6}"#);
    }

    #[test]
    fn a_change_inside_touches_nothing_outside() {
        let mut patch = Patch::default();
        patch.set("_flowcraft/s//a", Json::parse("9".to_owned()).unwrap());
        patch.deletes.push("a".to_owned());
        let embedded = Scope::inside("s").embedded(patch);
        assert_eq!(embedded.sets.keys().collect::<Vec<_>>(), ["_flowcraft/s//_flowcraft/s//a"]);
        assert_eq!(embedded.deletes, ["_flowcraft/s//a"]);
    }

    #[test]
    fn everything_inside_a_container_is_found() {
        let inner: Vec<String> = document(TEXT).keys_inside(&"s".into());
        assert_eq!(inner.len(), 4);
        assert!(document(TEXT).keys_inside(&"st".into()).is_empty());
    }
}
