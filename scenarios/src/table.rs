//! Tables for a terminal.

use std::collections::BTreeSet;

/// Columns of a terminal.
pub(crate) const WIDTH: usize = 80;

/// Words of a path that are enough to know it by, if they are not those of another.
const WORDS: usize = 3;

/// A table: each column as wide as its widest cell.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cell = |(cell, width): (&String, &usize)| format!("{cell:<width$}");
        let cells: Vec<String> = row.iter().zip(&widths).map(cell).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The same where it fits a terminal; else the first cell of each row on a line of its own, and
/// the others below it.
pub(crate) fn fitted(rows: &[Vec<String>]) -> String {
    let table = aligned(rows);
    if fits(&table) {
        return table;
    }
    let behind: Vec<Vec<String>> = rows.iter().map(|row| row[1..].to_vec()).collect();
    let behind = aligned(&behind);
    let pair = |(row, rest): (&Vec<String>, &str)| {
        let first = wrapped(&row[0], "  ");
        match rest.trim_end() {
            "" => first,
            rest => format!("{first}\n{}", wrapped(&format!("  {rest}"), "    ")),
        }
    };
    rows.iter().zip(behind.lines()).map(pair).collect::<Vec<_>>().join("\n")
}

/// Whether no line is wider than a terminal.
pub(crate) fn fits(text: &str) -> bool {
    text.lines().all(|line| line.chars().count() <= WIDTH)
}

/// A line as several that fit, the further ones behind `indent`: broken where a column or a word
/// ends, or a word of a path.
pub(crate) fn wrapped(line: &str, indent: &str) -> String {
    let mut lines = Vec::new();
    let mut rest: Vec<char> = line.chars().collect();
    while rest.len() > WIDTH {
        let least = indent.len() + 1;
        let breaks = |at: &usize| rest[*at - 1] == ' ' || "=.,/".contains(rest[*at - 1]);
        let words = (least..=WIDTH).rev().find(|at| rest[*at - 1] == ' ');
        let at = words.or_else(|| (least..=WIDTH).rev().find(breaks)).unwrap_or(WIDTH);
        lines.push(rest[..at].iter().collect::<String>().trim_end().to_owned());
        let left: String = rest[at..].iter().collect();
        rest = format!("{indent}{}", left.trim_start()).chars().collect();
    }
    lines.push(rest.into_iter().collect());
    lines.join("\n")
}

/// Paths by their last words: three, and as many more as it takes to tell them apart.
pub(crate) fn short(paths: &[&str]) -> Vec<String> {
    let last = |path: &str, count: usize| {
        let words: Vec<&str> = path.split('.').collect();
        words[words.len().saturating_sub(count)..].join(".")
    };
    let different: BTreeSet<&&str> = paths.iter().collect();
    let most = paths.iter().map(|path| path.split('.').count()).max().unwrap_or(WORDS);
    let enough = (WORDS..=most).find(|count| {
        let short: BTreeSet<String> = paths.iter().map(|path| last(path, *count)).collect();
        short.len() == different.len()
    });
    paths.iter().map(|path| last(path, enough.unwrap_or(most))).collect()
}

/// A line for each path that is told shorter: what it is.
pub(crate) fn legend(paths: &[&str], short: &[String]) -> String {
    let told = paths.iter().zip(short).filter(|(path, short)| path != short);
    told.map(|(path, short)| wrapped(&format!("{short}: {path}"), "  ") + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(all: &[&[&str]]) -> Vec<Vec<String>> {
        all.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn paths_are_told_by_words_that_no_other_ends_with() {
        let [cache, one, other] = [
            "system.segment_store.pravegaservice.cache.size.max",
            "system.a.x.size.max",
            "system.b.x.size.max",
        ];
        assert_eq!(short(&[cache, "traffic.rate"]), ["cache.size.max", "traffic.rate"]);
        assert_eq!(short(&[one, other]), ["a.x.size.max", "b.x.size.max"]);
        assert_eq!(short(&[cache, cache]), ["cache.size.max", "cache.size.max"]);
        let told = legend(&[cache, "traffic.rate"], &short(&[cache, "traffic.rate"]));
        assert_eq!(told, format!("cache.size.max: {cache}\n"));
    }

    #[test]
    fn what_does_not_fit_is_told_below_its_name() {
        let narrow = rows(&[&["a", "b"], &["cc", "d"]]);
        assert_eq!(fitted(&narrow), aligned(&narrow));
        let long = format!("{}={}", "word.".repeat(30), 1);
        let wide = rows(&[&["name", "x", "y"], &[&long, "1 ms", "2 ms"]]);
        let text = fitted(&wide);
        assert!(fits(&text), "{text}");
        assert!(text.ends_with("1 ms  2 ms"), "{text}");
        assert_eq!(text.replace(['\n', ' '], ""), format!("namexy{long}1ms2ms"));
    }
}
