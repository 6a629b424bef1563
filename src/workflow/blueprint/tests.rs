use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::ids::NodeId;

/// A graph of `(source, action, target)`, an empty action for none; nodes named with a capital are loop
/// controllers. It starts at the first edge's source.
fn blueprint(edges: &[(&str, &str, &str)], fallbacks: &[(&str, &str)]) -> Blueprint {
    let mut ids: Vec<&str> = edges.iter().flat_map(|(source, _, target)| [*source, *target]).collect();
    ids.extend(fallbacks.iter().flat_map(|(primary, fallback)| [*primary, *fallback]));
    let starts = ids.first().map(|id| (*id).into()).into_iter().collect();
    let ids: BTreeSet<&str> = ids.into_iter().collect();
    let node = |id: &&str| DescribedNode {
        id: (*id).into(),
        uses: if id.starts_with(char::is_uppercase) { "loop-controller".into() } else { String::new() },
        any: false,
        fallback: fallbacks.iter().find(|(primary, _)| primary == id).map(|(_, fallback)| (*fallback).into()),
        event: None,
        limit: None,
    };
    let edge = |(source, action, target): &(&str, &str, &str)| DescribedEdge {
        source: (*source).into(),
        target: (*target).into(),
        action: (!action.is_empty()).then(|| (*action).into()),
        conditional: false,
    };
    Blueprint::new(Description {
        id: "graph".into(),
        version: Value::Null,
        nodes: ids.iter().map(node).collect(),
        edges: edges.iter().map(edge).collect(),
        starts,
    })
}

fn closing(blueprint: &Blueprint) -> BTreeSet<(&str, &str)> {
    let edges = &blueprint.closing;
    edges
        .iter()
        .flat_map(|(source, targets)| targets.iter().map(|target| (source.as_str(), target.as_str())))
        .collect()
}

fn body<'a>(blueprint: &'a Blueprint, controller: &str) -> Vec<&'a str> {
    blueprint.node(controller).unwrap().loop_body.iter().map(NodeId::as_str).collect()
}

fn predecessors<'a>(blueprint: &'a Blueprint, id: &str) -> Vec<&'a str> {
    blueprint.node(id).unwrap().predecessors.iter().map(NodeId::as_str).collect()
}

const NESTED: &[(&str, &str, &str)] = &[
    ("in", "", "Outer"),
    ("Outer", "continue", "a"),
    ("a", "", "Inner"),
    ("Inner", "continue", "b"),
    ("b", "", "Inner"),
    ("Inner", "break", "c"),
    ("c", "", "Outer"),
    ("Outer", "break", "out"),
];

#[test]
fn a_graph_without_cycles_has_no_closing_edge() {
    let diamond = blueprint(&[("a", "", "b"), ("a", "", "c"), ("b", "", "d"), ("c", "", "d")], &[]);
    assert!(closing(&diamond).is_empty());
}

#[test]
fn the_edge_back_to_a_node_on_the_path_closes_the_cycle() {
    let cycle =
        blueprint(&[("a", "", "b"), ("b", "", "c"), ("c", "", "a"), ("c", "", "d"), ("d", "", "d")], &[]);
    assert_eq!(closing(&cycle), BTreeSet::from([("c", "a"), ("d", "d")]));
    assert!(cycle.closes_a_cycle("c", "a") && !cycle.closes_a_cycle("a", "b"));
}

#[test]
fn every_loop_is_closed_by_the_edge_that_comes_back_to_its_entry() {
    assert_eq!(closing(&blueprint(NESTED, &[])), BTreeSet::from([("b", "Inner"), ("c", "Outer")]));
    let entered_at_its_body =
        [("in", "", "s"), ("s", "", "L"), ("L", "continue", "s"), ("L", "break", "out")];
    assert_eq!(closing(&blueprint(&entered_at_its_body, &[])), BTreeSet::from([("L", "s")]));
}

#[test]
fn a_cycle_no_start_node_leads_to_is_closed_as_well() {
    let apart = blueprint(&[("a", "", "b"), ("x", "", "y"), ("y", "", "x")], &[]);
    assert_eq!(closing(&apart).len(), 1);
}

