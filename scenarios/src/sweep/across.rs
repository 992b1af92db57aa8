//! A sweep as a table of two directions: the values of one path side by side, what else varies in
//! lines.

use super::{ILLS, Sweep, Variant, show};
use crate::table::aligned;

/// How cells are to be read that count what went wrong.
const OF_ILLS: &str = "k/n: k of n seeds have any; median of all (least..greatest)";

impl Sweep {
    /// A table for each figure, with the values of a path side by side.
    pub(super) fn crosswise(&self, path: &str) -> String {
        let tables = self.metrics.iter().map(|metric| {
            let table = aligned(&self.cross(path, metric));
            let lines: Vec<&str> = table.lines().map(str::trim_end).collect();
            format!("{metric}, by {path}\n{}\n", lines.join("\n"))
        });
        let mut text = tables.collect::<Vec<_>>().join("\n") + "\n";
        let ill = |metric: &String| ILLS.contains(&metric.as_str());
        let (ills, others) = (self.metrics.iter().any(ill), !self.metrics.iter().all(ill));
        let seeds = self.variants.first().map_or(0, |variant| variant.points.len());
        if ills && seeds > 1 {
            text += &format!("{OF_ILLS}\n");
        }
        text + &match seeds {
            1 => "one seed: no intervals (--seeds N)\n".to_owned(),
            seeds if others => format!("{seeds} seeds; ± 95 % confidence (Student's t)\n"),
            seeds => format!("{seeds} seeds\n"),
        }
    }

    /// Its lines: the names, and then a line for each combination of the other paths.
    fn cross(&self, path: &str, metric: &str) -> Vec<Vec<String>> {
        let settings = |variant: &Variant| -> (Vec<String>, String) {
            let value = |is: bool| {
                let own = variant.settings.iter().filter(move |(of, _)| (of == path) == is);
                own.map(|(_, value)| value.clone())
            };
            (value(false).collect(), value(true).collect())
        };
        let (mut columns, mut lines): (Vec<String>, Vec<Vec<String>>) = Default::default();
        for (others, value) in self.variants.iter().map(settings) {
            if !columns.contains(&value) {
                columns.push(value);
            }
            if !lines.contains(&others) {
                lines.push(others);
            }
        }
        let cell = |others: &Vec<String>, value: &String| {
            let same = |of: &&Variant| settings(of) == (others.clone(), value.clone());
            self.variants.iter().find(same).map_or("-".to_owned(), |of| of.short_cell(metric))
        };
        let line = |others: &Vec<String>| {
            let cells = columns.iter().map(|value| cell(others, value));
            others.iter().cloned().chain(cells).collect::<Vec<_>>()
        };
        let body: Vec<Vec<String>> = lines.iter().map(line).collect();
        let paths = self.variants.first().into_iter().flat_map(|variant| &variant.settings);
        let others = paths.map(|(of, _)| of.as_str()).filter(|of| *of != path).collect();
        let names = without_what_all_have(others).into_iter().chain(columns);
        let widest = |at: usize| body.iter().map(|line| line[at].chars().count()).max();
        let stacked: Vec<Vec<String>> =
            names.enumerate().map(|(at, name)| stacked(&name, widest(at).unwrap_or(0))).collect();
        let high = stacked.iter().map(Vec::len).max().unwrap_or(0);
        let header = (0..high).map(|row| {
            let word = |name: &Vec<String>| {
                let from = high - name.len();
                row.checked_sub(from).map_or(String::new(), |at| name[at].clone())
            };
            stacked.iter().map(word).collect::<Vec<_>>()
        });
        header.chain(body.iter().cloned()).collect()
    }
}

