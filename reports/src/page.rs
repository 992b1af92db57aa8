//! The shell of an HTML file: one file, no request, the same bytes for the same body.

use crate::text::escape;

/// What the page may do: its own style and script, nothing from anywhere. A browser blocks and
/// reports any request, so a report can be shared without telling who opens it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// An HTML file of `body`.
pub(crate) fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>\n{}{}</style>\n</head>\n<body>\n{body}\
         <script>\n{}</script>\n</body>\n</html>\n",
        escape(title),
        include_str!("page.css"),
        crate::diagram::STYLE,
        include_str!("page.js"),
    )
}

/// A table with a header row. Cells are HTML; a header that starts with `#` is of numbers.
pub(crate) fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let numeric: Vec<bool> = headers.iter().map(|header| header.starts_with('#')).collect();
    let mut html = String::from("<div class=\"scroll\"><table><thead><tr>");
    for header in headers {
        let (class, label) = match header.strip_prefix('#') {
            Some(label) => (" class=\"n\"", label),
            None => ("", *header),
        };
        html.push_str(&format!("<th scope=\"col\"{class}>{}</th>", escape(label)));
    }
    html.push_str("</tr></thead><tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for (cell, numeric) in row.iter().zip(&numeric) {
            let class = if *numeric { "n" } else { "k" };
            html.push_str(&format!("<td class=\"{class}\">{cell}</td>"));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
    html
}
