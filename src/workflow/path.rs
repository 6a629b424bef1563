//! Names of nodes inside subflows.
//!
//! A node that runs another blueprint as a subflow is a *container*; each time it does, an *instance* of that blueprint begins.
//! The nodes inside are nodes of the run. Each has an id that no node of a blueprint may have: the path to it, of parts that
//! are escaped as in a JSON pointer (`~0` for `~`, `~1` for `/`).
//!
//! ```text
//!   _flowcraft/order/charge         node 'charge', in the instance of container 'order'
//!   _flowcraft/order/ship/pack      node 'pack', in the instance of container 'ship', which is a node inside 'order'
//!   _flowcraft/order/               the instance of container 'order' itself: a node has no empty id
//!   _flowcraft/order//total         not a node, but the key 'total' of the instance's own context
//! ```

use std::borrow::Cow;

use crate::ids::NodeId;

/// What begins the name of whatever is inside a subflow.
pub const INNER: &str = "_flowcraft/";

/// Where a node inside a subflow stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// The container, by its id in the run: a path, if it is itself inside another one.
    pub container: NodeId,
    /// The node, by its id in the blueprint of the instance; empty for the instance itself.
    pub node: NodeId,
}

impl Inside {
    /// Where the node of this id stands; none for a node of the run's own blueprint.
    pub fn of(id: &str) -> Option<Self> {
        let (outer, last) = id.strip_prefix(INNER)?.rsplit_once('/')?;
        let container = match outer.contains('/') {
            true => NodeId::from(format!("{INNER}{outer}")),
            false => plain(outer),
        };
        Some(Self { container, node: plain(last) })
    }

    /// Whether it is the instance itself, and no node of it.
    pub fn is_instance(&self) -> bool {
        self.node.is_empty()
    }
}

/// The instance of a container, by its id in the run. It begins the id of everything inside.
pub fn instance_of(container: &str) -> NodeId {
    match container.starts_with(INNER) {
        true => format!("{container}/").into(),
        false => format!("{INNER}{}/", escaped(container)).into(),
    }
}

/// A node inside a container, by its id in the run.
pub fn inside(container: &str, node: &str) -> NodeId {
    format!("{}{}", instance_of(container), escaped(node)).into()
}

/// What begins the keys of the context that the instance of a container has to itself.
pub fn context_of(container: &str) -> String {
    format!("{}/", instance_of(container))
}

/// The id in its blueprint of a node that stands directly inside the instance whose id is `instance`.
pub fn directly_inside(instance: &str, id: &str) -> Option<NodeId> {
    let last = id.strip_prefix(instance)?;
    (!last.is_empty() && !last.contains('/')).then(|| plain(last))
}

/// A node's id as people read it: a path without its mark.
pub fn shown(id: &str) -> &str {
    id.strip_prefix(INNER).unwrap_or(id)
}

/// The node that people mean by a path as it is [`shown`]; none for what is no path.
pub fn named(path: &str) -> Option<NodeId> {
    path.contains('/').then(|| format!("{INNER}{}", shown(path)).into())
}

/// The node of the run's own blueprint in which a node stands, or which it is.
pub fn outermost(id: &str) -> NodeId {
    let mut outermost = NodeId::from(id);
    while let Some(inside) = Inside::of(&outermost) {
        outermost = inside.container;
    }
    outermost
}

/// How many subflows a node stands in.
pub fn depth(id: &str) -> usize {
    id.strip_prefix(INNER).map_or(0, |path| path.matches('/').count())
}

/// A node's id as a part of a path.
pub fn escaped(id: &str) -> Cow<'_, str> {
    match id.contains(['~', '/']) {
        true => id.replace('~', "~0").replace('/', "~1").into(),
        false => id.into(),
    }
}

fn plain(part: &str) -> NodeId {
    match part.contains('~') {
        true => part.replace("~1", "/").replace("~0", "~").into(),
        false => part.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_back_to_the_node_it_was_made_of() {
        for container in ["s", "a/b", "~1", "~", "ü s", "//"] {
            for node in ["n", "x/y", "~0", "~01", "/"] {
                let id = inside(container, node);
                let expected = Inside { container: container.into(), node: node.into() };
                assert_eq!(Inside::of(&id), Some(expected), "{id}");
                let deeper = Inside::of(&inside(&id, "m")).unwrap();
                assert_eq!((deeper.container.as_str(), deeper.node.as_str()), (id.as_str(), "m"));
                assert_eq!(directly_inside(&instance_of(container), &id), Some(node.into()));
                assert_eq!(directly_inside(&instance_of(container), &inside(&id, "m")), None);
            }
        }
    }

    #[test]
    fn no_two_nodes_have_one_path() {
        let ids = ["a", "a/b", "b", "~1", "/", "~", "a~1b", "~0"];
        let mut paths = std::collections::BTreeMap::new();
        for one in ids {
            for two in ids {
                assert_eq!(paths.insert(inside(one, two), vec![one, two]), None);
                for three in ids {
                    assert_eq!(paths.insert(inside(&inside(one, two), three), vec![one, two, three]), None);
                }
            }
        }
    }

    #[test]
    fn an_instance_is_no_node_and_its_keys_are_those_of_no_other() {
        let instance = Inside::of(&instance_of("s")).unwrap();
        assert!(instance.is_instance() && instance.container == "s");
        assert_eq!(context_of("s"), "_flowcraft/s//");
        assert_eq!(context_of(&inside("s", "t")), "_flowcraft/s/t//");
        assert!(!format!("{}t/x", context_of("s")).starts_with(&context_of(&inside("s", "t"))));
    }

    #[test]
    fn what_is_not_inside_has_no_path() {
        for id in ["s", "a/b", "_flowcraft", "_flowcraft/s", ""] {
            assert_eq!(Inside::of(id), None, "{id}");
        }
    }

    #[test]
    fn people_read_and_write_a_path_without_its_mark() {
        let id = inside("s", "a");
        assert_eq!((shown(&id), shown("s")), ("s/a", "s"));
        assert_eq!((named("s/a"), named(&id), named("s")), (Some(id.clone()), Some(id), None));
        assert_eq!((depth("s"), depth(&inside("s", "a")), depth(&inside(&inside("s", "a"), "b"))), (0, 1, 2));
    }
}
