//! The order of the house: no circle of imports in `src/`, no file that needs the one that declares its folder, and rooms
//! that need only rooms below them.
//!
//! The rule. A file needs the file that declares what it names. A re-export (`pub use`) declares nothing: whoever
//! takes an item through it needs the file behind it, and the file that passes it on needs nothing. So a `mod.rs`
//! that re-exports its own files makes no circle with them; one that declares what they need, and needs what they
//! declare, does. Code that only tests compile may look at anything.
//!
//! Names are read, types are not: a method that one file adds to a type of another is a way from the first to the
//! second, and a call of that method is none.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    reason = "a test is no public item, and may panic"
)]

mod imports;
mod levels;
mod modules;

use std::collections::BTreeMap;
use std::path::Path;

use imports::{Drawing, Imports};
use levels::Levels;
use modules::Modules;

#[test]
fn no_files_need_each_other_in_a_circle() {
    let imports = ours();
    let mut wrong = String::new();
    for circle in imports.circles() {
        let files: Vec<&str> = circle.iter().map(String::as_str).collect();
        wrong +=
            &format!("\nA circle of {files:?}; the shortest way round:\n    {}", imports.way_round(&circle));
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn no_file_needs_the_one_that_declares_its_folder() {
    let upwards = ours().upwards();
    assert!(upwards.is_empty(), "these belong into a file of their own: {upwards:#?}");
    let declares = "mod one; pub struct Shared;";
    let house = house(&[
        ("lib.rs", "mod a;"),
        ("a/mod.rs", declares),
        ("a/one.rs", "use super::Shared; pub struct One;"),
    ]);
    assert_eq!(house.upwards().into_iter().collect::<Vec<_>>(), ["a/one.rs needs a/mod.rs"]);
}

#[test]
fn rooms_need_only_the_rooms_that_lib_rs_draws_below_them() {
    let imports = ours();
    let drawing = Drawing::read(&source("lib.rs").expect("there is a src/lib.rs"));
    for room in drawing.rooms() {
        assert!(imports.rooms().contains(room), "src/lib.rs draws the room {room}, which is not there");
    }
    let against = imports.against(&drawing);
    assert!(against.is_empty(), "against the drawing in src/lib.rs: {against:#?}");
}

#[test]
fn the_files_of_a_worker_need_only_those_that_its_drawing_has_below_them() {
    let drawing = Levels::read("worker", &source("worker/mod.rs").expect("there is a src/worker/mod.rs"));
    let broken = drawing.broken(&ours());
    assert!(broken.is_empty(), "against the drawing in src/worker/mod.rs: {broken:#?}");
}

/// The text of a file below `src/`.
fn source(file: &str) -> Option<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file)).ok()
}

fn ours() -> Imports {
    Imports::of(&Modules::read(&source))
}

/// A crate of a few short files.
fn house(files: &[(&str, &str)]) -> Imports {
    let files: BTreeMap<String, String> =
        files.iter().map(|(file, text)| (file.to_string(), text.to_string())).collect();
    Imports::of(&Modules::read(&|file| files.get(file).cloned()))
}

fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    house(files).circles().into_iter().map(|circle| circle.into_iter().collect()).collect()
}

#[test]
fn a_circle_is_found_and_told_as_the_way_round() {
    let house = house(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "pub struct B(super::c::C);"),
        ("c.rs", "pub struct C; fn c() { crate::a::A; }"),
    ]);
    let circles = house.circles();
    assert_eq!(circles.len(), 1);
    let way = house.way_round(circles.first().expect("one circle"));
    assert_eq!(
        way.split_whitespace().collect::<Vec<_>>().join(" "),
        "a.rs needs b.rs for B needs c.rs for C needs a.rs for A"
    );
}

#[test]
fn whoever_takes_a_re_exported_item_needs_the_file_behind_it() {
    let passes_on = "mod one; mod two; pub use one::One; pub use two::*;";
    let one = "pub struct One;";
    assert!(
        circles(&[
            ("lib.rs", "mod a;"),
            ("a/mod.rs", passes_on),
            ("a/one.rs", one),
            ("a/two.rs", "use super::One;")
        ])
        .is_empty()
    );
    // By the name in the folder's file, too, and through a glob.
    let needs_two = "pub struct One; use crate::a::Two;";
    let needs_one = "use super::One; pub struct Two;";
    let files =
        [("lib.rs", "mod a;"), ("a/mod.rs", passes_on), ("a/one.rs", needs_two), ("a/two.rs", needs_one)];
    assert_eq!(circles(&files), [["a/one.rs", "a/two.rs"]]);
}

