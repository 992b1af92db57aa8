//! Stretches of a run in which writers or readers were held up, from its series.

use crate::recovery::behind;
use crate::series::Series;

/// A stretch of time, nanoseconds since the run's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub from_ns: u64,
    pub until_ns: u64,
}

/// A stretch in which writers were held up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeldUp {
    /// When nothing was acknowledged; or, where something always was, when they were behind.
    pub span: Span,
    /// Nothing was acknowledged.
    pub stalled: bool,
    /// When they were no longer behind, if ever.
    pub caught_up_ns: Option<u64>,
    /// Events that waited, at the most.
    pub backlog: u64,
}

impl HeldUp {
    /// Until they had caught up.
    pub fn whole(&self) -> Span {
        let until_ns = self.caught_up_ns.unwrap_or(u64::MAX).max(self.span.until_ns);
        Span { until_ns, ..self.span }
    }
}

/// A stretch in which readers were handed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Starved {
    pub span: Span,
    /// When they were no longer behind, if ever.
    pub caught_up_ns: Option<u64>,
    /// Acknowledged events that they had not been handed, at the most.
    pub behind: u64,
}

impl Starved {
    /// They had to catch up for longer than a moment.
    pub fn lags(&self) -> bool {
        self.caught_up_ns.is_none_or(|at| at >= self.span.until_ns + STARVED_NS)
    }
}

/// What has to wait for an answer so that writers are behind: as much as is offered in so long,
/// nanoseconds.
const BEHIND_NS: u64 = 500_000_000;

/// The shortest time without an acknowledgement that is a stall, nanoseconds.
const STALL_NS: u64 = 400_000_000;

/// The shortest time without a delivery that is told, nanoseconds.
const STARVED_NS: u64 = 1_000_000_000;

/// Stalls with less than that between them are one, nanoseconds.
const BETWEEN_NS: u64 = 1_000_000_000;

/// Stretches of intervals for which `is` holds, at least `least_ns` long, those with less than
/// `between_ns` between them together: numbers of the first and behind the last.
fn stretches(
    series: &Series,
    least_ns: u64,
    between_ns: u64,
    is: impl Fn(usize) -> bool,
) -> Vec<(usize, usize)> {
    let interval = series.interval_ns.max(1);
    let mut found: Vec<(usize, usize)> = Vec::new();
    for index in (0..series.len()).filter(|index| is(*index)) {
        match found.last_mut() {
            Some((_, end)) if ((index - *end) as u64) * interval < between_ns => *end = index + 1,
            _ => found.push((index, index + 1)),
        }
    }
    found.retain(|(from, until)| (*until - *from) as u64 * interval >= least_ns);
    found
}

fn span(series: &Series, (from, until): (usize, usize)) -> Span {
    let at = |index: usize| index as u64 * series.interval_ns;
    Span { from_ns: at(from), until_ns: at(until) }
}

/// When writers were held up, in order of time.
pub(super) fn held_up(series: &Series) -> Vec<HeldUp> {
    let offered: u64 = series.offered.iter().sum();
    let with = series.offered.iter().filter(|offered| **offered > 0).count().max(1) as u64;
    let behind_at = (offered / with).max(1) * (BEHIND_NS / series.interval_ns.max(1)).max(1);
    let waits = |index: usize| {
        series.acked[index] == 0 && (series.offered[index] > 0 || series.backlog[index] > 0)
    };
    let is_behind = |index: usize| series.backlog[index] > behind_at.max(series.offered[index] / 2);
    let stalls = longest_within(series, stretches(series, STALL_NS, BETWEEN_NS, waits), &waits);
    let behind = stretches(series, BEHIND_NS, BETWEEN_NS, is_behind);
    let mut all: Vec<HeldUp> = Vec::new();
    for of in &stalls {
        let end = behind.iter().find(|(from, until)| *from < of.1 && *until >= of.1);
        let until = end.map_or(of.1, |(_, until)| *until);
        all.push(told(series, *of, until, true));
    }
    let with_stall = |of: &(usize, usize)| stalls.iter().any(|it| it.0 < of.1 && of.0 < it.1);
    for of in behind.iter().filter(|of| !with_stall(of)) {
        all.push(told(series, *of, of.1, false));
    }
    all.sort_by_key(|of| of.span.from_ns);
    all
}

