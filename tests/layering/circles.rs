//! Circles in `models`: files of different folders that need each other can't be read one by one.

use std::collections::{BTreeMap, BTreeSet};

use headwater_tests::workspace::{self, SourceFile};

use crate::names::{Name, names};

/// Registries, which name every system; docs/ARCHITECTURE.md says so.
const REGISTRIES: [&str; 2] = ["property.rs", "system.rs"];

const SOURCES: &str = "models/src/";

/// A module by its path in the crate, such as `["kafka", "broker"]`.
type Module = Vec<String>;

fn module_of(path: &str) -> Module {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let mut module: Module = path.split('/').map(ToString::to_string).collect();
    module.pop_if(|last| last == "mod" || last == "lib");
    module
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The file that each file of the models needs, without the registries and the crate's root.
fn needs(sources: &[SourceFile]) -> BTreeMap<&str, BTreeSet<&str>> {
    let inside = sources.iter().filter_map(|file| {
        let path = file.path.strip_prefix(SOURCES)?;
        (path != "lib.rs" && !REGISTRIES.contains(&path)).then_some((path, file))
    });
    let files: BTreeMap<&str, &SourceFile> = inside.collect();
    let modules: BTreeMap<Module, &str> =
        files.keys().map(|path| (module_of(path), *path)).collect();
    let mut needs = BTreeMap::new();
    for (path, file) in &files {
        let module = module_of(path);
        let used = names(file).into_iter().filter(|found| !found.in_tests);
        let paths = used.filter_map(|found| match found.name {
            Name::Path(path) => Some(path),
            Name::Method(_) => None,
        });
        let absolute: Vec<Module> = paths.filter_map(|path| absolute(&module, path)).collect();
        let found = absolute.into_iter().filter_map(|path| file_of(&modules, path));
        needs.insert(*path, found.filter(|other| other != path).collect());
    }
    needs
}

/// A path from the crate's root; nothing for one that does not say where it begins.
fn absolute(module: &Module, path: Vec<String>) -> Option<Module> {
    let mut base = match path.first()?.as_str() {
        "crate" => Module::new(),
        "super" | "self" => module.clone(),
        _ => return None,
    };
    for segment in &path {
        match segment.as_str() {
            "crate" | "self" => {}
            "super" => drop(base.pop()),
            other => base.push(other.into()),
        }
    }
    Some(base)
}

/// The file of the innermost module on a path.
fn file_of<'a>(modules: &BTreeMap<Module, &'a str>, mut path: Module) -> Option<&'a str> {
    while !path.is_empty() {
        if let Some(file) = modules.get(&path) {
            return Some(file);
        }
        path.pop();
    }
    None
}

fn reached<'a>(needs: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &'a str) -> BTreeSet<&'a str> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        for other in &needs[file] {
            if reached.insert(*other) {
                next.push(other);
            }
        }
    }
    reached
}

/// Pairs of files of different folders that need each other, by whatever way.
fn circles(sources: &[SourceFile]) -> Vec<(String, String)> {
    let needs = needs(sources);
    let reached: BTreeMap<_, _> = needs.keys().map(|file| (*file, reached(&needs, file))).collect();
    let mut found = vec![];
    for (file, others) in &reached {
        let back = |other: &&&str| folder(file) != folder(other) && reached[**other].contains(file);
        let pairs = others.iter().filter(back).filter(|other| file < *other);
        found.extend(pairs.map(|other| ((*file).into(), (*other).into())));
    }
    found
}

#[test]
fn files_of_different_folders_of_the_models_make_no_circle() {
    let sources = workspace::files(&["rs"]);
    assert!(needs(&sources).len() > 80, "only {} files found", needs(&sources).len());
    let circles = circles(&sources);
    assert!(circles.is_empty(), "{} pairs need each other: {circles:#?}", circles.len());
}

#[test]
fn a_planted_circle_is_found_whatever_way_it_takes() {
    let planted = |path: &str, text: &str| SourceFile::planted(&format!("{SOURCES}{path}"), text);
    let mut sources = vec![
        planted("a/mod.rs", "use super::b::inner::Thing;"),
        planted("b/mod.rs", "pub mod inner;"),
        planted("b/inner.rs", "fn f() { crate::c::go() }"),
        planted("c.rs", "use crate::{a::Node, d::Other};"),
        planted("d.rs", "use crate::c;"),
    ];
    let pair = |a: &str, b: &str| (a.to_string(), b.to_string());
    let found = circles(&sources);
    assert!(found.contains(&pair("a/mod.rs", "b/inner.rs")), "{found:?}");
    assert!(!found.contains(&pair("c.rs", "d.rs")), "of one folder: {found:?}");
    sources[2] = planted("b/inner.rs", "#[cfg(test)] mod tests { use crate::c; }");
    assert_eq!(circles(&sources), []);
}

#[test]
fn the_architecture_names_the_registries() {
    let document = workspace::root().join("docs/ARCHITECTURE.md");
    let document = std::fs::read_to_string(document).expect("the document is there");
    for registry in REGISTRIES {
        assert!(document.contains(&format!("`{registry}`")), "{registry} is not named");
    }
}