#[test]
fn a_module_that_declares_and_needs_is_part_of_a_circle() {
    let declares = "mod one; pub use one::One; pub struct Shared; fn f(_: One) {}";
    let files =
        [("lib.rs", "mod a;"), ("a/mod.rs", declares), ("a/one.rs", "use super::Shared; pub struct One;")];
    assert_eq!(circles(&files), [["a/mod.rs", "a/one.rs"]]);
}

#[test]
fn paths_in_bodies_aliases_and_macros_are_seen() {
    for needs_b in [
        "fn a() { crate::b::b() }",
        "use crate::b; fn a() { b::b() }",
        "use crate::b as other; fn a() { let _: other::B; }",
        "fn a() { use super::b::*; b() }",
        "fn a() { tokio::select! { () = crate::b::b() => {} } }",
        "macro_rules! a { () => { $crate::b::b() } }",
        "impl crate::b::B { fn a(&self) {} }",
    ] {
        let b = "pub struct B; pub fn b() { crate::a::A; }";
        let a = format!("pub struct A; {needs_b}");
        assert_eq!(
            circles(&[("lib.rs", "mod a; mod b;"), ("a.rs", &a), ("b.rs", b)]),
            [["a.rs", "b.rs"]],
            "{needs_b}"
        );
    }
}

#[test]
fn what_only_tests_compile_may_look_at_anything() {
    let b = "pub struct B; use crate::a::A;";
    for needs_b in [
        "#[cfg(test)] mod tests { use crate::b::B; }",
        "#[cfg(test)] use crate::b::B;",
        "impl A { #[cfg(test)] fn a() { crate::b::B; } }",
        "#[cfg(test)] mod tests;",
    ] {
        let a = format!("pub struct A; {needs_b}");
        assert!(circles(&[("lib.rs", "mod a; mod b;"), ("a.rs", &a), ("b.rs", b)]).is_empty(), "{needs_b}");
    }
    let a = "pub struct A; #[cfg(not(test))] use crate::b::B;";
    assert_eq!(circles(&[("lib.rs", "mod a; mod b;"), ("a.rs", a), ("b.rs", b)]).len(), 1);
}

#[test]
fn the_drawing_is_read_and_held_against_the_files() {
    let drawing =
        Drawing::read("//! Words. Arrows point down: `top` →\n//! `left`, `right` → `low`. More `words`.\n");
    assert_eq!(drawing.rooms().collect::<Vec<_>>(), ["left", "low", "right", "top"]);
    let house = house(&[
        ("lib.rs", "mod top; mod left; mod right; mod low; mod ground; use top::T;"),
        ("top.rs", "pub struct T; use crate::{left::L, low::W};"),
        ("left.rs", "pub struct L; use crate::right::R;"),
        ("right.rs", "pub struct R; use crate::ground::G;"),
        ("low.rs", "pub struct W; use crate::top::T;"),
        ("ground.rs", "pub struct G; use crate::low::W;"),
    ]);
    let against: Vec<String> = house.against(&drawing).into_iter().collect();
    assert_eq!(against, ["ground.rs needs low.rs", "left.rs needs right.rs", "low.rs needs top.rs"]);
}

#[test]
fn the_drawing_of_a_room_is_read_and_held_against_its_files() {
    let drawing = "//! # Who may import whom\n//!\n//! ```text\n//!   top        words, and more\n//!   parts: one, two\n//!              of them\n//!   low\n//! ```\n//! Beside them stand the rules: `parts::{pure}`, `rule`.\n";
    let levels = Levels::read("room", drawing);
    let house = house(&[
        ("lib.rs", "mod room;"),
        ("room/mod.rs", "mod top; mod parts; mod low; mod rule; mod lost;"),
        ("room/parts/mod.rs", "pub mod one; pub mod two; pub mod pure;"),
        ("room/top.rs", "use super::{parts::one::One, low::Low}; pub struct Top;"),
        ("room/parts/one.rs", "pub struct One; use super::two::Two; use super::pure::Pure;"),
        ("room/parts/two.rs", "pub struct Two; use crate::room::top::Top;"),
        ("room/parts/pure.rs", "pub struct Pure; use crate::room::low::Low;"),
        ("room/low.rs", "pub struct Low; use super::rule::Rule;"),
        ("room/rule.rs", "pub struct Rule;"),
        ("room/lost.rs", "pub struct Lost;"),
    ]);
    let broken: Vec<String> = levels.broken(&house).into_iter().collect();
    assert_eq!(
        broken,
        [
            "room/lost.rs is not drawn",
            "room/parts/pure.rs needs room/low.rs",
            "room/parts/two.rs needs room/top.rs"
        ]
    );
}
