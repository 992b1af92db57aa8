//! `readers_agree`: every delivery of a position of a lane is the same event.

use super::history::{History, Span};
use super::verdict::{Finding, Tally, Verdict, grouped};
use headwater_models::system::Positions;

/// Counts positions of which two deliveries differ, of one reader or of several.
pub(super) fn check(history: &History) -> Verdict {
    let mut tally = Tally::default();
    for lane in 0..history.lanes() {
        let mut spans: Vec<(u32, Span)> = history.on_lane(lane).map(|(r, s)| (r, *s)).collect();
        let folded: Vec<_> = spans.extract_if(.., |(_, span)| span.interleaved).collect();
        if !folded.is_empty() {
            spans.iter().chain(&folded).for_each(|of| among(lane, of, &folded, &mut tally));
        }
        spans.sort_by_key(|(reader, span)| (span.position, span.from, *reader));
        match history.positions() {
            Positions::Events => sweep(lane, &spans, &mut tally),
            Positions::Bytes => starts(lane, &spans, &mut tally),
        }
    }
    let (bad, all) = (grouped(tally.violations), grouped(history.delivered));
    let summary = format!("{bad} positions differ between their readings ({all} deliveries)");
    tally.verdict("readers_agree", history.delivered, summary)
}

/// What stands at a position that the span covers: the writer, and sequence minus position.
fn content(span: &Span) -> (u32, u64) {
    (span.writer, span.first.wrapping_sub(span.position))
}

/// Goes over the positions from end to end of spans; `spans` ascend by position.
fn sweep(lane: u32, spans: &[(u32, Span)], tally: &mut Tally) {
    let mut active: Vec<(u32, Span)> = vec![];
    let mut next = 0;
    let mut at = 0;
    while next < spans.len() || !active.is_empty() {
        if active.is_empty() {
            at = spans[next].1.position;
        }
        while next < spans.len() && spans[next].1.position == at {
            active.push(spans[next]);
            next += 1;
        }
        let ends = active.iter().map(|(_, span)| span.position + span.width);
        let start = spans.get(next).map(|(_, span)| span.position);
        let end = ends.chain(start).min().expect("something is active");
        differ(lane, &active, (at, end - 1), tally);
        at = end;
        active.retain(|(_, span)| span.position + span.width > at);
    }
}

/// Of what was interleaved and folded it is known which events of each writer there were, and not
/// where: others that are read at these positions later have to be of them.
fn among(lane: u32, (reader, span): &(u32, Span), folded: &[(u32, Span)], tally: &mut Tally) {
    let others = folded.iter().filter(|(of, run)| of != reader || !run.is_beside(span));
    let mut there = others.filter(|(_, run)| run.holds(span)).peekable();
    let Some((other_reader, run)) = there.peek().copied() else { return };
    let same = |(_, run): &(u32, Span)| {
        run.writer == span.writer && run.first <= span.first && span.last <= run.last
    };
    if !there.any(same) {
        let detail = format!(
            "position {}: reader {reader} got writer {} #{}, which reader {other_reader} did not \
             get between positions {} and {}",
            span.position,
            span.writer,
            span.first,
            run.position,
            run.position + run.width,
        );
        let ends = (span.position, span.position + (span.width - 1));
        let times = (span.from, span.until);
        let finding = Finding::on_lane("inconsistent positions", lane, ends, times).detail(detail);
        tally.add(span.width, finding);
    }
}

/// Batches that begin at the same byte; `spans` ascend by position.
fn starts(lane: u32, spans: &[(u32, Span)], tally: &mut Tally) {
    for same in spans.chunk_by(|(_, a), (_, b)| a.position == b.position) {
        differ(lane, same, (same[0].1.position, same[0].1.position), tally);
    }
}

fn differ(lane: u32, readings: &[(u32, Span)], ends: (u64, u64), tally: &mut Tally) {
    let Some((reader, one)) = readings.first() else { return };
    let Some((other_reader, other)) = readings.iter().find(|(_, s)| content(s) != content(one))
    else {
        return;
    };
    let seq = |span: &Span| span.first.wrapping_add(ends.0.wrapping_sub(span.position));
    let detail = format!(
        "position {}: reader {reader} got writer {} #{}, reader {other_reader} writer {} #{}",
        ends.0,
        one.writer,
        seq(one),
        other.writer,
        seq(other),
    );
    let times = (one.from.min(other.from), one.until.max(other.until));
    let finding = Finding::on_lane("inconsistent positions", lane, ends, times).detail(detail);
    tally.add(ends.1 - ends.0 + 1, finding);
}