impl Variant {
    /// A figure over the seeds, in few characters.
    fn short_cell(&self, metric: &str) -> String {
        if !ILLS.contains(&metric) {
            return show(metric, self.estimates.get(metric), false);
        }
        let values = self.ills(metric);
        let hit = values.iter().filter(|value| **value > 0).count();
        match (values.as_slice(), hit) {
            ([], _) => "-".into(),
            (_, 0) => "0".into(),
            ([one], _) => one.to_string(),
            ([least, .., greatest], hit) => {
                let (count, median) = (values.len(), values[values.len() / 2]);
                format!("{hit}/{count} {median} ({least}..{greatest})")
            }
        }
    }
}

/// Paths without the word that all of them begin with.
fn without_what_all_have(paths: Vec<&str>) -> Vec<String> {
    let first = paths.first().and_then(|path| path.split_once('.')).map(|(word, _)| word);
    let rest = |path: &&str| match path.split_once('.') {
        Some((word, rest)) if Some(word) == first => Some(rest.to_owned()),
        _ => None,
    };
    let shorter: Option<Vec<String>> = paths.iter().map(rest).collect();
    shorter.unwrap_or_else(|| paths.iter().map(|path| (*path).to_owned()).collect())
}

/// A path in as many lines as it takes to be no wider than what is below it, or than its longest
/// word.
fn stacked(path: &str, below: usize) -> Vec<String> {
    let words: Vec<&str> = path.split_inclusive('.').collect();
    let longest = words.iter().map(|word| word.chars().count()).max().unwrap_or(0);
    let mut lines = vec![String::new()];
    for word in words {
        let last = lines.last_mut().expect("there is one");
        match last.is_empty() || last.chars().count() + word.chars().count() <= longest.max(below) {
            true => last.push_str(word),
            false => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Point;
    use super::*;

    /// A sweep of what was lost, over these variants.
    fn of_lost(all: &[(&str, &str, &str, &[f64])]) -> Sweep {
        let point = |(seed, lost): (u64, &f64)| Point {
            seed,
            fingerprint: String::new(),
            traffic: String::new(),
            ok: true,
            figures: [("lost".to_owned(), *lost)].into(),
            reproduce: String::new(),
        };
        let variant = |(acks, factor, target, lost): &(&str, &str, &str, &[f64])| Variant {
            settings: vec![
                ("system.producer.acks".into(), (*acks).into()),
                ("fault.0.target".into(), (*target).into()),
                ("system.replication.factor".into(), (*factor).into()),
            ],
            estimates: BTreeMap::new(),
            differences: BTreeMap::new(),
            points: (1..).zip(*lost).map(point).collect(),
        };
        Sweep {
            metrics: vec!["lost".to_owned()],
            variants: all.iter().map(variant).collect(),
            across: Some("fault.0.target".to_owned()),
            schema: String::new(),
            scenario: String::new(),
            reproduce: String::new(),
            version: String::new(),
            shards: Vec::new(),
            interrupted: false,
        }
    }

    #[test]
    fn the_values_of_a_path_stand_side_by_side() {
        let sweep = of_lost(&[
            ("0", "1", "leader", &[7.0, 0.0, 9.0]),
            ("0", "1", "brokers", &[70.0, 80.0, 90.0]),
            ("all", "3", "leader", &[0.0, 0.0, 0.0]),
        ]);
        let wanted = "\
lost, by fault.0.target
producer.  replication.
acks       factor        leader        brokers
0          1             2/3 7 (0..9)  3/3 80 (70..90)
all        3             0             -

k/n: k of n seeds have any; median of all (least..greatest)
3 seeds
";
        assert_eq!(sweep.table(), wanted);
    }

    #[test]
    fn what_is_too_wide_for_a_terminal_is_told_in_lines() {
        const ONE: &[f64] = &[1.0, 1.0];
        let many: Vec<String> = (0..20).map(|number| format!("broker-{number}")).collect();
        let all = many.iter().map(|target| ("0", "1", target.as_str(), ONE));
        let table = of_lost(&all.collect::<Vec<_>>()).table();
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
        assert!(table.contains("2 of 2 seeds: 1 (1 .. 1)"), "{table}");
    }
}
