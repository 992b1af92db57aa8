//! What a server's heap costs: garbage by request, and what a collection takes, by the logs of the
//! JVMs.

use headwater_scenarios::profile::Profile;
use serde::Serialize;

use super::fit::{Row, fit};
use super::{Collection, Measured};
use crate::systems::calibration::Calibration;

/// What collections of a young generation take, on the machine that the models' costs are stated
/// for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Costs {
    /// CPU time besides what survives, microseconds: the mean, and the shortest.
    pub(super) young_collection_us: u64,
    /// See above.
    pub(super) least_us: u64,
    /// CPU time for a KiB that survives, nanoseconds, where the model knows what does.
    pub(super) survivor_kib_ns: Option<u64>,
}

/// How many collections tell what a survivor costs, at the least.
const FITTED_MIN: usize = 6;

/// What collections took in the cases; those of the warm-up had other cores.
pub(super) fn costs(
    calibration: &Calibration,
    measured: &Measured,
    profile: &Profile,
) -> Option<Costs> {
    let in_cases = |of: &&Collection| measured.began.is_some_and(|began| of.at_ns >= began);
    // As many threads collect as there are cores, up to eight; the serial collector's one has one.
    let threads = measured.cores.clamp(1, 8) as f64;
    let slower = measured.slower_in(|_| true) * f64::from(profile.cpu_percent) / 100.0;
    let work = |of: &Collection| {
        let ns = of.length_ns as f64 * threads / slower;
        [of.copied_bytes as f64 / 1024.0, ns]
    };
    let all: Vec<[f64; 2]> = measured.collections.iter().filter(in_cases).map(work).collect();
    by(&all, calibration.kept > 0.0)
}

/// The costs, by KiB that survived and nanoseconds of each collection.
fn by(all: &[[f64; 2]], known: bool) -> Option<Costs> {
    if all.len() < 2 {
        return None;
    }
    let kib = (known && all.len() >= FITTED_MIN).then(|| slope(all));
    let rest = |[kibs, ns]: &[f64; 2]| (ns - kib.unwrap_or(0.0) * kibs).max(0.0);
    let mean = all.iter().map(rest).sum::<f64>() / all.len() as f64;
    let least = all.iter().map(rest).fold(f64::MAX, f64::min);
    let us = |ns: f64| (ns / 1e3) as u64;
    let survivor_kib_ns = kib.map(|ns| ns as u64);
    Some(Costs { young_collection_us: us(mean), least_us: us(least.min(mean)), survivor_kib_ns })
}

/// What a KiB takes by Theil and Sen, the median over all pairs, which a few collections that were
/// interrupted do not move; at most what explains all of the time.
fn slope(all: &[[f64; 2]]) -> f64 {
    let pairs = all.iter().enumerate().flat_map(|(at, left)| {
        all[at + 1..].iter().map(move |right| [right[0] - left[0], right[1] - left[1]])
    });
    // Two that are near each other tell the noise.
    let spread = all.iter().map(|of| of[0]).fold(0.0, f64::max) / 8.0;
    let apart = pairs.filter(|[kibs, _]| kibs.abs() > spread);
    let mut slopes: Vec<f64> = apart.map(|[kibs, ns]| ns / kibs).collect();
    slopes.sort_by(f64::total_cmp);
    let sum = |part: usize| all.iter().map(|of| of[part]).sum::<f64>();
    let most = sum(1) / sum(0).max(1.0);
    slopes.get(slopes.len() / 2).map_or(most, |of| of.clamp(0.0, most))
}

/// What fills the young generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Garbage {
    /// Of a request, besides what it carries and what its server keeps of that, bytes.
    pub(super) request_bytes: u64,
    /// Besides, in per cent of what it carries.
    pub(super) carried_percent: u64,
    /// Of the process's own threads, bytes a second.
    pub(super) background: u64,
}

/// What filled the young generation from one collection in the cases to the next.
pub(super) fn garbage(calibration: &Calibration, measured: &Measured) -> Option<Garbage> {
    let mut rows = Vec::new();
    for pair in measured.collections.windows(2) {
        let [before, after] = pair else { continue };
        let counts = measured.counts(before.at_ns, after.at_ns);
        let warming = measured.began.is_none_or(|began| before.at_ns < began);
        if warming || before.jvm != after.jvm || counts.requests() < 1.0 {
            continue;
        }
        let seconds = (after.at_ns - before.at_ns) as f64 / 1e9;
        let filled = after.before_bytes.saturating_sub(before.after_bytes) as f64;
        let rest = (filled - counts.sent * (1.0 + calibration.kept)).max(0.0);
        let sent = if calibration.carried.is_some() { counts.sent } else { 0.0 };
        let times = vec![counts.requests(), sent, seconds];
        let at = before.at_ns;
        rows.push(Row { case: 0, kind: 0, at, seconds, times, cpu_ns: rest, typical_ns: filled });
    }
    filled_by(&rows)
}

