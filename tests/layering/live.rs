//! A live system is one room: outside of `loadgen/src/systems` the load generator names none of
//! them, neither in its code nor in its texts. Help on the command line may.

use headwater_tests::workspace::{self, SourceFile};
use proc_macro2::{TokenStream, TokenTree};

/// Where the systems are.
const ROOM: &str = "loadgen/src/systems/";

/// Whose texts are help.
const HELP: &str = "loadgen/src/cli.rs";

/// The systems that others run.
const SYSTEMS: [&str; 4] = ["kafka", "pravega", "bootstrap", "librdkafka"];

/// Names of systems in a source of the load generator, with their places.
fn named(file: &SourceFile) -> Vec<String> {
    if !file.path.starts_with("loadgen/src/") || file.path.starts_with(ROOM) {
        return vec![];
    }
    let tokens: TokenStream = file.text.parse().expect("a source is tokens");
    let mut found = vec![];
    walk(tokens, &mut |text, line, literal| {
        let text = text.to_lowercase();
        let names = SYSTEMS.iter().any(|system| text.contains(system));
        if names && !(literal && file.path == HELP) {
            found.push(format!("{}:{line}: {text}", file.path));
        }
    });
    found
}

/// Shows every name and every literal of code, not of docs.
fn walk(tokens: TokenStream, see: &mut dyn FnMut(&str, usize, bool)) {
    let mut doc = false;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                let (text, line) = (ident.to_string(), ident.span().start().line);
                doc = text == "doc";
                see(&text, line, false);
            }
            TokenTree::Literal(literal) if !doc => {
                see(&literal.to_string(), literal.span().start().line, true);
            }
            TokenTree::Group(group) => walk(group.stream(), see),
            TokenTree::Literal(_) | TokenTree::Punct(_) => {}
        }
    }
}

#[test]
fn no_live_system_is_named_outside_its_room() {
    let sources = workspace::files(&["rs"]);
    assert!(sources.iter().any(|file| file.path.starts_with(ROOM)), "the room is there");
    let found: Vec<_> = sources.iter().flat_map(named).collect();
    assert!(found.is_empty(), "{} names:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_name_that_is_planted_is_found() {
    let planted = |path: &str, text: &str| named(&SourceFile::planted(path, text)).len();
    let plants = [
        "use crate::systems::kafka::Topic;",
        "fn f(kind: Kind) { match kind { Kind::Pravega => 1, _ => 2 } }",
        "fn f() -> &'static str { \"--bootstrap\" }",
        "fn f() { set(format!(\"live.librdkafka.{name}\")); }",
    ];
    for plant in plants {
        assert_eq!(planted("loadgen/src/run/reach.rs", plant), 1, "{plant}");
        assert_eq!(planted("loadgen/src/systems/kafka/mod.rs", plant), 0, "{plant}");
    }
    let help = "const EXAMPLES: &str = \"loadgen --target kafka\";";
    assert_eq!((planted(HELP, help), planted("loadgen/src/plan.rs", help)), (0, 1));
    assert_eq!(planted(HELP, "struct Kafka;"), 1);
    assert_eq!(planted("loadgen/src/plan.rs", "//! Kafka.\n/// Pravega.\nfn f() {}"), 0);
}
