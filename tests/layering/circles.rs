//! Circles within a crate: files of different folders that need each other can't be read one by
//! one.

use std::collections::{BTreeMap, BTreeSet};

use headwater_tests::workspace::{self, SourceFile};

use crate::modules::Modules;

/// Whom each file needs, by path.
type Needs = BTreeMap<String, BTreeSet<String>>;

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The sources of each crate, by what their paths begin with, such as `sim/src/`.
fn crates(sources: &[SourceFile]) -> BTreeMap<String, Vec<&SourceFile>> {
    let mut crates: BTreeMap<String, Vec<&SourceFile>> = BTreeMap::new();
    for file in sources {
        if let Some(at) = file.path.find("/src/") {
            crates.entry(file.path[..at].to_owned() + "/src/").or_default().push(file);
        }
    }
    crates
}

/// The files that each file needs of its own crate.
fn needs(sources: &[SourceFile]) -> Needs {
    let mut needs = Needs::new();
    for (root, files) in crates(sources) {
        let modules = Modules::of(&root, &files);
        for file in files {
            needs.insert(file.path.clone(), modules.needed_by(file));
        }
    }
    needs
}

fn reached<'a>(needs: &'a Needs, from: &'a str) -> BTreeSet<&'a str> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        for other in &needs[file] {
            if reached.insert(other.as_str()) {
                next.push(other);
            }
        }
    }
    reached
}

/// Pairs of files of different folders that need each other, by whatever way.
fn circles(needs: &Needs) -> Vec<(String, String)> {
    let reached: BTreeMap<&str, _> =
        needs.keys().map(|file| (file.as_str(), reached(needs, file))).collect();
    let mut found = vec![];
    for (file, others) in &reached {
        let back = |other: &&&str| folder(file) != folder(other) && reached[**other].contains(file);
        let pairs = others.iter().filter(back).filter(|other| file < *other);
        found.extend(pairs.map(|other| ((*file).into(), (*other).into())));
    }
    found
}

/// The files of the circles, and whom of them each needs: where to cut.
fn described(needs: &Needs, circles: &[(String, String)]) -> String {
    let inside: BTreeSet<&String> =
        circles.iter().flat_map(|(left, right)| [left, right]).collect();
    let line = |file: &&String| {
        let others: Vec<_> = needs[*file].iter().filter(|other| inside.contains(other)).collect();
        format!("{file} needs {others:?}\n")
    };
    inside.iter().map(line).collect()
}

#[test]
fn files_of_different_folders_make_no_circle_in_any_crate() {
    let sources = workspace::files(&["rs"]);
    let needs = needs(&sources);
    let crates = [
        ("sim/", 30),
        ("models/", 80),
        ("reports/", 15),
        ("scenarios/src/", 90),
        ("scenarios/traffic/", 10),
        ("scenarios/check/", 10),
        ("scenarios/testing/src/", 5),
        ("scenarios/cli/", 10),
        ("loadgen/", 50),
        ("pipeline/", 20),
    ];
    for (name, least) in crates {
        let found = needs.keys().filter(|file| file.starts_with(name)).count();
        assert!(found >= least, "only {found} files of {name} found");
    }
    let circles = circles(&needs);
    let told = described(&needs, &circles);
    assert!(circles.is_empty(), "{} pairs need each other:\n{told}", circles.len());
}

/// One circle each, between `a/mod.rs` and `b/inner.rs`.
const PLANTS: [&[(&str, &str)]; 6] = [
    // By way of another file.
    &[
        ("a/mod.rs", "use super::b::inner::Thing;"),
        ("b/inner.rs", "fn f() { crate::c::go() }"),
        ("c.rs", "use crate::{a::Node, d::Other};"),
        ("d.rs", "use crate::c;"),
    ],
    // By a re-export of the crate's root.
    &[
        ("lib.rs", "mod a;\nmod b;\npub use a::Node as Knot;"),
        ("a/mod.rs", "use crate::b::inner::Thing;"),
        ("b/inner.rs", "use crate::Knot;"),
    ],
    // By a module of another that lists it, as registries do.
    &[
        ("a/mod.rs", "use crate::b::Thing;"),
        ("b/mod.rs", "mod inner;\npub use inner::Thing;"),
        ("b/inner.rs", "use crate::a::Node;"),
    ],
    // By what the crate's root has itself.
    &[
        ("lib.rs", "mod a;\nmod b;\nfn f() { a::go() }\npub struct Thing;"),
        ("a/mod.rs", "use crate::b::inner;"),
        ("b/inner.rs", "use crate::Thing;"),
    ],
    // By a module that was imported.
    &[
        ("a/mod.rs", "use crate::b;\nfn f() { b::inner::go() }"),
        ("b/inner.rs", "use crate::{a as other};\nfn f() { other::go() }"),
    ],
    // By the module that both are in.
    &[
        ("b/mod.rs", "use crate::a::Node;"),
        ("b/inner.rs", "use super::Node;"),
        ("a/mod.rs", "use crate::b::inner::{self, Thing};"),
    ],
];

fn planted(root: &str, files: &[(&str, &str)]) -> Vec<SourceFile> {
    let plant = |(path, text): &(&str, &str)| SourceFile::planted(&format!("{root}{path}"), text);
    files.iter().map(plant).collect()
}

#[test]
fn a_planted_circle_is_found_in_every_crate_whatever_way_it_takes() {
    for root in
        ["sim/src/", "models/src/", "scenarios/src/", "scenarios/check/src/", "loadgen/src/"]
    {
        for plant in PLANTS {
            let sources = planted(root, plant);
            let found = circles(&needs(&sources));
            let pair = (format!("{root}a/mod.rs"), format!("{root}b/inner.rs"));
            assert!(found.contains(&pair), "{root}: {plant:?}: {found:?}");
        }
    }
}

#[test]
fn what_is_no_circle_is_not_taken_for_one() {
    let innocent: [&[(&str, &str)]; 5] = [
        // Of one folder.
        &[("c.rs", "use crate::d::Other;"), ("d.rs", "use crate::c;")],
        // Of tests alone.
        &[
            ("a/mod.rs", "use super::b::inner::Thing;"),
            ("b/inner.rs", "#[cfg(test)] mod tests { use crate::a::Node; }"),
        ],
        // A module that only declares another.
        &[("b.rs", "mod inner;"), ("b/inner.rs", "use super::Thing;")],
        // A name that only the module above may use.
        &[("b.rs", "use inner::Thing;"), ("b/inner.rs", "pub(super) struct Thing;")],
        // A crate of the same name as a module.
        &[("a/mod.rs", "use crate::b::inner;"), ("b/inner.rs", "use a::Node;")],
    ];
    for plant in innocent {
        assert_eq!(circles(&needs(&planted("sim/src/", plant))), [], "{plant:?}");
    }
    // Of two crates.
    let mut sources = planted("sim/src/", &[("a/mod.rs", "use crate::b::inner::Thing;")]);
    sources.extend(planted("models/src/", &[("b/inner.rs", "use crate::a::Node;")]));
    assert_eq!(circles(&needs(&sources)), []);
}
