//! Reads a crate's modules: what each one declares, imports, re-exports and names.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemMod, ItemUse, Macro, Path, UseTree, Visibility};

/// The segments of a path, as it is written: `crate`, `super` and `self` are segments too.
pub type Segments = Vec<String>;

/// One module, from a file of its own or written inside another.
#[derive(Default)]
pub struct Module {
    /// The file it is written in, below `src/`.
    pub file: String,
    /// The items it declares itself.
    pub declared: BTreeSet<String>,
    /// The names that `use` brings in, public or not, and the path behind each.
    pub imported: BTreeMap<String, BTreeSet<Segments>>,
    /// The paths before a `::*`.
    pub globs: BTreeSet<Segments>,
    /// Every path that its code names. A public `use` is no such path: it passes an item on and needs nothing of it.
    pub named: BTreeSet<Segments>,
}

/// The modules of a crate, by their paths; the crate itself has the empty one. Code that only tests compile is
/// not read: a test may look at anything.
pub struct Modules(BTreeMap<Segments, Module>);

impl Modules {
    /// Reads the crate that begins at `lib.rs`; `source` answers with the text of a file below `src/`.
    pub fn read(source: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut reader = Reader { source, modules: BTreeMap::new(), at: Vec::new() };
        reader.file("lib.rs", "");
        Self(reader.modules)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Segments, &Module)> {
        self.0.iter()
    }

    /// The file that declares what `path` means in the module `at`, and the item's name. None for what another
    /// crate declares, for a local name, and for a module: only what is taken out of a module is a dependency.
    pub fn declaration(&self, at: &[String], path: &[String]) -> Option<(&str, String)> {
        self.follow(at, path, &mut BTreeSet::new())
    }

    fn follow(
        &self,
        at: &[String],
        path: &[String],
        seen: &mut BTreeSet<(Segments, Segments)>,
    ) -> Option<(&str, String)> {
        let (start, names) = anchored(at, path)?;
        let (name, rest) = names.split_first()?;
        let inner: Segments = start.iter().chain([name]).cloned().collect();
        if self.0.contains_key(&inner) {
            return self.follow(&inner, &[&["self".to_owned()], rest].concat(), seen);
        }
        let module = self.0.get(&start)?;
        if module.declared.contains(name) {
            return Some((&module.file, name.clone()));
        }
        let imports = module.imported.get(name).into_iter().flatten();
        let by_name = imports.map(|target| (target, rest));
        let by_glob = module.globs.iter().map(|target| (target, names));
        by_name.chain(by_glob).find_map(|(target, rest)| {
            // Once each: what another crate declares would be looked for without end, through `use redis::redis`.
            let new = seen.insert((start.clone(), target.clone()));
            new.then(|| self.follow(&start, &[target.as_slice(), rest].concat(), seen)).flatten()
        })
    }
}

/// Where a path begins, and what of it is left from there.
fn anchored<'a>(at: &[String], path: &'a [String]) -> Option<(Segments, &'a [String])> {
    let (mut start, mut left) = (at.to_vec(), path);
    while let Some((first, rest)) = left.split_first() {
        match first.as_str() {
            "crate" => start.clear(),
            "super" => drop(start.pop()?),
            "self" => {}
            _ => break,
        }
        left = rest;
    }
    Some((start, left))
}

struct Reader<'a> {
    source: &'a dyn Fn(&str) -> Option<String>,
    modules: BTreeMap<Segments, Module>,
    at: Segments,
}