/// From rows of requests, bytes and seconds. Those are left out in which much less came together
/// than in others: the old generation was collected in between, and what came is not known.
fn filled_by(rows: &[Row]) -> Option<Garbage> {
    let mut filled: Vec<f64> = rows.iter().map(|row| row.typical_ns).collect();
    filled.sort_by(f64::total_cmp);
    let usual = filled.get(filled.len() / 2).copied().unwrap_or_default();
    let whole = |row: &&Row| row.typical_ns > usual / 2.0;
    let rows: &[Row] = &rows.iter().filter(whole).cloned().collect::<Vec<_>>();
    let of = |at: usize| rows.iter().map(|row| row.times[at]).sum::<f64>();
    let all: f64 = rows.iter().map(|row| row.cpu_ns).sum();
    if rows.is_empty() {
        return None;
    }
    if rows.len() < FITTED_MIN {
        let request_bytes = (all / of(0)) as u64;
        return Some(Garbage { request_bytes, carried_percent: 0, background: 0 });
    }
    let found = fit(rows, 3);
    let [request, carried, second] = [0, 1, 2].map(|at| found[at].cost);
    Some(Garbage {
        request_bytes: request as u64,
        carried_percent: (carried * 100.0) as u64,
        background: second as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_survives_is_told_from_the_rest_where_it_is_known() {
        let of = |mib: f64| [mib * 1024.0, 3e6 + mib * 1024.0 * 400.0];
        let mut all: Vec<_> = [10.0, 60.0, 35.0, 100.0, 60.0, 20.0, 80.0].map(of).to_vec();
        // One was interrupted for 25 ms.
        all[3][1] += 25e6;
        let found = by(&all, true).unwrap();
        assert_eq!(found.survivor_kib_ns, Some(400));
        assert!((6_500..6_600).contains(&found.young_collection_us), "{found:?}");
        assert_eq!(found.least_us, 3_000);
        let together = by(&all, false).unwrap();
        assert_eq!(together.survivor_kib_ns, None);
        assert!(together.young_collection_us > 20_000, "{together:?}");
        assert_eq!(by(&all[..1], true), None);
    }

    /// Few requests leave little, and much comes by itself; large ones leave thrice their size.
    #[test]
    fn what_fills_eden_is_told_apart_by_requests_bytes_and_time() {
        let of = |requests: f64, sent: f64, seconds: f64| {
            let bytes = 80_000.0 * requests + 3.0 * sent + 30e6 * seconds;
            let times = vec![requests, sent, seconds];
            Row { case: 0, kind: 0, at: 0, seconds, times, cpu_ns: bytes, typical_ns: bytes }
        };
        let rows: Vec<_> = [
            (1_000.0, 2e5, 14.0),
            (1_700.0, 4e5, 9.0),
            (4_500.0, 9e5, 3.0),
            (5_000.0, 1e6, 2.8),
            (900.0, 5e7, 2.0),
            (1_000.0, 6e7, 2.3),
            (3_000.0, 3e6, 5.0),
        ]
        .map(|(requests, sent, seconds)| of(requests, sent, seconds))
        .to_vec();
        let found = filled_by(&rows).unwrap();
        assert!((79_000..81_000).contains(&found.request_bytes), "{found:?}");
        assert!((290..310).contains(&found.carried_percent), "{found:?}");
        assert!((29_000_000..31_000_000).contains(&found.background), "{found:?}");
        // The old generation was collected before the last of these, which is smaller for that.
        let mut also = rows.clone();
        also.push(Row { cpu_ns: 0.0, typical_ns: 0.0, ..rows[2].clone() });
        assert_eq!(filled_by(&also), Some(found));
        let few = filled_by(&rows[2..3]).unwrap();
        assert_eq!((few.background, few.carried_percent), (0, 0));
        assert_eq!(filled_by(&[]), None);
    }

    /// All of the same size: what survives takes all of the time, at the most.
    #[test]
    fn collections_that_are_alike_tell_no_slope() {
        let found = by(&[[1024.0, 2e6]; 8], true).unwrap();
        assert_eq!((found.survivor_kib_ns, found.young_collection_us), (Some(1_953), 0));
    }
}