// The analysis recurses nowhere: a graph as long as this one would exhaust the stack.
#[test]
fn a_very_long_chain_is_analysed() {
    let ids: Vec<String> = (0..50_000).map(|index| format!("n{index:05}")).collect();
    let edges: Vec<(&str, &str, &str)> =
        ids.windows(2).map(|pair| (pair[0].as_str(), "", pair[1].as_str())).collect();
    assert!(closing(&blueprint(&edges, &[])).is_empty());
}

#[test]
fn the_body_of_a_loop_is_what_its_continue_edge_reaches_short_of_itself() {
    let simple = [
        ("in", "", "L"),
        ("L", "continue", "s"),
        ("s", "", "e"),
        ("s", "", "side"),
        ("e", "", "L"),
        ("L", "break", "out"),
    ];
    let simple = blueprint(&simple, &[]);
    assert_eq!(body(&simple, "L"), ["e", "s", "side"]);
    assert!(body(&simple, "s").is_empty(), "only a controller has one");
}

#[test]
fn an_outer_loop_contains_the_inner_one_and_not_the_other_way_round() {
    let nested = blueprint(NESTED, &[]);
    assert_eq!(body(&nested, "Outer"), ["Inner", "a", "b", "c"]);
    assert_eq!(body(&nested, "Inner"), ["b"]);
}

#[test]
fn an_inner_loop_that_leads_straight_back_to_the_outer_one_stops_there() {
    let tight = [
        ("in", "", "Outer"),
        ("Outer", "continue", "Inner"),
        ("Inner", "continue", "b"),
        ("b", "", "Inner"),
        ("Inner", "break", "Outer"),
    ];
    let tight = blueprint(&tight, &[]);
    assert_eq!(body(&tight, "Inner"), ["b"]);
    assert_eq!(body(&tight, "Outer"), ["Inner", "b"]);
}

#[test]
fn an_inner_body_may_go_on_with_the_outer_loop() {
    let edges: Vec<_> = NESTED.iter().copied().chain([("b", "skip", "Outer")]).collect();
    let nested = blueprint(&edges, &[]);
    assert_eq!(body(&nested, "Inner"), ["b"]);
    assert_eq!(body(&nested, "Outer"), ["Inner", "a", "b", "c"]);
}

#[test]
fn loops_one_after_the_other_do_not_contain_each_other() {
    let sequential = [
        ("in", "", "L"),
        ("L", "continue", "s"),
        ("s", "", "L"),
        ("L", "break", "M"),
        ("M", "continue", "t"),
        ("t", "", "M"),
        ("M", "break", "out"),
    ];
    let sequential = blueprint(&sequential, &[]);
    assert_eq!(body(&sequential, "L"), ["s"]);
    assert_eq!(body(&sequential, "M"), ["t"]);
}

#[test]
fn a_controller_without_a_continue_edge_has_no_body() {
    assert!(body(&blueprint(&[("in", "", "L"), ("L", "break", "out")], &[]), "L").is_empty());
}

#[test]
fn a_fallback_and_its_primary_are_one_predecessor_where_both_lead() {
    let both = blueprint(&[("p", "", "j"), ("f", "", "j"), ("other", "", "j")], &[("p", "f")]);
    assert_eq!(predecessors(&both, "j"), ["other", "p"]);
    assert_eq!(both.predecessor("f", "j"), "p");
    assert_eq!(both.predecessor("p", "j"), "p");
    assert_eq!(both.fallback_of("p").map(NodeId::as_str), Some("f"));
    assert_eq!(both.primaries_of("f").collect::<Vec<_>>(), ["p"]);
}

#[test]
fn where_only_the_primary_leads_its_fallback_counts_as_it() {
    let inherited = blueprint(&[("p", "", "j"), ("other", "", "j")], &[("p", "f")]);
    assert_eq!(predecessors(&inherited, "j"), ["other", "p"]);
    assert_eq!(inherited.predecessor("f", "j"), "p");
}

