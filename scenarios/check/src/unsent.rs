//! `only_sent`: nothing is read that was not sent.

use super::history::History;
use super::ranges::RangeSet;
use super::verdict::{Finding, Tally, Verdict, grouped};

/// Counts events that a reader was handed and that no writer was: of another run, or made up. What
/// was sent and given up may be read.
pub(super) fn check(history: &History) -> Verdict {
    let mut tally = Tally::default();
    let nothing = RangeSet::default();
    for (lane, writer, read) in history.read_by(|_| true).iter() {
        let sent = history.sent.get(lane, writer).unwrap_or(&nothing);
        for range in read.minus(sent) {
            let times = (range.from, range.until);
            let ends = (range.first, range.last);
            let finding = Finding::on_lane("never sent", lane, ends, times).writer(writer);
            tally.add(range.count(), finding.detail("read then".into()));
        }
    }
    let (bad, all) = (grouped(tally.violations), grouped(history.delivered));
    let summary = format!("{bad} events read that were never sent, among {all} deliveries");
    tally.verdict("only_sent", history.delivered, summary)
}

#[cfg(test)]
mod tests {
    use headwater_models::batch::StreamId;
    use headwater_models::system::Positions;
    use headwater_sim::time::Time;

    use super::*;
    use crate::history::Events;

    #[test]
    fn what_was_sent_may_be_read_acknowledged_or_not_and_nothing_else() {
        let stream = StreamId(0);
        let of = |writer, first, count| Events { stream, writer, lane: 2, first, count };
        let mut history = History::new(stream, Positions::Events);
        history.sent(Time(1), of(0, 0, 10));
        history.acked(Time(2), of(0, 0, 4));
        history.failed(Time(2), of(0, 4, 2));
        history.delivered(Time(3), 0, of(0, 0, 10), 0, 10);
        assert!(check(&history).passed);
        history.delivered(Time(4), 0, of(0, 10, 2), 10, 2);
        history.delivered(Time(5), 0, of(1, 0, 1), 12, 1);
        let verdict = check(&history);
        assert_eq!((verdict.passed, verdict.violations), (false, 3));
        let found: Vec<_> =
            verdict.findings.iter().map(|of| (of.what, of.writer, of.first, of.last)).collect();
        assert_eq!(found, [("never sent", Some(0), 10, 11), ("never sent", Some(1), 0, 0)]);
    }
}
