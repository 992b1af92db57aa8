//! Options as people read them.

use std::fmt::Write;

use super::{Options, Otherwise, Section, SystemOption};

/// Columns of a line.
const WIDTH: usize = 96;

/// By section: each option as it is written in a file, and below it what it means.
pub(super) fn text(all: &Options) -> String {
    let mut out = String::new();
    for section in &all.sections {
        heading(&mut out, all.system, section);
        for option in all.options.iter().filter(|option| option.section == section.name) {
            one(&mut out, option);
        }
    }
    if !all.not_modelled.is_empty() {
        let names = all.not_modelled.join(", ");
        let _ = writeln!(out, "# {} has these, and they are not modelled:", all.system);
        wrapped(&mut out, &names, "  ");
    }
    out
}

fn heading(out: &mut String, system: &str, section: &Section) {
    let name = if section.name.is_empty() { system } else { section.name.as_str() };
    let source = section.source.as_ref().map(|source| format!(" Source: {source}."));
    wrapped(out, &format!("{name}: {}{}", section.meaning, source.unwrap_or_default()), "# ");
    out.push('\n');
}

fn one(out: &mut String, option: &SystemOption) {
    let _ = writeln!(out, "{} = {}", option.name, option.default);
    let others: Vec<String> = option.otherwise.iter().map(other).collect();
    let others = match others.is_empty() {
        true => String::new(),
        false => format!("; {}", others.join(", ")),
    };
    wrapped(out, &format!("{} [{}{others}]", option.meaning, option.kind), "    ");
    out.push('\n');
}

fn other(Otherwise { with, default }: &Otherwise) -> String {
    format!("{default} with {with}")
}

/// The text in lines that begin with `indent`.
fn wrapped(out: &mut String, text: &str, indent: &str) {
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && indent.len() + line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(out, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{indent}{line}");
}
