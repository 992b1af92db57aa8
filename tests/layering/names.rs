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
    let mut walk = Walk { found: vec![] };
    walk.stream(tokens, &[], in_tests);
    walk.found
}

struct Walk {
    found: Vec<Found>,
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
            self.found.push(Found { name: Name::Method(ident), line, in_tests });
        } else if before.colons == 2 && !before.path.is_empty() {
            before.path.push(ident);
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
                self.flush(before, in_tests);
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
            self.found.push(Found { name: Name::Path(path), line, in_tests });
        }
        (before.colons, before.dots) = (0, 0);
    }
}
