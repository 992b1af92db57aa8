//! The names that a source uses: paths and methods, without comments, strings and docs.

use headwater_tests::workspace::SourceFile;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A name in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// `std::thread::spawn`, also where it is written `use std::{thread::spawn, fmt}`.
    Path(Vec<String>),
    /// `.ln` in `x.ln()`, and `.await`.
    Method(String),
}

/// Where a name stands.
#[derive(Clone, Debug)]
pub struct Found {
    /// The name.
    pub name: Name,
    /// Its line, from 1.
    pub line: usize,
    /// The name that a `use` gives it: `use a::{b, self}` binds `b` and `a`, `use a::b as c`
    /// binds `c`.
    pub binds: Option<String>,
    /// True inside `#[cfg(test)]`, in a file that only tests include, and in an example.
    pub in_tests: bool,
}

/// Every name of a source, in order.
///
/// # Panics
/// If the source is not Rust.
pub fn names(file: &SourceFile) -> Vec<Found> {
    let tokens: TokenStream = file
        .text
        .parse()
        .unwrap_or_else(|error| panic!("{} does not tokenise: {error}", file.path));
    let apart = ["/tests/", "/examples/"].iter().any(|folder| file.path.contains(folder));
    let in_tests = apart || file.path.ends_with("tests.rs");
    let mut walk = Walk::default();
    walk.stream(tokens, &[], in_tests);
    walk.found
}

#[derive(Default)]
struct Walk {
    found: Vec<Found>,
    /// Inside a `use`.
    using: bool,
    /// What comes next is what the last name is known as.
    renames: bool,
}

/// What was read just before the token at hand.
#[derive(Default)]
struct Before {
    path: Vec<String>,
    line: usize,
    colons: u32,
    dots: u32,
    lifetime: bool,
    hash: bool,
    /// All names of the path are imported.
    all: bool,
    /// An attribute `#[cfg(test)]` waits for its item.
    test: bool,
}

impl Walk {
    fn stream(&mut self, tokens: TokenStream, prefix: &[String], in_tests: bool) {
        let mut before = Before::default();
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    let line = ident.span().start().line;
                    self.ident(&mut before, prefix, ident.to_string(), line, in_tests);
                }
                TokenTree::Punct(punct) => self.punct(&mut before, punct.as_char(), in_tests),
                TokenTree::Group(group) => self.group(&mut before, &group, prefix, in_tests),
                TokenTree::Literal(_) => self.flush(&mut before, in_tests),
            }
        }
        self.flush(&mut before, in_tests);
    }

    fn ident(
        &mut self,
        before: &mut Before,
        prefix: &[String],
        ident: String,
        line: usize,
        in_tests: bool,
    ) {
        if before.lifetime {
            before.lifetime = false;
        } else if before.dots == 1 {
            self.flush(before, in_tests);
            let name = Name::Method(ident);
            self.found.push(Found { name, line, binds: None, in_tests });
        } else if before.colons == 2 && !before.path.is_empty() {
            before.path.push(ident);
        } else if self.renames {
            self.renames = false;
            self.found.last_mut().expect("something is renamed").binds = Some(ident);
        } else if ident == "use" || self.using && ident == "as" {
            let test = before.test;
            self.flush(before, in_tests);
            before.test = test;
            (self.using, self.renames) = (true, ident == "as");
        } else {
            let test = before.test;
            self.flush(before, in_tests);
            before.test = test;
            before.path = prefix.iter().cloned().chain([ident]).collect();
            before.line = line;
        }
        (before.colons, before.dots, before.hash) = (0, 0, false);
    }

    fn punct(&mut self, before: &mut Before, punct: char, in_tests: bool) {
        match punct {
            ':' => before.colons += 1,
            '.' => before.dots += 1,
            _ => {
                let test = before.test && punct != ';';
                before.all = punct == '*' && before.colons == 2;
                self.flush(before, in_tests);
                // The other one is `impl Trait + use<'a>`.
                self.using &= punct != ';' && punct != '<';
                (before.colons, before.dots) = (0, 0);
                (before.lifetime, before.hash, before.test) = (punct == '\'', punct == '#', test);
            }
        }
    }

    fn group(&mut self, before: &mut Before, group: &Group, prefix: &[String], in_tests: bool) {
        let brace = group.delimiter() == Delimiter::Brace;
        if before.hash && group.stream().to_string().replace(' ', "") == "cfg(test)" {
            *before = Before { test: true, ..Before::default() };
            return;
        }
        if before.path == ["pub"] && within_crate(group) {
            return;
        }
        if brace && before.colons == 2 {
            let path = std::mem::take(&mut before.path);
            self.stream(group.stream(), &path, in_tests || before.test);
            *before = Before { test: before.test, ..Before::default() };
            return;
        }
        let test = before.test;
        self.flush(before, in_tests);
        let inner_prefix = if brace { &[] } else { prefix };
        self.stream(group.stream(), inner_prefix, in_tests || test);
        *before = Before { test: test && !brace, ..Before::default() };
    }

    fn flush(&mut self, before: &mut Before, in_tests: bool) {
        let path = std::mem::take(&mut before.path);
        if !path.is_empty() {
            let (line, in_tests) = (before.line, in_tests || before.test);
            let known = path.iter().rev().find(|segment| *segment != "self");
            let binds = known.filter(|_| self.using && !before.all).cloned();
            self.found.push(Found { name: Name::Path(path), line, binds, in_tests });
        }
        (before.colons, before.dots, before.all) = (0, 0, false);
    }
}

/// What follows `pub` in `pub(super)`, which names nothing that it uses.
fn within_crate(group: &Group) -> bool {
    let first = group.stream().into_iter().next().map(|token| token.to_string());
    group.delimiter() == Delimiter::Parenthesis
        && first.is_some_and(|first| ["crate", "super", "self", "in"].contains(&first.as_str()))
}
