//! Graphs in one line, for tests that read like stories.

use super::blueprint::{DescribedEdge, DescribedNode, Description};
use super::ledger::TakenEdge;

/// A graph from its description in one line, of parts set apart by commas:
///
/// - `a -> b` an edge always taken, `a -go-> b` one bound to the action `go`, `a -?-> b` one with a condition;
///   a chain `a -> b -> c` is two edges
/// - `any j` joins by its first predecessor
/// - `loop l` is a loop controller (which core always makes an `any` join)
/// - `p else f` has a fallback
///
/// A run begins where core would: at the nodes no edge leads to, short of fallbacks.
pub fn graph(text: &str) -> Description {
    let mut description = Description {
        id: "story".into(),
        version: serde_json::Value::Null,
        nodes: vec![],
        edges: vec![],
        starts: vec![],
    };
    for part in text.split(',') {
        let words: Vec<&str> = part.split_whitespace().collect();
        match words.as_slice() {
            ["any", id] => node(&mut description, id).any = true,
            ["loop", id] => {
                let node = node(&mut description, id);
                (node.any, node.uses) = (true, "loop-controller".into());
            }
            [primary, "else", fallback] => {
                node(&mut description, fallback);
                node(&mut description, primary).fallback = Some((*fallback).into());
            }
            [first, chain @ ..] => {
                node(&mut description, first);
                add_chain(&mut description, first, chain);
            }
            [] => {}
        }
    }
    let led_to = |id: &str| {
        description.edges.iter().any(|edge| edge.target == id)
            || description.nodes.iter().any(|node| node.fallback.as_deref() == Some(id))
    };
    description.starts =
        description.nodes.iter().map(|node| node.id.clone()).filter(|id| !led_to(id)).collect();
    description
}

/// Adds edges along a chain: an arrow and a target each.
fn add_chain<'a>(description: &mut Description, mut source: &'a str, chain: &[&'a str]) {
    for link in chain.chunks(2) {
        let [arrow, target] = link else { panic!("an arrow leads nowhere: {source} {}", chain.join(" ")) };
        node(description, target);
        let label = arrow.trim_start_matches('-').trim_end_matches("->");
        description.edges.push(DescribedEdge {
            source: source.into(),
            target: (*target).into(),
            action: (!matches!(label, "" | "?" | ">")).then(|| label.into()),
            conditional: label == "?",
        });
        source = *target;
    }
}

fn node<'a>(description: &'a mut Description, id: &str) -> &'a mut DescribedNode {
    let index = description.nodes.iter().position(|node| node.id == id).unwrap_or_else(|| {
        description.nodes.push(DescribedNode {
            id: id.into(),
            uses: String::new(),
            any: false,
            fallback: None,
            event: None,
            limit: None,
        });
        description.nodes.len() - 1
    });
    &mut description.nodes[index]
}

/// The edges core matches for a result: those bound to its action, or else those bound to none. A fallback
/// also has the edges of every node that names it, which is how core lists them.
pub fn matched(graph: &Description, id: &str, action: Option<&str>) -> Vec<TakenEdge> {
    let named_by =
        graph.nodes.iter().filter(|node| node.fallback.as_deref() == Some(id)).map(|node| node.id.as_str());
    let sources: Vec<&str> = std::iter::once(id).chain(named_by).collect();
    let with = |wanted: Option<&str>| -> Vec<TakenEdge> {
        let leaving =
            sources.iter().flat_map(|&source| graph.edges.iter().filter(move |edge| edge.source == source));
        leaving
            .filter(|edge| edge.action.as_deref() == wanted && !edge.conditional)
            .map(|edge| taken_edge(&edge.source, &edge.target))
            .collect()
    };
    let bound = if action.is_some() { with(action) } else { Vec::new() };
    if bound.is_empty() { with(None) } else { bound }
}

/// An edge that was taken, without a transform.
pub fn taken_edge(source: &str, target: &str) -> TakenEdge {
    TakenEdge { source: source.into(), target: target.into(), fed: false }
}
