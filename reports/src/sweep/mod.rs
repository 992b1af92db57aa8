//! A sweep as a page and as Markdown: one scenario in many variants over many seeds.
//!
//! What is shown is given as plain figures: whoever ran the sweep has read them off the Outcomes.

mod knee;
mod markdown;
mod page;

pub use knee::knee;

use crate::chart::Unit;
use crate::text as show;

/// A sweep that is to be shown.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    /// The scenario's name.
    pub scenario: String,
    /// Version of headwater that ran it.
    pub version: String,
    /// The command line that runs it again.
    pub reproduce: String,
    /// What varies; the variants are the product, the last axis varying fastest.
    pub axes: Vec<Axis>,
    /// Seeds of each variant.
    pub seeds: u64,
    /// The figures that were kept.
    pub figures: Vec<Figure>,
    /// The variants; the first is the one that the others are compared with.
    pub variants: Vec<Variant>,
    /// It was stopped before every run was done.
    pub interrupted: bool,
}

/// A setting and the values that it takes.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    /// The setting, such as `system.segments`.
    pub path: String,
    /// Its values.
    pub values: Vec<String>,
}

/// A figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Its name, such as `response.p99`.
    pub name: String,
    /// What it counts.
    pub quantity: Quantity,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Nanoseconds.
    Time,
    /// Events per second.
    Rate,
    /// A share of one.
    Share,
    /// A number.
    Count,
    /// Events that something went wrong with: few seeds have any.
    Ills,
}

/// A variant over all seeds.
#[derive(Clone, Debug, Default)]
pub struct Variant {
    /// The value of each axis.
    pub values: Vec<String>,
    /// Runs that did what the scenario expects, of how many.
    pub passed: (usize, usize),
    /// One for each figure; absent where no run has it.
    pub cells: Vec<Option<Cell>>,
    /// The line that runs the first seed again that did not pass.
    pub failed: Option<String>,
}

/// A figure of a variant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// The mean over the seeds; of ills the median.
    pub value: f64,
    /// The 95 % confidence interval of the mean; of ills the least and the greatest. Absent of one
    /// seed.
    pub interval: Option<(f64, f64)>,
    /// Seeds that have any, of ills.
    pub hit: Option<(usize, usize)>,
    /// The difference with the first variant, paired by seed: mean and half the interval; absent of
    /// the first, and of ills.
    pub difference: Option<(f64, Option<f64>)>,
}

impl Cell {
    /// Whether the difference could be chance: the interval has zero in it.
    fn indistinct(&self) -> bool {
        self.difference.is_some_and(|(mean, half)| half.is_some_and(|half| mean.abs() <= half))
    }
}

impl Quantity {
    const fn unit(self) -> Unit {
        match self {
            Self::Time => Unit::Nanoseconds,
            Self::Rate => Unit::PerSecond,
            Self::Share => Unit::Share,
            Self::Count => Unit::Plain,
            Self::Ills => Unit::Events,
        }
    }

    /// A value with its unit.
    fn show(self, value: f64) -> String {
        self.unit().show(value)
    }

    /// A cell in words: `4.5 ms ± 0.2 ms`, or `2 of 5 seeds: 3 (0 .. 17)`.
    fn told(self, cell: &Cell) -> String {
        match (cell.hit, cell.interval) {
            (Some((0, _)), _) => "0".to_owned(),
            (Some(_), None) => show::count(cell.value as u64),
            (Some((hit, of)), Some((least, greatest))) => {
                let [median, least, greatest] =
                    [cell.value, least, greatest].map(|value| show::count(value as u64));
                format!("{hit} of {of} seeds: {median} ({least} .. {greatest})")
            }
            (None, None) => self.show(cell.value),
            (None, Some((_, high))) => {
                format!("{} ± {}", self.show(cell.value), self.show(high - cell.value))
            }
        }
    }

    /// The difference in words; `=` before what could be chance.
    fn against(self, cell: &Cell) -> Option<String> {
        let (mean, half) = cell.difference?;
        let sign = if mean < 0.0 { "-" } else { "+" };
        let half = half.map(|half| format!(" ± {}", self.show(half))).unwrap_or_default();
        let equal = if cell.indistinct() { "= " } else { "" };
        Some(format!("{equal}{sign}{}{half}", self.show(mean.abs())))
    }
}

impl Variant {
    /// Its values: `0, 4`.
    fn label(&self) -> String {
        match self.values.is_empty() {
            true => "as written".to_owned(),
            false => self.values.join(", "),
        }
    }
}

/// Whether the least and the greatest of them differ by more than chance.
fn differ(cells: &[&Cell]) -> bool {
    let by_value = |left: &&&Cell, right: &&&Cell| left.value.total_cmp(&right.value);
    let (least, greatest) = (cells.iter().min_by(by_value), cells.iter().max_by(by_value));
    let intervals =
        least.zip(greatest).map(|(least, greatest)| (least.interval, greatest.interval));
    match intervals {
        Some((Some((_, high)), Some((low, _)))) => high < low,
        Some(_) => true,
        None => false,
    }
}

