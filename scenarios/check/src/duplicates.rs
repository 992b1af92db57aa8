//! `no_duplicates`: an event is stored once and, if that is promised, delivered once.

use super::history::{History, Span};
use super::suite::Promises;
use super::verdict::{Finding, Tally, Verdict, grouped};
use headwater_models::bugs::Bug;
use headwater_models::system::Once;
use headwater_models::system::Positions;

/// Counts events that stand at more than one position, and, if deliveries are promised to be
/// single, events of which one reader (in a group: any) was handed the same position twice.
pub(super) fn check(history: &History, promises: &Promises) -> Verdict {
    let mut stored = Tally::default();
    let mut reread = 0;
    for lane in 0..history.lanes() {
        let mut spans: Vec<(u32, Span)> = history.on_lane(lane).map(|(r, s)| (r, *s)).collect();
        spans.sort_by_key(|(reader, span)| (span.writer, span.first, span.from, *reader));
        for of_writer in spans.chunk_by(|(_, a), (_, b)| a.writer == b.writer) {
            let mut sweep = Sweep { history, promises, lane, tally: &mut stored, reread: 0 };
            sweep.run(of_writer);
            reread += sweep.reread;
        }
    }
    let twice = stored.violations - if promises.once == Once::Delivered { reread } else { 0 };
    let all = grouped(history.delivered);
    let (twice, again) = (grouped(twice), grouped(reread));
    let summary = format!("{twice} events stored twice, {again} read again, of {all} deliveries");
    stored.verdict("no_duplicates", history.delivered, summary)
}

struct Sweep<'a> {
    history: &'a History,
    promises: &'a Promises,
    lane: u32,
    tally: &'a mut Tally,
    reread: u64,
}

impl Sweep<'_> {
    /// Goes over the sequence numbers from end to end of spans, which ascend by `first`.
    fn run(&mut self, spans: &[(u32, Span)]) {
        let mut active: Vec<(u32, Span)> = vec![];
        let mut next = 0;
        let mut at = 0;
        while next < spans.len() || !active.is_empty() {
            if active.is_empty() {
                at = spans[next].1.first;
            }
            while next < spans.len() && spans[next].1.first == at {
                active.push(spans[next]);
                next += 1;
            }
            let ends = active.iter().map(|(_, span)| span.last);
            let start = spans.get(next).map(|(_, span)| span.first - 1);
            let end = ends.chain(start).min().expect("something is active");
            self.stretch(&active, at, end);
            at = end.saturating_add(1);
            active.retain(|(_, span)| span.last > end);
        }
    }

    /// Looks at the events `first ..= last`, all of which stand in all of `spans`.
    fn stretch(&mut self, spans: &[(u32, Span)], first: u64, last: u64) {
        let [(_, one), rest @ ..] = spans else { return };
        if rest.is_empty() {
            return;
        }
        let count = last - first + 1;
        // How far the other copy stands from the first: the same for all of a repeated batch.
        let place = |span: &Span| span.position.wrapping_sub(span.first);
        let by_bytes = self.history.positions() == Positions::Bytes;
        let lane = self.lane;
        let found = |what, other: &Span, reader: u32| {
            let times = (other.from, other.until);
            let finding = Finding::on_lane(what, lane, (first, last), times);
            let detail = match place(other).wrapping_sub(place(one)) {
                0 => "at the same position".into(),
                _ if by_bytes => format!("at positions {} and {}", one.position, other.position),
                away => format!("{} positions away", (away as i64).unsigned_abs()),
            };
            finding.writer(one.writer).reader(reader).detail(detail)
        };
        let elsewhere = rest.iter().find(|(_, other)| !self.same_place(one, other));
        let blind = self.promises.bugs.has(Bug::DuplicatesBlindElsewhere);
        if let Some((reader, other)) = elsewhere.filter(|_| !blind) {
            self.tally.add(count, found("stored twice", other, *reader));
        }
        let group = |reader| self.promises.audience.group_of(reader);
        let again = spans.iter().enumerate().find_map(|(index, (reader, span))| {
            let later = spans[index + 1..].iter();
            let mut same = later.filter(|(other, _)| group(*other) == group(*reader));
            same.find(|(_, other)| self.same_place(span, other))
        });
        if let Some((reader, other)) = again {
            self.reread += count;
            if self.promises.once == Once::Delivered {
                self.tally.add(count, found("read again", other, *reader));
            }
        }
    }

    /// Whether two spans with common events show the same copy of them.
    fn same_place(&self, one: &Span, other: &Span) -> bool {
        // Of what was interleaved it is known between which positions it stood.
        match self.history.positions() {
            Positions::Events if !one.interleaved && !other.interleaved => {
                one.position.wrapping_sub(one.first) == other.position.wrapping_sub(other.first)
            }
            _ => {
                one.position < other.position + other.width.max(1)
                    && other.position < one.position + one.width.max(1)
            }
        }
    }
}
