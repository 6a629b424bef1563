//! What a node writes before its answer counts if it answered, and only then.

use std::collections::BTreeMap;

use super::broken::Broken;
use super::host::{ExecutedNode, WRITTEN, WRITTEN_BY_ALL};
use super::world::{World, tables};

/// Each run whose keys say something else.
pub fn written(world: &World) -> Vec<Broken> {
    let executions = world.executions.all();
    let blamed = world.executions.blamed();
    let mut broken = Vec::new();
    for run in world.expected().into_keys() {
        let Ok(row) = world.server.row(&tables(), &run) else { continue };
        let context = row.context.unwrap_or_default();
        let values: BTreeMap<String, serde_json::Value> = serde_json::from_str(&context).unwrap_or_default();
        let number = |key: &str| usize::try_from(values.get(key)?.as_u64()?).ok();
        let mut wrong = |what: String| broken.push(Broken::Written { run: run.clone(), what });
        let is_written = |key: &&String| *key == WRITTEN_BY_ALL || key.starts_with(WRITTEN);
        for (key, of) in values.keys().filter(is_written).filter_map(|key| Some((key, number(key)?))) {
            if executions[of].ended.is_none() {
                wrong(format!("'{key}' says {of}, which never answered"));
            }
        }
        if row.status.as_deref() == Some("completed") {
            // The answer of a node that is blamed for the deaths of others did not count.
            let is_blamed = |node: &str| blamed.iter().any(|each| each.run == run && each.node == node);
            for (of, execution) in sole(&executions, &run).filter(|(_, each)| !is_blamed(&each.node)) {
                let key = format!("{WRITTEN}{}", execution.node);
                if execution.ended.is_some() && execution.wrote && number(&key) != Some(of) {
                    wrong(format!("'{key}' says {:?}, and not {of}", number(&key)));
                }
            }
        }
    }
    broken
}

/// The executions of nodes of a run that were executed once, with their numbers: their answers counted.
fn sole<'a>(
    executions: &'a [ExecutedNode],
    run: &str,
) -> impl Iterator<Item = (usize, &'a ExecutedNode)> + use<'a> {
    let of_run = executions.iter().enumerate().filter(|(_, each)| each.run == run);
    let mut all: BTreeMap<&str, Vec<(usize, &ExecutedNode)>> = BTreeMap::new();
    of_run.for_each(|(number, each)| all.entry(&each.node).or_default().push((number, each)));
    all.into_values().filter(|same| same.len() == 1).flatten()
}
