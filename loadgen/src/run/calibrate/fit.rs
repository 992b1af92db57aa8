//! From CPU times to costs: least squares without negative costs, intervals by resampling, and
//! which costs the cases can't tell apart.

use rand::Rng;

use headwater_sim::random::{Seed, Stream};

/// CPU time of a kind of thread in an interval of a case, and how often each cost is in it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// Which case, and which kind of thread; intervals are resampled within them.
    pub(super) case: usize,
    /// See above.
    pub(super) kind: usize,
    /// When the interval began, nanoseconds on the machine's monotonic clock.
    pub(super) at: u64,
    /// How long it is, seconds.
    pub(super) seconds: f64,
    /// How often each of the constants.
    pub(super) times: Vec<f64>,
    /// Nanoseconds.
    pub(super) cpu_ns: f64,
    /// Mean of the case's, which errors are in proportion to.
    pub(super) typical_ns: f64,
}

/// What was found of a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    /// Which constant.
    pub(super) at: usize,
    /// Nanoseconds each, or KiB.
    pub(super) cost: f64,
    /// From the 5th to the 95th percentile over the resampled intervals.
    pub(super) interval: [f64; 2],
    /// How much wider its interval is than if the others were known; the other that it is told
    /// apart from worst.
    pub(super) inflation: f64,
    /// See above.
    pub(super) with: Option<usize>,
}

/// Rows that follow each other, put together: of a second where they are of a tenth. How many
/// requests come in a tenth of a second is chance, and how often a thread then wakes on cold caches
/// is known of the case alone; and rows that share a stretch of the cores' pace are not as many as
/// they seem.
pub(super) fn together(rows: &[Row]) -> Vec<Row> {
    let mut all: Vec<Row> = Vec::new();
    for row in rows {
        let end = |of: &Row| of.at + (of.seconds * 1e9).round() as u64;
        let last = all.last_mut().filter(|last| {
            let same = (last.case, last.kind) == (row.case, row.kind);
            same && end(last) == row.at && last.seconds < 1.0 - row.seconds / 2.0
        });
        let Some(last) = last else {
            all.push(row.clone());
            continue;
        };
        last.seconds += row.seconds;
        last.cpu_ns += row.cpu_ns;
        last.typical_ns += row.typical_ns;
        last.times.iter_mut().zip(&row.times).for_each(|(all, one)| *all += one);
    }
    all
}

/// Resamples.
const RESAMPLES: usize = 200;

/// A cost whose interval is so many times as wide as if the others were known is not told apart.
pub(super) const APART_MAX: f64 = 5.0;

/// Fits `constants` costs to rows.
pub(super) fn fit(rows: &[Row], constants: usize) -> Vec<Found> {
    let mut stream = Seed(1).stream("calibrate", 0);
    let all: Vec<&Row> = rows.iter().collect();
    let best = solve(&normal(&all, constants));
    let mut resampled = vec![Vec::with_capacity(RESAMPLES); constants];
    for _ in 0..RESAMPLES {
        let costs = solve(&normal(&resample(rows, &mut stream), constants));
        resampled.iter_mut().zip(costs).for_each(|(of, cost)| of.push(cost));
    }
    let inflations = inflations(&normal(&all, constants).0);
    let found = |(at, cost): (usize, f64)| {
        let of = &mut resampled[at];
        of.sort_by(f64::total_cmp);
        let interval = [of[RESAMPLES / 20], of[RESAMPLES - 1 - RESAMPLES / 20]];
        let (inflation, with) = inflations[at];
        Found { at, cost, interval, inflation, with }
    };
    best.into_iter().enumerate().map(found).collect()
}

/// As many rows of each case and kind of thread as there are, drawn with replacement.
fn resample<'a>(rows: &'a [Row], stream: &mut Stream) -> Vec<&'a Row> {
    let mut drawn = Vec::with_capacity(rows.len());
    for row in rows {
        let same = |other: &&Row| (other.case, other.kind) == (row.case, row.kind);
        let like: Vec<&Row> = rows.iter().filter(same).collect();
        drawn.push(like[stream.random_range(0..like.len())]);
    }
    drawn
}

/// The normal equations of rows, each in proportion to what is typical of its case.
fn normal(rows: &[&Row], constants: usize) -> (Vec<Vec<f64>>, Vec<f64>) {
    let (mut matrix, mut right) = (vec![vec![0.0; constants]; constants], vec![0.0; constants]);
    for row in rows {
        let weight = 1.0 / row.typical_ns.max(1.0).powi(2);
        for (left, times) in row.times.iter().enumerate() {
            right[left] += weight * times * row.cpu_ns;
            for (other, also) in row.times.iter().enumerate() {
                matrix[left][other] += weight * times * also;
            }
        }
    }
    (matrix, right)
}

/// The costs, none of them negative, that leave the least: coordinate by coordinate.
fn solve((matrix, right): &(Vec<Vec<f64>>, Vec<f64>)) -> Vec<f64> {
    let mut costs = vec![0.0_f64; right.len()];
    for _ in 0..SWEEPS {
        let mut moved = 0.0_f64;
        for at in 0..costs.len() {
            let own = matrix[at][at];
            if own <= 0.0 {
                continue;
            }
            let others: f64 = matrix[at].iter().zip(&costs).map(|(of, cost)| of * cost).sum();
            let next = ((right[at] - others) / own + costs[at]).max(0.0);
            moved = moved.max((next - costs[at]).abs() / next.max(1.0));
            costs[at] = next;
        }
        if moved < 1e-9 {
            break;
        }
    }
    costs
}

