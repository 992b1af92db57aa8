//! GitHub's Markdown: tables, and text that stays text.

/// Text without what Markdown or HTML would take for its own.
pub fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '*' | '_' | '`' | '[' | ']' | '#' | '~' | '\\' => safe.extend(['\\', character]),
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '\n' | '\r' => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}

/// Text as code, which a cell of a table may hold; a backtick in it becomes a straight quote.
pub fn code(text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => format!("`{}`", text.replace('`', "'").replace('|', "\\|").replace('\n', " ")),
    }
}

/// A table; a header that begins with `#` is of numbers. Nothing without rows.
pub fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let label = |header: &&str| header.strip_prefix('#').unwrap_or(header).to_owned();
    let labels: Vec<String> = headers.iter().map(|header| label(&&**header)).collect();
    let mut text = line(labels.iter().map(String::as_str).collect());
    let rule = |header: &&str| if header.starts_with('#') { "---:" } else { "---" };
    text += &line(headers.iter().map(rule).collect());
    for row in rows {
        text += &line(row.iter().map(String::as_str).collect());
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text_in_a_table() {
        assert_eq!(plain("a|b <c> no_loss #1"), "a\\|b &lt;c> no\\_loss \\#1");
        assert_eq!(code("x|y`z"), "`x\\|y'z`");
        let rows = [vec!["a".to_owned(), "1".to_owned()]];
        assert_eq!(table(&["", "#n"], &rows), "|  | n |\n| --- | ---: |\n| a | 1 |\n\n");
        assert_eq!(table(&["x"], &[]), "");
    }
}