impl Reader<'_> {
    /// Reads the module at `self.at` from a file whose modules lie in `folder`.
    fn file(&mut self, file: &str, folder: &str) {
        let text = (self.source)(file).unwrap_or_else(|| panic!("there is no src/{file}"));
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("src/{file}: {error}"));
        self.module(file, folder, &syntax.items);
    }

    fn module(&mut self, file: &str, folder: &str, items: &[Item]) {
        let mut code = Code::default();
        let items: Vec<&Item> = items.iter().filter(|item| !only_for_tests(attributes(item))).collect();
        for item in &items {
            code.module.declared.extend(declared(item));
            code.visit_item(item);
        }
        code.module.file = file.to_owned();
        self.modules.insert(self.at.clone(), code.module);
        for item in items {
            if let Item::Mod(inner) = item {
                self.inner(file, folder, inner);
            }
        }
    }

    fn inner(&mut self, file: &str, folder: &str, inner: &ItemMod) {
        let name = inner.ident.to_string();
        assert!(
            !inner.attrs.iter().any(|each| each.path().is_ident("path")),
            "src/{file}: `#[path]` is not read"
        );
        self.at.push(name.clone());
        let below = format!("{folder}{name}/");
        match &inner.content {
            Some((_, items)) => self.module(file, &below, items),
            None => {
                let beside = format!("{folder}{name}.rs");
                let inside = format!("{below}mod.rs");
                let found = if (self.source)(&beside).is_some() { beside } else { inside };
                self.file(&found, &below);
            }
        }
        self.at.pop();
    }
}

/// Gathers what the code of one module names.
#[derive(Default)]
struct Code {
    module: Module,
}

impl Code {
    fn import(&mut self, tree: &UseTree, before: &[String], passed_on: bool) {
        let with = |name: &dyn ToString| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &with(&path.ident), passed_on),
            UseTree::Group(group) => {
                group.items.iter().for_each(|each| self.import(each, before, passed_on));
            }
            UseTree::Glob(_) => {
                self.module.globs.insert(before.to_vec());
                if !passed_on {
                    self.module.named.insert(before.to_vec());
                }
            }
            UseTree::Name(name) if name.ident == "self" => {
                self.bring(before.last().cloned(), before, passed_on)
            }
            UseTree::Name(name) => self.bring(Some(name.ident.to_string()), &with(&name.ident), passed_on),
            UseTree::Rename(name) => self.bring(Some(name.rename.to_string()), &with(&name.ident), passed_on),
        }
    }

    fn bring(&mut self, name: Option<String>, target: &[String], passed_on: bool) {
        if !passed_on {
            self.module.named.insert(target.to_vec());
        }
        if let Some(name) = name {
            self.module.imported.entry(name).or_default().insert(target.to_vec());
        }
    }

    /// The code inside a macro is only tokens; a path among them is names with `::` between.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Segments::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    path.push(ident.to_string());
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => {
                    self.end(&mut path);
                    self.tokens(group.stream());
                }
                _ => self.end(&mut path),
            }
            colons = 0;
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Segments) {
        if !path.is_empty() {
            self.module.named.insert(std::mem::take(path));
        }
    }
}

impl<'ast> Visit<'ast> for Code {
    fn visit_item(&mut self, item: &'ast Item) {
        if !only_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Fn(function) => &function.attrs,
            ImplItem::Const(constant) => &constant.attrs,
            _ => return visit::visit_impl_item(self, item),
        };
        if !only_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, _: &'ast ItemMod) {
        // A module of its own, read by itself.
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() {
            self.import(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.module.named.insert(segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.tokens(called.tokens.clone());
        visit::visit_macro(self, called);
    }
}

/// Whether an item is compiled for tests only.
fn only_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default();
        let mut words = condition.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        attribute.path().is_ident("cfg")
            && words.clone().any(|word| word == "test")
            && !words.any(|word| word == "not")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

/// The name that an item declares, but for modules, which stand in the tree themselves.
fn declared(item: &Item) -> Option<String> {
    match item {
        Item::Const(it) => Some(&it.ident),
        Item::Enum(it) => Some(&it.ident),
        Item::Fn(it) => Some(&it.sig.ident),
        Item::Macro(it) => it.ident.as_ref(),
        Item::Static(it) => Some(&it.ident),
        Item::Struct(it) => Some(&it.ident),
        Item::Trait(it) => Some(&it.ident),
        Item::Type(it) => Some(&it.ident),
        Item::Union(it) => Some(&it.ident),
        _ => None,
    }
    .map(ToString::to_string)
}