/// Sweeps over the costs at the most.
const SWEEPS: usize = 200_000;

/// Square roots of the variance inflation factors of each constant, and which other one it goes
/// with most.
fn inflations(matrix: &[Vec<f64>]) -> Vec<(f64, Option<usize>)> {
    let count = matrix.len();
    let scale: Vec<f64> = (0..count).map(|at| matrix[at][at].sqrt()).collect();
    let together = |left: usize, right: usize| matrix[left][right] / (scale[left] * scale[right]);
    (0..count)
        .map(|at| {
            if scale[at] == 0.0 {
                return (f64::INFINITY, None);
            }
            let others: Vec<usize> =
                (0..count).filter(|other| *other != at && scale[*other] > 0.0).collect();
            let of: Vec<Vec<f64>> = others
                .iter()
                .map(|left| others.iter().map(|right| together(*left, *right)).collect())
                .collect();
            let with: Vec<f64> = others.iter().map(|other| together(at, *other)).collect();
            let explained: f64 =
                gauss(of, with.clone()).iter().zip(&with).map(|(of, with)| of * with).sum();
            let most = others.iter().zip(&with).max_by(|left, right| left.1.total_cmp(right.1));
            let most = most.filter(|(_, with)| **with > 0.5).map(|(other, _)| *other);
            ((1.0 / (1.0 - explained).max(1e-9)).sqrt(), most)
        })
        .collect()
}

/// Solves a system of equations by elimination with pivots.
fn gauss(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let count = right.len();
    for column in 0..count {
        let largest = (column..count)
            .max_by(|a, b| matrix[*a][column].abs().total_cmp(&matrix[*b][column].abs()));
        let Some(pivot) = largest.filter(|row| matrix[*row][column].abs() > 1e-12) else {
            continue;
        };
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in (0..count).filter(|row| *row != column).collect::<Vec<_>>() {
            let factor = matrix[row][column] / matrix[column][column];
            let by = matrix[column].clone();
            matrix[row].iter_mut().zip(by).for_each(|(of, by)| *of -= factor * by);
            right[row] -= factor * right[column];
        }
    }
    let of = |at: usize| match matrix[at][at] {
        pivot if pivot.abs() > 1e-12 => right[at] / pivot,
        _ => 0.0,
    };
    (0..count).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of cases with these features, of threads that take 50 us and 2 us each, give or take
    /// 5 %.
    fn rows(cases: &[[f64; 2]]) -> Vec<Row> {
        let noise = [0.95, 1.05, 1.0, 0.97, 1.03, 1.0];
        let row = |case: usize, noise: f64| {
            let times = cases[case].to_vec();
            let typical_ns = times[0] * 50_000.0 + times[1] * 2_000.0;
            Row {
                case,
                kind: 0,
                at: 0,
                seconds: 1.0,
                cpu_ns: typical_ns * noise,
                typical_ns,
                times,
            }
        };
        (0..cases.len()).flat_map(|case| noise.map(|noise| row(case, noise))).collect()
    }

    #[test]
    fn costs_are_found_with_intervals_around_them() {
        let found = fit(&rows(&[[1_000.0, 10.0], [100.0, 20_000.0]]), 2);
        for (of, right) in found.iter().zip([50_000.0, 2_000.0]) {
            assert!((of.cost - right).abs() < right * 0.02, "{found:?}");
            assert!(of.interval[0] < right && right < of.interval[1], "{found:?}");
            assert!(of.inflation < APART_MAX, "{found:?}");
        }
    }

    #[test]
    fn costs_that_always_come_together_are_not_told_apart() {
        let found = fit(&rows(&[[1_000.0, 1_000.0], [100.0, 101.0]]), 2);
        assert!(found.iter().all(|of| of.inflation > APART_MAX), "{found:?}");
        assert_eq!((found[0].with, found[1].with), (Some(1), Some(0)));
        let total = found[0].cost + found[1].cost;
        assert!((total - 52_000.0).abs() < 1_000.0, "their sum is: {found:?}");
    }

    #[test]
    fn rows_that_follow_each_other_are_put_together_by_the_second() {
        let row = |case, at: u64| Row {
            case,
            kind: 0,
            at: at * 100_000_000,
            seconds: 0.1,
            times: vec![12.0, 1.0],
            cpu_ns: 30.0,
            typical_ns: 40.0,
        };
        // Twelve tenths, a gap, and another case.
        let rows: Vec<Row> = (0..12).chain([20]).map(|at| row(0, at)).chain([row(1, 21)]).collect();
        let all = together(&rows);
        let seconds: Vec<f64> = all.iter().map(|row| (row.seconds * 10.0).round()).collect();
        assert_eq!(seconds, [10.0, 2.0, 1.0, 1.0]);
        assert!((all[0].cpu_ns - 300.0).abs() < 1e-6 && (all[0].typical_ns - 400.0).abs() < 1e-6);
        assert!((all[0].times[0] - 120.0).abs() < 1e-6 && all[3].case == 1);
    }

    #[test]
    fn no_cost_is_negative() {
        let row = |times: [f64; 2], cpu_ns| Row {
            case: 0,
            kind: 0,
            at: 0,
            seconds: 1.0,
            times: times.to_vec(),
            cpu_ns,
            typical_ns: cpu_ns,
        };
        let rows = [row([1.0, 0.0], 100.0), row([1.0, 1.0], 90.0)];
        let found = fit(&rows, 2);
        assert!((90.0..=100.0).contains(&found[0].cost) && found[1].cost == 0.0, "{found:?}");
    }
}
