//! Plants changes in a copy of the tree, each behind a switch of its own, so that all of them are
//! compiled once.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::sites::Site;

/// A change that is planted, or was to be.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Its number, from 1: what switches it on.
    pub number: u32,
    /// Path of its file from the root, with forward slashes.
    pub path: String,
    /// Where, and into what.
    pub site: Site,
    /// What stands there.
    pub was: String,
}

/// Draws one number below so many.
pub type Draw<'a> = dyn FnMut(usize) -> usize + 'a;

/// Chooses up to `count` changes of `files` (path, text, changes) of which no two overlap.
pub fn choose(files: &[(String, String, Vec<Site>)], count: usize, draw: &mut Draw) -> Vec<Mutant> {
    let all = files.iter().flat_map(|(path, text, sites)| {
        sites.iter().map(move |site| (path.as_str(), text.as_str(), site))
    });
    let mut left: Vec<_> = all.collect();
    let mut taken: BTreeMap<&str, Vec<Range<usize>>> = BTreeMap::new();
    let mut chosen = vec![];
    while chosen.len() < count && !left.is_empty() {
        let (path, text, site) = left.swap_remove(draw(left.len()));
        let of_file = taken.entry(path).or_default();
        if of_file.iter().any(|of| of.start < site.at.end && site.at.start < of.end) {
            continue;
        }
        of_file.push(site.at.clone());
        let was = text[site.at.clone()].to_owned();
        chosen.push(Mutant { number: 0, path: path.to_owned(), site: site.clone(), was });
    }
    chosen.sort_by(|a, b| (&a.path, a.site.at.start).cmp(&(&b.path, b.site.at.start)));
    (1..).zip(&mut chosen).for_each(|(number, of)| of.number = number);
    chosen
}

/// The text of a file with its changes planted, and which bytes of it each has.
pub fn plant(text: &str, mutants: &[&Mutant]) -> (String, Vec<(u32, Range<usize>)>) {
    let (mut planted, mut places, mut from) = (String::new(), vec![], 0);
    for of in mutants {
        planted.push_str(&text[from..of.site.at.start]);
        let start = planted.len();
        let (number, was, becomes) = (of.number, &of.was, &of.site.becomes);
        planted.push_str(&match becomes.is_empty() {
            true => format!("if !headwater_sim::mutants::is({number}) {{ {was} }}"),
            false if was.ends_with(';') => unreachable!("only an expression becomes another"),
            false => {
                format!(
                    "(if headwater_sim::mutants::is({number}) {{ {becomes} }} else {{ {was} }})"
                )
            }
        });
        places.push((number, start..planted.len()));
        from = of.site.at.end;
    }
    planted.push_str(&text[from..]);
    (planted, places)
}

/// The switch, a module of the simulation's crate.
pub const SWITCH: &str = "//! Which of the planted changes is on.

use std::sync::LazyLock;

static ON: LazyLock<Option<u32>> =
    LazyLock::new(|| std::env::var(\"HEADWATER_MUTANT\").ok()?.parse().ok());

/// Whether it is this one.
pub fn is(number: u32) -> bool {
    *ON == Some(number)
}
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sites;

    const TEXT: &str = "fn f(a: u32, v: &mut Vec<u32>) -> bool {\n    v.push(a);\n    a < 2\n}\n";

    #[test]
    fn planted_changes_are_switches_and_what_is_around_them_stays() {
        let files = [("f.rs".to_owned(), TEXT.to_owned(), sites::of(TEXT).expect("it is Rust"))];
        // The comparison before the literal in it.
        let mutants = choose(&files, 10, &mut |left| left.min(2) - 1);
        let (planted, places) = plant(TEXT, &mutants.iter().collect::<Vec<_>>());
        assert_eq!(
            planted,
            "fn f(a: u32, v: &mut Vec<u32>) -> bool {\n    if !headwater_sim::mutants::is(1) \
             { v.push(a); }\n    (if headwater_sim::mutants::is(2) { a <= 2 } else { a < 2 })\n}\n"
        );
        assert!(planted[places[1].1.clone()].starts_with("(if headwater_sim::mutants::is(2)"));
        syn::parse_file(&planted).expect("it is Rust still");
    }

    #[test]
    fn no_two_of_them_overlap() {
        let files = [("f.rs".to_owned(), TEXT.to_owned(), sites::of(TEXT).expect("it is Rust"))];
        // The literal in the comparison first: the comparison then is not to be had.
        let mutants = choose(&files, 10, &mut |left| left - 1);
        let was: Vec<_> = mutants.iter().map(|of| of.was.as_str()).collect();
        assert_eq!(was, ["v.push(a);", "2"]);
    }
}
