//! `reads_fresh`: whoever begins to read is shown what others had been shown by then.

use headwater_models::system::Positions;

use super::history::History;
use super::ranges::RangeSet;
use super::verdict::{Finding, Tally, Verdict, grouped};

/// Counts positions of a lane that one reader was handed before another began to read the lane, and
/// that lie behind the last one which that was shown: it read to the end of an older state. Such a
/// reader may have been moved away by its group before the end: the promise is for readings that
/// went on until nothing more came.
pub(super) fn check(history: &History) -> Verdict {
    let mut tally = Tally::default();
    // Positions of bytes say where a batch begins, and not how far it goes.
    if history.positions() == Positions::Events {
        for (reader, lane, spans) in history.reads() {
            let Some(began) = spans.first().map(|span| span.from) else { continue };
            let end = spans.iter().map(|span| span.position + span.width).max().unwrap_or(0);
            let mut missing = RangeSet::default();
            for (other, span) in history.on_lane(lane) {
                let last = span.position + (span.width - 1);
                if other != reader && span.until < began && last >= end {
                    missing.insert(span.position.max(end), last, span.until);
                }
            }
            for range in missing.iter() {
                let ends = (range.first, range.last);
                let finding = Finding::on_lane("stale read", lane, ends, (began, began));
                let detail = format!("begun then, ended before position {end}; others had it");
                tally.add(range.count(), finding.reader(reader).detail(detail));
            }
        }
    }
    let (bad, all) = (grouped(tally.violations), grouped(history.delivered));
    let summary = format!("{bad} positions not shown that others had seen ({all} deliveries)");
    tally.verdict("reads_fresh", history.delivered, summary)
}

#[cfg(test)]
mod tests {
    use headwater_models::batch::StreamId;
    use headwater_sim::time::Time;

    use super::*;
    use crate::history::Events;

    /// Reader 0 has ten events by 10 s; reader 1 reads from `began` on, so many.
    fn stale(began: u64, count: u64) -> Vec<(u64, u64)> {
        let stream = StreamId(0);
        let of = |count| Events { stream, writer: 0, lane: 0, first: 0, count };
        let mut history = History::new(stream, Positions::Events);
        history.delivered(Time(10), 0, of(10), 0, 10);
        history.delivered(Time(began), 1, of(count), 0, count);
        check(&history).findings.iter().map(|of| (of.first, of.last)).collect()
    }

    #[test]
    fn a_reading_that_begins_later_and_ends_earlier_is_stale() {
        assert_eq!(stale(11, 7), [(7, 9)]);
        assert_eq!(stale(11, 10), []);
        // It began when the other had not been shown them yet.
        assert_eq!(stale(9, 7), []);
    }
}
