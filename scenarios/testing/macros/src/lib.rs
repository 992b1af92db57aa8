//! The macro `headwater::test_folder!`; the crate `headwater` documents it.

use std::collections::BTreeSet;
use std::path::Path;

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

mod files;

/// Makes a test of each scenario file (`*.toml`) of a folder, which is named from the package's
/// root:
///
/// ```text
/// headwater::test_folder!("tests/scenarios");
/// headwater::test_folder!("tests/scenarios", |folder| folder.seeds(16).snapshots());
/// ```
///
/// The second argument, a function from `headwater::Folder` to `headwater::Folder`, says how: on
/// how many seeds, with snapshots, with settings laid over every file.
#[proc_macro]
pub fn test_folder(input: TokenStream) -> TokenStream {
    match expand(input) {
        Ok(tests) => tests,
        Err(message) => {
            let error = format!("::core::compile_error!({message:?});");
            error.parse().expect("a string is a literal")
        }
    }
}

/// The default configuration of the tests.
const AS_IT_IS: &str = "|folder: ::headwater::Folder| folder";

/// Stands for the configuration in the text of the tests.
const CONFIGURATION: &str = "__headwater_configuration";

fn expand(input: TokenStream) -> Result<TokenStream, String> {
    let mut tokens = input.into_iter();
    let usage = "expected a folder, such as headwater::test_folder!(\"tests/scenarios\")";
    let folder = tokens.next().ok_or(usage)?.to_string();
    let folder = folder.strip_prefix('"').and_then(|text| text.strip_suffix('"')).ok_or(usage)?;
    match tokens.next() {
        Some(TokenTree::Punct(comma)) if comma.as_char() == ',' => {}
        None => {}
        Some(other) => return Err(format!("expected a comma, found `{other}`")),
    }
    let configuration: TokenStream = tokens.collect();
    let configuration = match configuration.is_empty() {
        true => AS_IT_IS.parse().expect("a closure"),
        false => configuration,
    };
    let root = std::env::var("CARGO_MANIFEST_DIR").map_err(|error| error.to_string())?;
    let root = Path::new(&root).join(folder);
    let files = files::scenario_files(&root)
        .map_err(|error| format!("can't read the folder {}: {error}", root.display()))?;
    let text = module(folder, &root, &files);
    let text: TokenStream = text.parse().map_err(|error| format!("{error}: {text}"))?;
    Ok(with_configuration(text, &configuration))
}

/// The module of the tests, as text.
fn module(folder: &str, root: &Path, files: &[String]) -> String {
    let name = ident(folder.trim_end_matches('/').rsplit('/').next().unwrap_or(folder));
    let mut text = format!(
        "mod {name} {{ #[allow(unused_imports)] use super::*;
         fn folder() -> ::headwater::Folder {{
             ::headwater::configured({folder:?}, {CONFIGURATION})
         }}
         #[test] fn {ADDED}() {{ ::headwater::check_added(&folder(), &{files:?}); }}"
    );
    let mut taken = BTreeSet::from([ADDED.to_owned()]);
    for file in files {
        let stem = ident(file.trim_end_matches(".toml"));
        let numbered = (2..).map(|number| format!("{stem}_{number}"));
        let mut names = std::iter::once(stem.clone()).chain(numbered);
        let name = names.find(|name| !taken.contains(name)).expect("numbers do not end");
        let path = root.join(file).to_string_lossy().into_owned();
        // The files are included so that cargo rebuilds when one changes or goes.
        text += &format!(
            "#[test] fn {name}() {{ folder().file({file:?}).check(); }}
             const _: &[u8] = include_bytes!({path:?});"
        );
        taken.insert(name);
    }
    text + "}"
}

/// The test of files that came after the build.
const ADDED: &str = "files_added_since_the_build";

/// A name of Rust for a path.
fn ident(path: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let words: String = path.chars().map(plain).collect();
    let words: Vec<&str> = words.split('_').filter(|word| !word.is_empty()).collect();
    let name = words.join("_");
    let digit = name.starts_with(|c: char| c.is_ascii_digit());
    let reserved = ["loop", "match", "move", "static", "final", "override", "self", "super"];
    if name.is_empty() || digit || reserved.contains(&name.as_str()) {
        return format!("scenario_{name}");
    }
    name
}

/// The tests with the configuration in its place.
fn with_configuration(text: TokenStream, configuration: &TokenStream) -> TokenStream {
    let one = |token: TokenTree| match token {
        TokenTree::Group(group) => {
            let inside = with_configuration(group.stream(), configuration);
            TokenTree::Group(Group::new(group.delimiter(), inside))
        }
        TokenTree::Ident(ident) if ident.to_string() == CONFIGURATION => {
            TokenTree::Group(Group::new(Delimiter::None, configuration.clone()))
        }
        TokenTree::Ident(ident) => {
            TokenTree::Ident(Ident::new(&ident.to_string(), Span::call_site()))
        }
        other => other,
    };
    text.into_iter().map(one).collect()
}