/// Where the values of an axis lie, and whether by their size: numbers with one unit that rise do,
/// by powers of ten if they span much; anything else is one after the other.
fn places(values: &[String]) -> (Vec<f64>, bool) {
    let one_by_one = || ((0..values.len()).map(|index| index as f64).collect(), false);
    let mut numbers = Vec::new();
    let mut units = Vec::new();
    for value in values {
        let end = value.find(|c: char| !(c.is_ascii_digit() || ".-".contains(c)));
        let (number, unit) = value.split_at(end.unwrap_or(value.len()));
        let Ok(number) = number.parse::<f64>() else { return one_by_one() };
        numbers.push(number);
        units.push(unit);
    }
    let same = units.windows(2).all(|pair| pair[0] == pair[1]);
    let rising = numbers.windows(2).all(|pair| pair[0] < pair[1]);
    if !same || !rising || numbers.len() < 2 {
        return one_by_one();
    }
    let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
    if first > 0.0 && last / first >= 8.0 {
        return (numbers.into_iter().map(libm::log10).collect(), true);
    }
    (numbers, true)
}

impl Sweep {
    /// As one self-contained HTML file.
    pub fn to_html(&self) -> String {
        page::html(self)
    }

    /// As Markdown, for a pull request.
    pub fn to_markdown(&self) -> String {
        markdown::markdown(self)
    }

    /// The axes by name.
    fn varied(&self) -> String {
        self.axes.iter().map(|axis| axis.path.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The lines of a figure: one for each combination of the axes but the first, each with its
    /// variants in the order of the first axis.
    fn lines(&self) -> Vec<(String, Vec<&Variant>)> {
        let mut lines: Vec<(String, Vec<&Variant>)> = Vec::new();
        for variant in &self.variants {
            let rest = variant.values.get(1..).unwrap_or_default().join(", ");
            match lines.iter_mut().find(|(name, _)| *name == rest) {
                Some((_, variants)) => variants.push(variant),
                None => lines.push((rest, vec![variant])),
            }
        }
        lines
    }

    /// Whether a figure counts ills that no run has.
    fn nothing(&self, figure: usize) -> bool {
        let cells = self.variants.iter().map(|variant| variant.cells[figure].as_ref());
        cells.flatten().all(|cell| cell.hit.is_some_and(|(hit, _)| hit == 0))
    }

    /// The knees of a figure: the line's name, the value of the first axis, and where that lies.
    fn knees(&self, figure: usize) -> Vec<(String, String, f64)> {
        let Some(axis) = self.axes.first() else { return vec![] };
        let (places, by_size) = places(&axis.values);
        if !by_size || self.figures[figure].quantity == Quantity::Ills {
            return vec![];
        }
        let of_line = |(name, variants): (String, Vec<&Variant>)| {
            let cells: Vec<&Cell> =
                variants.iter().map(|it| it.cells[figure].as_ref()).collect::<Option<_>>()?;
            if cells.len() != places.len() || !differ(&cells) {
                return None;
            }
            let values = cells.iter().map(|cell| cell.value);
            let points: Vec<(f64, f64)> = places.iter().copied().zip(values).collect();
            let at = knee(&points)?;
            Some((name, axis.values[at].clone(), places[at]))
        };
        self.lines().into_iter().filter_map(of_line).collect()
    }

    /// The knees in words, a line each.
    fn knees_told(&self) -> Vec<String> {
        let Some(axis) = self.axes.first() else { return vec![] };
        let told = |(figure, of): (usize, &Figure)| {
            let told = |(line, value, _): (String, String, f64)| {
                let others: Vec<&str> = self.axes[1..].iter().map(|it| it.path.as_str()).collect();
                let with = match line.is_empty() {
                    true => String::new(),
                    false => format!(" ({} = {line})", others.join(", ")),
                };
                format!("knee of {}: {} = {value}{with}", of.name, axis.path)
            };
            self.knees(figure).into_iter().map(told).collect::<Vec<_>>()
        };
        self.figures.iter().enumerate().flat_map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn values_lie_by_their_size_where_they_have_one() {
        assert_eq!(places(&words(&["1", "2", "4"])), (vec![1.0, 2.0, 4.0], true));
        assert_eq!(places(&words(&["10ms", "100ms", "1000ms"])), (vec![1.0, 2.0, 3.0], true));
        for values in [&["5ms", "1s"], &["a", "b"], &["4", "1"]] {
            assert_eq!(places(&words(values)), (vec![0.0, 1.0], false), "{values:?}");
        }
    }
}
