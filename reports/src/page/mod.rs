//! The shell of an HTML file: one file, no request, the same bytes for the same body.

use crate::text::escape;

/// What the page may do: its own style and script, nothing from anywhere. A browser blocks and
/// reports any request, so a report can be shared without telling who opens it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// uPlot 1.6.32, as its package has it; its first line is a comment with its address, which stays
/// out of the page.
const UPLOT: &str = include_str!("uplot/uPlot-1.6.32.iife.min.js");
const UPLOT_STYLE: &str = include_str!("uplot/uPlot-1.6.32.min.css");
const UPLOT_LICENCE: &str = include_str!("uplot/LICENSE");

/// The parts of the page's own script, in order.
const SCRIPT: [&str; 5] = [
    include_str!("start.js"),
    include_str!("charts.js"),
    include_str!("events.js"),
    include_str!("tools.js"),
    include_str!("end.js"),
];

/// An HTML file of `body`.
pub(crate) fn page(title: &str, body: &str) -> String {
    let style = [include_str!("page.css"), crate::diagram::STYLE].concat();
    let (library, library_style) = match body.contains("<figure class=\"chart\"") {
        true => {
            let code = UPLOT.split_once('\n').map_or(UPLOT, |(_, code)| code);
            let licence = format!("/*! uPlot 1.6.32\n{UPLOT_LICENCE}\n*/\n");
            (format!("<script>\n{licence}{code}</script>\n"), UPLOT_STYLE)
        }
        false => (String::new(), ""),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>\n{library_style}\n{style}</style>\n</head>\n<body>\n{body}\
         {library}<script>\n'use strict';\n(() => {{\n{}}})();\n</script>\n</body>\n</html>\n",
        escape(title),
        SCRIPT.concat(),
    )
}

/// A table with a header row. Cells are HTML; a header that starts with `#` is of numbers.
pub(crate) fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    table_of("scroll", headers, rows)
}

/// The same for rows of long texts: where the page is narrow, each row becomes a block, its cells
/// below each other.
pub(crate) fn stacked(headers: &[&str], rows: &[Vec<String>]) -> String {
    table_of("stacked", headers, rows)
}

fn table_of(class: &str, headers: &[&str], rows: &[Vec<String>]) -> String {
    let numeric: Vec<bool> = headers.iter().map(|header| header.starts_with('#')).collect();
    let label = |header: &str| escape(header.strip_prefix('#').unwrap_or(header));
    let mut html = format!("<div class=\"{class}\"><table><thead><tr>");
    for header in headers {
        let class = if header.starts_with('#') { " class=\"n\"" } else { "" };
        html.push_str(&format!("<th scope=\"col\"{class}>{}</th>", label(header)));
    }
    html.push_str("</tr></thead><tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for ((cell, numeric), header) in row.iter().zip(&numeric).zip(headers) {
            let name = match class {
                "stacked" => format!(" data-label=\"{}\"", label(header)),
                _ => String::new(),
            };
            let class = if *numeric { "n" } else { "k" };
            html.push_str(&format!("<td class=\"{class}\"{name}>{cell}</td>"));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
    html
}

/// A name made safe for HTML, which may break into two lines behind `/`, `.`, `_`, `-` and `:`, and
/// nowhere else.
pub(crate) fn name(text: &str) -> String {
    let mut html = String::new();
    for part in text.split_inclusive(['/', '.', '_', '-', ':', '=']) {
        html.push_str(&escape(part));
        html.push_str("<wbr>");
    }
    html.truncate(html.len().saturating_sub("<wbr>".len()));
    html
}

/// A value as JSON inside of a page: no text in it ends the element that it stands in.
pub(crate) fn json(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

/// The sections of a page, below a list of them.
#[derive(Debug, Default)]
pub(crate) struct Sections {
    contents: String,
    html: String,
}

impl Sections {
    /// Adds a section, if there is anything in it; `id` is unique in the page.
    pub(crate) fn add(&mut self, id: &str, title: &str, html: &str) {
        if html.is_empty() {
            return;
        }
        let title = escape(title);
        self.contents.push_str(&format!("<a href=\"#{id}\">{title}</a>\n"));
        self.html.push_str(&format!("<h2 id=\"{id}\">{title}</h2>\n{html}"));
    }

    /// The list, and the sections.
    pub(crate) fn html(&self) -> String {
        let Self { contents, html } = self;
        format!("<nav class=\"contents\" aria-label=\"Contents\">\n{contents}</nav>\n{html}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_break_behind_marks_and_data_ends_no_element() {
        assert_eq!(name("store-1/tier2_<x>"), "store-<wbr>1/<wbr>tier2_<wbr>&lt;x&gt;");
        assert_eq!(name(""), "");
        let value = serde_json::json!(["</script><b>"]);
        assert_eq!(json(&value), "[\"\\u003c/script>\\u003cb>\"]");
    }

    #[test]
    fn the_library_is_only_in_a_page_with_charts_and_its_licence_with_it() {
        let plain = page("x", "<p>nothing</p>");
        let charted = page("x", "<figure class=\"chart\"></figure>");
        assert!(!plain.contains("uPlot=function") && charted.contains("uPlot=function"));
        assert!(charted.contains("Copyright (c) 2022 Leon Sorokin"), "its licence asks for it");
        assert!(!charted.contains("https://"));
    }
}
