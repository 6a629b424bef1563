//! The order of the files in one room, as its `mod.rs` draws it: lines of names, each over those below it.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::Imports;

/// Which line each file of a room is drawn on, and which files are rules.
pub struct Levels {
    room: String,
    lines: BTreeMap<String, usize>,
    rules: BTreeSet<String>,
}

impl Levels {
    /// Reads the block of text after the heading `Who may import whom`, and the rules after `Beside them stand the rules`.
    pub fn read(room: &str, text: &str) -> Self {
        let documentation: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("//!")).collect();
        let (_, after) = documentation.join("\n").split_once("# Who may import whom").map_or_else(
            || panic!("{room}/mod.rs draws who may import whom"),
            |(before, after)| (before.to_owned(), after.to_owned()),
        );
        let mut parts = after.splitn(3, "```");
        let drawn = parts.nth(1).and_then(|drawn| drawn.strip_prefix("text")).expect("a block of text");
        let beside = parts.next().and_then(|rest| rest.split_once("Beside them stand the rules"));
        let mut lines = BTreeMap::new();
        // What goes on with the words of the line above begins far to the right.
        let named = drawn.lines().filter(|line| line.starts_with("   ") && !line.starts_with("    "));
        for (level, line) in named.enumerate() {
            for file in files_of(line.trim().split("  ").next().unwrap_or_default()) {
                let before = lines.insert(file.clone(), level);
                assert!(before.is_none(), "{file} is drawn twice");
            }
        }
        let rules = beside.map_or_else(BTreeSet::new, |(_, rules)| {
            rules
                .split('`')
                .skip(1)
                .step_by(2)
                .flat_map(|names| files_of(&names.replace("::", ": ")))
                .collect()
        });
        Self { room: room.to_owned(), lines, rules }
    }

    /// What goes against it, one line for each two files; and the files that are not drawn.
    pub fn broken(&self, imports: &Imports) -> BTreeSet<String> {
        let mut broken = BTreeSet::new();
        for (from, needed) in imports.within(&self.room) {
            let Some(own) = self.place_of(from) else {
                broken.insert(format!("{from} is not drawn"));
                continue;
            };
            for to in needed {
                let allowed = match (own, self.place_of(to)) {
                    (_, Some(Place::Rule)) => true,
                    (Place::Line(own), Some(Place::Line(other))) => own <= other,
                    (Place::Rule, Some(Place::Line(_))) | (_, None) => false,
                };
                if !allowed {
                    broken.insert(format!("{from} needs {to}"));
                }
            }
        }
        broken
    }

    fn place_of(&self, file: &str) -> Option<Place> {
        let name = file.strip_prefix(&self.room)?.trim_start_matches('/').strip_suffix(".rs")?;
        let folder = name.split('/').next().unwrap_or_default();
        if self.rules.contains(name) {
            return Some(Place::Rule);
        }
        self.lines.get(name).or_else(|| self.lines.get(folder)).map(|line| Place::Line(*line))
    }
}

#[derive(Clone, Copy)]
enum Place {
    Line(usize),
    Rule,
}

/// The files that `folder: one, two`, `folder: {one, two}` or `one, two` names.
fn files_of(names: &str) -> Vec<String> {
    let (folder, files) = match names.split_once(':') {
        Some((folder, files)) => (format!("{}/", folder.trim()), files),
        None => (String::new(), names),
    };
    let files = files.split(',').map(|file| file.trim_matches([' ', '{', '}', '\n']));
    files.filter(|file| !file.is_empty()).map(|file| format!("{folder}{file}")).collect()
}
