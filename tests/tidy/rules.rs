//! What a file of the project must look like.

use headwater_tests::workspace::SourceFile;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Lines of a Rust file at most.
pub const FILE_LINES_MAX: usize = 600;
/// Lines of the median Rust file at most.
pub const FILE_LINES_MEDIAN_MAX: usize = 200;
/// Lines of a function at most, from `fn` to the closing brace.
pub const FUNCTION_LINES_MAX: usize = 70;
/// Characters of a line at most.
pub const COLUMNS_MAX: usize = 100;

/// A rule of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A file within [`FILE_LINES_MAX`].
    FileLines,
    /// A function within [`FUNCTION_LINES_MAX`].
    FunctionLines,
    /// A line within [`COLUMNS_MAX`].
    Columns,
    /// Nothing left for later, no test switched off.
    Unfinished,
    /// No registry's host, no path of one machine.
    ForbiddenWord,
    /// A scenario of the library names the line that reproduces it.
    Reproduction,
    /// A model's file opens with what it stands for.
    ModuleDoc,
}

/// All of them, for the test that plants a violation of each.
pub const ALL: [Rule; 7] = [
    Rule::FileLines,
    Rule::FunctionLines,
    Rule::Columns,
    Rule::Unfinished,
    Rule::ForbiddenWord,
    Rule::Reproduction,
    Rule::ModuleDoc,
];

/// What must not be left in a source; split so that this file does not name it whole.
const UNFINISHED: [&str; 4] = [
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
    concat!("#[ig", "nore"),
];

/// Hosts and paths that tie the project to one machine or one registry.
const FORBIDDEN: [&str; 10] = [
    concat!("crates", ".io"),
    concat!("repo", ".maven"),
    concat!("repo1", ".maven"),
    concat!("pypi", ".org"),
    concat!("npm", "js"),
    concat!("proxy", ".golang"),
    concat!("deb", ".debian"),
    concat!("/wo", "rk/"),
    concat!("/fa", "rm/"),
    concat!("../sh", "ared"),
];

/// A rule broken: which, where and how.
pub type Violation = (Rule, String);

/// What is wrong with a file.
pub fn check(file: &SourceFile) -> Vec<Violation> {
    let mut violations = forbidden_words(file);
    if file.has_extension("rs") {
        violations.extend(file_lines(file));
        violations.extend(columns(file));
        violations.extend(unfinished(file));
        violations.extend(function_lines(file));
        violations.extend(module_doc(file));
    }
    if file.path.starts_with("scenarios/library/") && file.has_extension("toml") {
        violations.extend(reproduction(file));
    }
    violations
}

fn file_lines(file: &SourceFile) -> Option<Violation> {
    let lines = file.text.lines().count();
    let long = lines > FILE_LINES_MAX;
    long.then(|| (Rule::FileLines, format!("{}: {lines} lines", file.path)))
}

fn columns(file: &SourceFile) -> Vec<Violation> {
    each_line(file, |line| {
        let columns = line.chars().count();
        (columns > COLUMNS_MAX).then(|| (Rule::Columns, format!("{columns} columns")))
    })
}

fn unfinished(file: &SourceFile) -> Vec<Violation> {
    each_line(file, |line| {
        let found = UNFINISHED.iter().find(|word| line.contains(*word))?;
        let quoted = line.contains(&format!("\"{found}"));
        (!quoted).then(|| (Rule::Unfinished, (*found).to_string()))
    })
}

fn forbidden_words(file: &SourceFile) -> Vec<Violation> {
    each_line(file, |line| {
        let line = line.to_lowercase();
        let found = FORBIDDEN.iter().find(|word| line.contains(*word))?;
        Some((Rule::ForbiddenWord, (*found).to_string()))
    })
}

fn each_line(file: &SourceFile, check: impl Fn(&str) -> Option<Violation>) -> Vec<Violation> {
    let lines = file.text.lines().zip(1..);
    let broken = lines.filter_map(|(line, number)| Some((check(line)?, number)));
    broken.map(|((rule, what), number)| (rule, format!("{}:{number}: {what}", file.path))).collect()
}

/// The header (the comment lines on top) must hold `headwater run NAME`, with the file's own name.
fn reproduction(file: &SourceFile) -> Option<Violation> {
    let name = file.path.trim_start_matches("scenarios/library/").trim_end_matches(".toml");
    let want = format!("headwater run {name}");
    let header = file.text.lines().take_while(|line| line.starts_with('#') || line.is_empty());
    let mut reproductions = header.filter(|line| {
        line.match_indices(&want).any(|(at, _)| {
            let rest = &line[at + want.len()..];
            !rest.starts_with(|next: char| next.is_alphanumeric() || "-_/".contains(next))
        })
    });
    let missing = reproductions.next().is_none();
    missing.then(|| (Rule::Reproduction, format!("{}: no `{want}` in its header", file.path)))
}

fn module_doc(file: &SourceFile) -> Option<Violation> {
    let model = file.path.starts_with("models/src/") && !file.path.ends_with("tests.rs");
    let missing = model && !file.text.starts_with("//!");
    missing.then(|| (Rule::ModuleDoc, format!("{}: does not open with //!", file.path)))
}

fn function_lines(file: &SourceFile) -> Vec<Violation> {
    let parsed = syn::parse_file(&file.text)
        .unwrap_or_else(|error| panic!("{} does not parse: {error}", file.path));
    let mut functions = Functions::default();
    functions.visit_file(&parsed);
    let long = functions.found.into_iter().filter(|(_, _, lines)| *lines > FUNCTION_LINES_MAX);
    long.map(|(name, line, lines)| {
        (Rule::FunctionLines, format!("{}:{line}: fn {name} has {lines} lines", file.path))
    })
    .collect()
}

/// Functions with their first line and their number of lines.
#[derive(Default)]
struct Functions {
    found: Vec<(String, usize, usize)>,
}

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let first = signature.span().start().line;
        let last = block.brace_token.span.close().end().line;
        self.found.push((signature.ident.to_string(), first, last - first + 1));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}
