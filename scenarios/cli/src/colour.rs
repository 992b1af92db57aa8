//! The summary of a run in colour, on a terminal.

use std::io::IsTerminal;

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const FAINT: &str = "2";

/// Whether standard output takes colours: a terminal, unless `NO_COLOR` is set; anything, where
/// `CLICOLOR_FORCE` is.
pub fn wanted() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let forced = set("CLICOLOR_FORCE") && std::env::var_os("CLICOLOR_FORCE") != Some("0".into());
    !set("NO_COLOR") && (forced || std::io::stdout().is_terminal())
}

/// A summary with its conclusion and the word of each verdict in colour.
pub fn summary(text: &str) -> String {
    let lines = text.lines().enumerate().map(|(number, line)| match number {
        1 => whole(line),
        _ => word(line),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The conclusion, by how it begins.
fn whole(line: &str) -> String {
    let colour = match line {
        _ if line.starts_with("Passed with warnings") => YELLOW,
        _ if line.starts_with("Passed") || line.starts_with("As expected") => GREEN,
        _ => RED,
    };
    painted(line, colour)
}

/// A verdict's line: its first word, two columns in.
fn word(line: &str) -> String {
    let Some(rest) = line.strip_prefix("  ") else { return line.to_owned() };
    let (word, behind) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
    let colour = match word {
        "pass" | "met" | "expected" => GREEN,
        "FAIL" | "fail" | "MISS" => RED,
        "warn" => YELLOW,
        "info" => FAINT,
        _ => return line.to_owned(),
    };
    format!("  {}{behind}", painted(word, colour))
}

fn painted(text: &str, colour: &str) -> String {
    format!("\u{1b}[{colour}m{text}\u{1b}[0m")
}