#[test]
fn where_only_the_fallback_leads_it_is_a_predecessor_of_its_own() {
    let own = blueprint(&[("p", "", "q"), ("f", "", "j"), ("other", "", "j")], &[("p", "f")]);
    assert_eq!(predecessors(&own, "j"), ["f", "other"]);
    assert_eq!(own.predecessor("f", "j"), "f");
}

#[test]
fn a_fallback_that_does_not_exist_is_none() {
    let mut description = Description {
        id: "graph".into(),
        version: Value::Null,
        nodes: vec![DescribedNode {
            id: "a".into(),
            uses: String::new(),
            any: false,
            fallback: Some("b".into()),
            event: None,
            limit: None,
        }],
        edges: vec![],
        starts: vec!["a".into()],
    };
    assert_eq!(Blueprint::new(description.clone()).fallback_of("a"), None);
    description.nodes[0].fallback = None;
    assert_eq!(Blueprint::new(description).fallback_of("a"), None);
}

#[test]
fn edges_to_or_from_nowhere_are_ignored() {
    let node = |id: &str| DescribedNode {
        id: id.into(),
        uses: String::new(),
        any: false,
        fallback: None,
        event: None,
        limit: None,
    };
    let edge = |source: &str, target: &str| DescribedEdge {
        source: source.into(),
        target: target.into(),
        action: None,
        conditional: false,
    };
    let graph = Blueprint::new(Description {
        id: "graph".into(),
        version: Value::Null,
        nodes: vec![node("a"), node("b")],
        edges: vec![edge("a", "b"), edge("a", "nowhere"), edge("nowhere", "b")],
        starts: vec!["a".into()],
    });
    assert_eq!(graph.targets("a").collect::<Vec<_>>(), ["b"]);
    assert_eq!(predecessors(&graph, "b"), ["a"]);
    assert!(graph.node("nowhere").is_none());
    assert!(!graph.is_certain("a", "nowhere"));
}

#[test]
fn only_an_edge_without_action_and_condition_is_certain() {
    let mut description: Description = serde_json::from_str(
        r#"{"id":"g","nodes":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"}],"starts":["a"],"edges":[
            {"source":"a","target":"b"},
            {"source":"a","target":"c","action":"go"},
            {"source":"a","target":"d","conditional":true}]}"#,
    )
    .unwrap();
    let graph = Blueprint::new(description.clone());
    let certain: Vec<bool> = ["b", "c", "d"].iter().map(|target| graph.is_certain("a", target)).collect();
    assert_eq!(certain, [true, false, false]);
    description.edges.clear();
    assert!(!Blueprint::new(description).is_certain("a", "b"));
}

#[test]
fn a_blueprint_of_which_only_the_name_is_known_has_nothing_in_it() {
    let unknown = Blueprint::unknown("gone");
    assert_eq!(unknown.id, "gone");
    assert!(unknown.node("a").is_none() && unknown.starts.is_empty());
    assert_eq!(unknown.targets("a").count(), 0);
}

#[test]
fn an_action_leads_somewhere_if_an_edge_has_it_or_one_takes_any() {
    let edges = [("a", "yes", "b"), ("a", "no", "c"), ("b", "yes", "d"), ("b", "", "e"), ("f", "late", "d")];
    let blueprint = blueprint(&edges, &[("a", "f")]);
    for (sources, expected) in [
        (vec!["a"], Some("no yes")),
        (vec!["f"], Some("late")),
        // The fallback of a node has its edges too.
        (vec!["f", "a"], Some("late no yes")),
        (vec!["b"], None),
        (vec!["d"], None),
        (vec!["nowhere"], None),
    ] {
        let ids: Vec<NodeId> = sources.iter().map(|id| NodeId::from(*id)).collect();
        let actions = blueprint.only_actions(&ids.iter().collect::<Vec<_>>());
        let actions = actions.map(|actions| actions.into_iter().collect::<Vec<_>>().join(" "));
        assert_eq!(actions.as_deref(), expected, "{sources:?}");
    }
}
