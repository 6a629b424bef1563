//! Which file needs which, the circles among them, and whether they go by the order of the rooms.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

use super::modules::Modules;

/// The files, those that each one needs, and what it takes from them.
pub struct Imports(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Imports {
    /// A file needs the file that declares what it names, whatever modules pass the item on in between.
    pub fn of(modules: &Modules) -> Self {
        let mut imports: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for (at, module) in modules.iter() {
            let needed = imports.entry(module.file.clone()).or_default();
            for (file, item) in module.named.iter().filter_map(|path| modules.declaration(at, path)) {
                if file != module.file {
                    needed.entry(file.to_owned()).or_default().insert(item);
                }
            }
        }
        Self(imports)
    }

    /// The files that need each other, directly or not, in groups: no file of a group can be read without all others.
    pub fn circles(&self) -> BTreeSet<BTreeSet<String>> {
        let reached: BTreeMap<&String, BTreeSet<String>> =
            self.0.keys().map(|file| (file, self.reached_from(file))).collect();
        let together =
            |one: &String, other: &String| reached[one].contains(other) && reached[other].contains(one);
        let group = |file: &String| self.0.keys().filter(|other| together(file, other)).cloned().collect();
        self.0.keys().map(group).filter(|group: &BTreeSet<String>| !group.is_empty()).collect()
    }

    fn reached_from(&self, file: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut next = vec![file];
        while let Some(needed) = next.pop().and_then(|file| self.0.get(file)) {
            next.extend(needed.keys().filter(|each| reached.insert((*each).clone())).map(String::as_str));
        }
        reached
    }

    /// The shortest way round among these files, with what is taken at each step.
    pub fn way_round(&self, group: &BTreeSet<String>) -> String {
        let ways = group.iter().filter_map(|file| self.way_back_to(file, group));
        let Some(way) = ways.min_by_key(Vec::len) else { return "no way round".to_owned() };
        let mut text = way[0].clone();
        for (from, to) in way.iter().zip(way.iter().cycle().skip(1)) {
            let items: Vec<&str> = self.0[from][to].iter().map(String::as_str).collect();
            let _ = write!(text, "\n        needs {to} for {}", items.join(", "));
        }
        text
    }

    fn way_back_to<'a>(&'a self, file: &'a String, group: &BTreeSet<String>) -> Option<Vec<String>> {
        let mut from: BTreeMap<&String, &String> = BTreeMap::new();
        let mut next = VecDeque::from([file]);
        while let Some(at) = next.pop_front() {
            for to in self.0[at].keys().filter(|to| group.contains(*to)) {
                if to == file {
                    let mut way: Vec<String> =
                        std::iter::successors(Some(at), |at| from.get(*at).copied()).cloned().collect();
                    way.reverse();
                    return Some(way);
                }
                if !from.contains_key(to) {
                    from.insert(to, at);
                    next.push_back(to);
                }
            }
        }
        None
    }

    /// The files that need the file that declares their own folder, one line for each.
    pub fn upwards(&self) -> BTreeSet<String> {
        let mut upwards = BTreeSet::new();
        for (from, needed) in &self.0 {
            for to in needed.keys().filter(|to| from.starts_with(&folder_of(to))) {
                upwards.insert(format!("{from} needs {to}"));
            }
        }
        upwards
    }

    /// What goes against a drawing of the rooms, one line for each two files.
    pub fn against(&self, drawing: &Drawing) -> BTreeSet<String> {
        let mut against = BTreeSet::new();
        for (from, needed) in &self.0 {
            for to in needed.keys().filter(|to| !drawing.allows(room(from), room(to))) {
                against.insert(format!("{from} needs {to}"));
            }
        }
        against
    }

    /// The files of a room that are no module files, and those of the same room that each needs.
    pub fn within<'a>(&'a self, room: &'a str) -> impl Iterator<Item = (&'a str, Vec<&'a str>)> {
        let is_own = move |file: &str| file.starts_with(&format!("{room}/")) && !file.ends_with("/mod.rs");
        self.0.iter().filter(move |(from, _)| is_own(from)).map(move |(from, needed)| {
            (from.as_str(), needed.keys().map(String::as_str).filter(|to| is_own(to)).collect())
        })
    }

    /// The rooms there are.
    pub fn rooms(&self) -> BTreeSet<&str> {
        self.0.keys().map(|file| room(file)).collect()
    }
}

/// The folder of the modules that a file declares.
fn folder_of(file: &str) -> String {
    match file.strip_suffix("mod.rs") {
        Some(folder) => folder.to_owned(),
        None => format!("{}/", file.trim_end_matches(".rs")),
    }
}

/// The room of a file: the folder it is in, or the file itself where it lies beside `lib.rs`.
fn room(file: &str) -> &str {
    file.split_once('/').map_or_else(|| file.trim_end_matches(".rs"), |(folder, _)| folder)
}

/// The order of the rooms, as `lib.rs` draws it.
pub struct Drawing {
    floors: BTreeMap<String, usize>,
}

impl Drawing {
    /// Reads the sentence ``Arrows point down: `a` → `b`, `c` → `d`.`` of a file's documentation. Rooms between
    /// two arrows are on one floor.
    pub fn read(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.strip_prefix("//!"));
        let documentation = lines.map(str::trim).collect::<Vec<_>>().join(" ");
        let (_, after) =
            documentation.split_once("Arrows point down:").expect("lib.rs draws which way arrows point");
        let (drawing, _) = after.split_once('.').expect("the drawing ends with a full stop");
        let mut floors = BTreeMap::new();
        for (floor, names) in drawing.split('→').enumerate() {
            for name in names.split('`').skip(1).step_by(2) {
                let before = floors.insert(name.to_owned(), floor);
                assert!(before.is_none(), "{name} is drawn twice");
            }
        }
        Self { floors }
    }

    pub fn rooms(&self) -> impl Iterator<Item = &str> {
        self.floors.keys().map(String::as_str)
    }

    /// A room needs only rooms on lower floors. What is not drawn is the ground: everyone may stand on it, and it
    /// needs nobody.
    fn allows(&self, from: &str, to: &str) -> bool {
        match (self.floors.get(from), self.floors.get(to)) {
            (Some(from_floor), Some(to_floor)) => from == to || from_floor < to_floor,
            (None, Some(_)) => from == "lib",
            (_, None) => true,
        }
    }
}
