//! How long it took after a fault until everything was as before: until writers waited for no more
//! than they had, and until readers had caught up.

use crate::outcome::Outcome;
use crate::series::Series;

/// How long a level has to stay down, nanoseconds.
const CALM_NS: u64 = 1_000_000_000;

/// A level of so much traffic is none, seconds.
const NONE: f64 = 0.05;

/// Nanoseconds from the first fault until the backlog was what it had been before, and stayed so
/// for a second; zero if it never grew, and nothing if it did not come down, or there was no fault.
pub fn recovery_ns(run: &Outcome) -> Option<u64> {
    until_down(run, &run.series.backlog, &run.series.offered, began(run)?)
}

/// The same from the end of the last fault: nothing if one does not end.
pub fn aftermath_ns(run: &Outcome) -> Option<u64> {
    let ends = run.faults.iter().map(|fault| fault.until_ns);
    let over = ends.collect::<Option<Vec<u64>>>()?.into_iter().max()?;
    let lasts = over / run.series.interval_ns.max(1) < run.series.backlog.len() as u64;
    lasts.then(|| until_down(run, &run.series.backlog, &run.series.offered, over)).flatten()
}

/// The same of readers: until they were as close behind what is acknowledged as before.
pub fn catch_up_ns(run: &Outcome) -> Option<u64> {
    let reads = run.series.consumed.iter().any(|consumed| *consumed > 0);
    reads.then(|| until_down(run, &behind(&run.series), &run.series.acked, began(run)?)).flatten()
}

/// When the first fault began.
fn began(run: &Outcome) -> Option<u64> {
    run.faults.iter().map(|fault| fault.from_ns).min()
}

/// Nanoseconds from `since` until levels are what they were before the first fault.
fn until_down(run: &Outcome, levels: &[u64], traffic: &[u64], since: u64) -> Option<u64> {
    let (interval, began) = (run.series.interval_ns.max(1), began(run)?);
    let index = |ns: u64| ((ns / interval) as usize).min(levels.len());
    let (start, fault) = (index(run.window.from_ns), index(began));
    let before = levels[start.min(fault)..fault].iter().copied().max().unwrap_or(0);
    let due: u64 = traffic[start.min(fault)..fault].iter().sum();
    let rate = due as f64 / (fault.saturating_sub(start).max(1) as u64 * interval) as f64 * 1e9;
    let bound = (before * 2).max((rate * NONE) as u64);
    let from = index(since);
    let after = &levels[from..];
    let Some(grew) = after.iter().position(|level| *level > bound) else { return Some(0) };
    let calm = (CALM_NS / interval).max(1) as usize;
    let mut down = 0;
    for (at, level) in after.iter().enumerate().skip(grew) {
        down = if *level > bound { 0 } else { down + 1 };
        if down == calm || (down > 0 && at + 1 == after.len()) {
            let end = (from + at + 1 - down + 1) as u64 * interval;
            return Some(end.saturating_sub(since));
        }
    }
    None
}

/// Events by which readers are behind what is acknowledged, by interval; where each event is read
/// several times, in the mean over those.
pub(crate) fn behind(series: &Series) -> Vec<u64> {
    let sum = |all: &[u64]| all.iter().sum::<u64>();
    let (acked, consumed) = (sum(&series.acked), sum(&series.consumed));
    let times = ((consumed + acked / 2) / acked.max(1)).max(1);
    let mut behind = 0_i128;
    let both = series.acked.iter().zip(&series.consumed);
    let after = both.map(|(acked, consumed)| {
        behind += i128::from(acked * times) - i128::from(*consumed);
        behind.max(0) as u64 / times
    });
    after.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{self, Source, Window};

    const MS: u64 = 1_000_000;

    /// A run of 10 s in intervals of 100 ms, with 100 events due in each, and a fault at 3.03 s.
    fn run() -> Outcome {
        let mut run = Outcome::empty(outcome::Scenario::default(), Source::Simulated, 1);
        run.window = Window { from_ns: 1_000 * MS, until_ns: 10_000 * MS };
        run.series.interval_ns = 100 * MS;
        (run.series.offered, run.series.acked) = (vec![100; 100], vec![100; 100]);
        (run.series.consumed, run.series.backlog) = (vec![100; 100], vec![3; 100]);
        run.faults.push(outcome::Fault { from_ns: 3_030 * MS, ..outcome::Fault::default() });
        run
    }

    #[test]
    fn recovery_is_from_the_fault_until_the_backlog_stays_down() {
        let mut run = run();
        assert_eq!(recovery_ns(&run), Some(0), "nothing was felt");
        run.series.backlog[31..45].fill(800);
        // It comes down for half a second in between.
        run.series.backlog[50..55].fill(300);
        assert_eq!(recovery_ns(&run), Some((5_600 - 3_030) * MS));
        run.series.backlog[31..].fill(800);
        assert_eq!(recovery_ns(&run), None);
        run.faults.clear();
        assert_eq!(recovery_ns(&run), None);
    }

    #[test]
    fn the_aftermath_is_from_the_end_of_the_fault_until_the_backlog_stays_down() {
        let mut run = run();
        assert_eq!(aftermath_ns(&run), None, "it does not end");
        run.faults[0].until_ns = Some(6_010 * MS);
        assert_eq!(aftermath_ns(&run), Some(0), "nothing was felt");
        // What happened while it lasted is over.
        run.series.backlog[31..45].fill(800);
        assert_eq!(aftermath_ns(&run), Some(0));
        run.series.backlog[50..75].fill(800);
        assert_eq!(aftermath_ns(&run), Some((7_600 - 6_010) * MS));
        run.series.backlog[50..].fill(800);
        assert_eq!(aftermath_ns(&run), None, "it stays up");
        run.faults[0].until_ns = Some(10_000 * MS);
        assert_eq!(aftermath_ns(&run), None, "it is not over");
    }

    #[test]
    fn readers_have_caught_up_when_they_were_handed_what_they_had_missed() {
        let mut run = run();
        assert_eq!(catch_up_ns(&run), Some(0));
        run.series.consumed[31..51].fill(0);
        run.series.consumed[51..71].fill(200);
        assert_eq!(catch_up_ns(&run), Some((7_100 - 3_030) * MS));
        // Two groups of which one is hit.
        run.series.consumed = vec![200; 100];
        run.series.consumed[31..51].fill(100);
        run.series.consumed[51..71].fill(300);
        assert_eq!(catch_up_ns(&run), Some((7_000 - 3_030) * MS));
        run.series.consumed.fill(0);
        assert_eq!(catch_up_ns(&run), None, "nobody reads");
    }
}
