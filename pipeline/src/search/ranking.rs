//! Which of the candidates an answer has, and in which order.

use super::database::Row;
use super::words;

/// A tweet of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The tweet.
    pub row: Row,
    /// Words of the query that it has.
    pub matched: usize,
    /// How near its text is to the query, by their vectors: 1 for the same words.
    pub near: f32,
}

/// The `k` best of `rows` for `query`: those with more of its words, then the nearer, then the
/// later, then the one of the lower number. What has none of its words is left out.
pub fn ranked(query: &str, rows: Vec<(Row, f32)>, k: usize) -> Vec<Hit> {
    let asked = words::different(query);
    let hit = |(row, near): (Row, f32)| {
        let has = words::different(&row.text);
        let matched = asked.iter().filter(|word| has.binary_search(word).is_ok()).count();
        (matched > 0).then_some(Hit { row, matched, near })
    };
    let mut hits: Vec<Hit> = rows.into_iter().filter_map(hit).collect();
    hits.sort_by(|a, b| {
        b.matched
            .cmp(&a.matched)
            .then_with(|| b.near.total_cmp(&a.near))
            .then_with(|| b.row.at.cmp(&a.row.at))
            .then_with(|| a.row.id.cmp(&b.row.id))
    });
    hits.truncate(k);
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u64, at: u64, text: &str) -> Row {
        Row { id, at, text: text.into(), ..Row::default() }
    }

    #[test]
    fn more_words_come_first_then_nearer_then_later_then_lower_numbers() {
        let rows = vec![
            (row(1, 10, "green tea"), 0.5),
            (row(2, 10, "tea"), 0.9),
            (row(3, 30, "Tea!"), 0.9),
            (row(4, 10, "coffee"), 0.99),
            (row(6, 30, "#tea"), 0.9),
            (row(5, 30, "tea"), 0.9),
            (row(7, 10, "tea for two, green"), 0.6),
        ];
        let order: Vec<u64> =
            ranked("Green TEA", rows.clone(), 10).iter().map(|hit| hit.row.id).collect();
        assert_eq!(order, [7, 1, 3, 5, 6, 2], "coffee has no word of it");
        assert_eq!(ranked("green tea", rows, 1)[0].matched, 2);
    }
}