/// Without those that are made of short pauses alone.
fn longest_within(
    series: &Series,
    mut stalls: Vec<(usize, usize)>,
    waits: &impl Fn(usize) -> bool,
) -> Vec<(usize, usize)> {
    stalls.retain(|(from, until)| {
        let (mut run, mut longest) = (0_u64, 0);
        for index in *from..*until {
            run = if waits(index) { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        longest * series.interval_ns >= STALL_NS
    });
    stalls
}

fn told(series: &Series, of: (usize, usize), until: usize, stalled: bool) -> HeldUp {
    let last = series.len();
    HeldUp {
        span: span(series, of),
        stalled,
        caught_up_ns: (until < last).then(|| until as u64 * series.interval_ns),
        backlog: series.backlog[of.0..until].iter().copied().max().unwrap_or(0),
    }
}

/// When readers were handed nothing though events were acknowledged; nothing where nobody reads.
/// What is handed over in lumps while they catch up is no stretch of its own.
pub(super) fn starved(series: &Series) -> Vec<Starved> {
    let (acked, consumed) = (series.acked.iter().sum::<u64>(), series.consumed.iter().sum::<u64>());
    if acked == 0 || consumed == 0 {
        return Vec::new();
    }
    let with = series.acked.iter().filter(|acked| **acked > 0).count().max(1) as u64;
    let of_a_second = acked / with * (STARVED_NS / series.interval_ns.max(1)).max(1);
    let behind = behind(series);
    let is = |index: usize| series.consumed[index] == 0 && behind[index] > 0;
    let mut all: Vec<Starved> = Vec::new();
    for (from, until) in stretches(series, STARVED_NS, 1, is) {
        let of = span(series, (from, until));
        let catch_up = |last: &Starved| last.caught_up_ns.is_none_or(|at| at > of.from_ns);
        // What nobody reads any more, as the run is over, is told as lost or not at all.
        let over = series.acked[from..until].iter().all(|acked| *acked == 0);
        if over || all.last().is_some_and(catch_up) {
            continue;
        }
        let last = (until..series.len()).find(|index| behind[*index] <= of_a_second);
        let caught_up = last.unwrap_or(series.len());
        all.push(Starved {
            span: of,
            caught_up_ns: last.map(|index| index as u64 * series.interval_ns),
            behind: behind[from..caught_up].iter().copied().max().unwrap_or(0),
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten events in each tenth of a second; acknowledged at once but for some intervals.
    fn series(stalled: std::ops::Range<usize>) -> Series {
        let mut series = Series { interval_ns: 100_000_000, ..Series::default() };
        let mut backlog = 0;
        for index in 0..60 {
            let acked = match index {
                _ if stalled.contains(&index) => 0,
                _ => (backlog + 10).min(30),
            };
            backlog = backlog + 10 - acked;
            series.offered.push(10);
            series.acked.push(acked);
            series.consumed.push(acked);
            series.backlog.push(backlog);
        }
        series
    }

    #[test]
    fn a_stall_ends_with_the_first_answer_and_is_over_when_nothing_waits() {
        let found = held_up(&series(20..40));
        let span = Span { from_ns: 2_000_000_000, until_ns: 4_000_000_000 };
        // 200 events wait; 20 more than come are answered in each interval from then on.
        let caught_up_ns = Some(4_700_000_000);
        assert_eq!(found, [HeldUp { span, stalled: true, caught_up_ns, backlog: 200 }]);
        assert!(held_up(&series(20..23)).is_empty(), "too short to be told");
        let to_the_end = held_up(&series(20..60));
        assert_eq!(to_the_end.len(), 1);
        assert_eq!(to_the_end[0].caught_up_ns, None);
    }

    #[test]
    fn readers_starve_only_while_something_is_acknowledged() {
        let mut series = series(20..40);
        assert!(starved(&series).is_empty());
        series.consumed[45..58].fill(0);
        let span = Span { from_ns: 4_500_000_000, until_ns: 5_800_000_000 };
        // They are never handed those, and 100 that had waited for an answer.
        let expected = Starved { span, caught_up_ns: None, behind: 230 };
        assert_eq!(starved(&series), [expected]);
    }

    #[test]
    fn readers_that_catch_up_in_lumps_are_told_once() {
        let mut series = series(0..0);
        let all = 600;
        // Nothing for two seconds, then 80 events every half second.
        series.consumed[10..30].fill(0);
        series.consumed[30..].fill(0);
        (30..60).step_by(5).for_each(|index| series.consumed[index] = 80);
        let consumed: u64 = series.consumed.iter().sum();
        series.consumed[59] = all - consumed;
        let span = Span { from_ns: 1_000_000_000, until_ns: 3_000_000_000 };
        let expected = Starved { span, caught_up_ns: Some(3_500_000_000), behind: 200 };
        assert_eq!(starved(&series), [expected]);
    }
}
