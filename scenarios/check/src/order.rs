//! `order_per_lane`: a reader is handed the events of a lane in the order in which they were
//! written.

use std::collections::BTreeMap;

use super::history::{History, Span};
use super::ranges::RangeSet;
use super::verdict::{Finding, Tally, Verdict, grouped};

/// Out of order is an event that a reader is handed for the first time after a later one of the
/// same lane and writer. A repeated delivery is not: `no_duplicates` looks at those.
pub(super) fn check(history: &History) -> Verdict {
    let mut tally = Tally::default();
    for (reader, lane, spans) in history.reads() {
        let mut seen = BTreeMap::<u32, RangeSet>::new();
        for span in spans {
            let seen = seen.entry(span.writer).or_default();
            late(reader, lane, span, seen, &mut tally);
            seen.insert(span.first, span.last, span.from);
        }
    }
    let (bad, all) = (grouped(tally.violations), grouped(history.delivered));
    let summary = format!("{bad} of {all} deliveries came after a later event of their lane");
    tally.verdict("order_per_lane", history.delivered, summary)
}

fn late(reader: u32, lane: u32, span: &Span, seen: &RangeSet, tally: &mut Tally) {
    let Some(latest) = seen.last().filter(|latest| *latest > span.first) else { return };
    seen.gaps_in(span.first, span.last.min(latest), |first, last| {
        let times = (span.from, span.until);
        let finding = Finding::on_lane("out of order", lane, (first, last), times);
        let detail = format!("after #{latest}");
        tally.add(last - first + 1, finding.writer(span.writer).reader(reader).detail(detail));
    });
}
