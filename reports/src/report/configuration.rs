//! What was run: the options, those that have another value than their default first, and the
//! scenario's text.

use crate::outcome::Outcome;
use crate::page::{name, stacked, table};
use crate::text::escape;

fn code(text: &str) -> String {
    format!("<code>{}</code>", name(text))
}

/// Defaults against what was changed, then everything.
pub(super) fn configuration(outcome: &Outcome) -> String {
    if outcome.configuration.is_empty() {
        return "<p class=\"nothing\">Not recorded.</p>\n".to_owned();
    }
    let changed: Vec<Vec<String>> = outcome
        .defaults
        .iter()
        .map(|(option, default)| {
            let value = outcome.configuration.get(option).map_or("", String::as_str);
            vec![code(option), code(value), code(default)]
        })
        .collect();
    let mut html = match changed.is_empty() {
        true => "<p>Every option has its default, or defaults were not recorded.</p>\n".to_owned(),
        false => stacked(&["changed option", "value", "default"], &changed),
    };
    let rows: Vec<Vec<String>> =
        outcome.configuration.iter().map(|(key, value)| vec![code(key), code(value)]).collect();
    html.push_str(&format!(
        "<details><summary>{} options in effect</summary>\n{}</details>\n",
        rows.len(),
        table(&["option", "value"], &rows)
    ));
    html
}

/// The scenario's text as it was when it was run; nothing where it was not recorded.
pub(super) fn scenario(outcome: &Outcome) -> String {
    let scenario = &outcome.scenario;
    if scenario.text.is_empty() {
        return String::new();
    }
    format!(
        "<p class=\"dim\">As it was run, without what the command line laid over it. SHA-256 \
         <code class=\"long\">{}</code></p>\n<details open><summary>{}</summary><button \
         type=\"button\" data-copy=\"scenario-text\">Copy</button>\n<pre><code \
         id=\"scenario-text\">{}</code></pre></details>\n",
        escape(&scenario.digest),
        escape(&scenario.file),
        escape(&scenario.text)
    )
}
