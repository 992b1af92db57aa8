//! `prefix_reads`: a reader is not moved past events that it was not handed.

use std::collections::BTreeMap;

use super::history::{Events, History, Span};
use super::ranges::{Range, RangeSet};
use super::stored::Stored;
use super::suite::Audience;
use super::verdict::{Finding, Tally, Verdict, grouped};
use headwater_models::system::Positions;

/// Where positions count events, a skip is a jump forward in position; where they count bytes, a
/// jump forward over acknowledged events of a writer. In a group, what another reader was handed is
/// not skipped: lanes move between readers.
pub(super) fn check(history: &History, audience: Audience) -> Verdict {
    let mut tally = Tally::default();
    for (reader, lane, spans) in history.reads() {
        let mut skips = Skips { history, audience, reader, lane, tally: &mut tally };
        match history.positions() {
            Positions::Events => skips.by_position(spans),
            Positions::Bytes => skips.by_sequence(spans),
        }
    }
    let (bad, all) = (grouped(tally.violations), grouped(history.delivered));
    let summary = format!("{bad} events skipped among {all} deliveries");
    tally.verdict("prefix_reads", history.delivered, summary)
}

struct Skips<'a> {
    history: &'a History,
    audience: Audience,
    reader: u32,
    lane: u32,
    tally: &'a mut Tally,
}

impl Skips<'_> {
    /// What the others of the group were handed, by a number per span.
    fn others(&self) -> impl Iterator<Item = &Span> {
        let of = self.audience.group_of(self.reader);
        let same = move |reader| self.audience.group_of(reader) == of && reader != self.reader;
        let spans = self.history.on_lane(self.lane);
        spans.filter(move |(reader, _)| same(*reader)).map(|(_, span)| span)
    }

    fn by_position(&mut self, spans: &[Span]) {
        let mut others = RangeSet::default();
        for span in self.others() {
            others.insert(span.position, span.position + (span.width - 1), span.from);
        }
        let mut end = 0;
        for span in spans {
            // What retention has removed by then was not to be had.
            let start = self.history.expired.start(self.lane, span.from);
            end = end.max(start.min(span.position));
            if span.position > end {
                let mut gaps = vec![];
                others.gaps_in(end, span.position - 1, |first, last| gaps.push((first, last)));
                for gap in gaps {
                    self.found(gap, span, None, "positions");
                }
            }
            end = end.max(span.position + span.width);
        }
    }

    fn by_sequence(&mut self, spans: &[Span]) {
        let mut others = Stored::default();
        for span in self.others() {
            let (writer, first, count) = (span.writer, span.first, span.last - span.first + 1);
            let stream = self.history.stream();
            others.insert(Events { stream, writer, lane: 0, first, count }, span.from);
        }
        let mut next = BTreeMap::<u32, u64>::new();
        for span in spans {
            let next = next.entry(span.writer).or_default();
            if span.first > *next {
                let mut gaps = vec![];
                if let Some(acked) = self.history.acked.get(self.lane, span.writer) {
                    acked.parts_in(*next, span.first - 1, |part| {
                        match others.get(0, span.writer) {
                            Some(others) => {
                                others.gaps_in(part.first, part.last, |a, b| gaps.push((a, b)));
                            }
                            None => gaps.push((part.first, part.last)),
                        }
                    });
                }
                for gap in gaps {
                    for gap in self.not_expired(gap, span) {
                        self.found(gap, span, Some(span.writer), "events");
                    }
                }
            }
            *next = (*next).max(span.last + 1);
        }
    }

    /// What of events that were passed over was there to be had by then.
    fn not_expired(&self, (first, last): (u64, u64), span: &Span) -> Vec<(u64, u64)> {
        let gap = Range { first, last, from: span.from, until: span.from };
        let parts =
            self.history.expired.parts((self.lane, span.writer), gap, Some(span.from)).into_iter();
        parts.filter(|(_, expired)| !expired).map(|(part, _)| (part.first, part.last)).collect()
    }

    fn found(&mut self, gap: (u64, u64), span: &Span, writer: Option<u32>, what: &str) {
        let finding = Finding::on_lane("skipped", self.lane, gap, (span.from, span.from));
        let detail = format!("{what} passed over to #{} at position {}", span.first, span.position);
        let finding = Finding { writer, ..finding.reader(self.reader).detail(detail) };
        self.tally.add(gap.1 - gap.0 + 1, finding);
    }
}
