//! `no_acked_loss`: what was acknowledged is delivered by the end.

use super::history::History;
use super::stored::Stored;
use super::suite::{Audience, Promises};
use super::verdict::{Finding, Tally, Verdict, grouped};

/// Lost is an acknowledged event that was not read although a later one of its lane and writer was;
/// behind the last one read it is unread, which counts as loss once the readers have drained.
pub(super) fn check(history: &History, promises: &Promises) -> Verdict {
    let mut tally = Tally::default();
    let mut behind = 0;
    let audience = promises.audience;
    let groups = audience.count(history.readers());
    for group in 0..groups {
        let read = history.read_by(|reader| audience.group_of(reader) == group);
        let reader = match audience {
            Audience::Group => None,
            Audience::Each => Some(group),
            Audience::Groups { members, .. } => Some(group * members),
        };
        behind += missing(history, &read, reader, promises.drained, &mut tally);
    }
    let checked = history.acked_events() * u64::from(groups);
    let (lost, all) = (grouped(tally.violations), grouped(checked));
    let mut summary = format!("{lost} of {all} acknowledged events lost");
    if behind > 0 {
        summary += &format!("; {} not read by the end of the run", grouped(behind));
    }
    tally.verdict("no_acked_loss", checked, summary)
}

/// Adds what `read` lacks to the tally; returns how many events were merely unread.
fn missing(
    history: &History,
    read: &Stored,
    reader: Option<u32>,
    drained: bool,
    tally: &mut Tally,
) -> u64 {
    let mut behind = 0;
    let nothing = super::ranges::RangeSet::default();
    for (lane, writer, acked) in history.acked.iter() {
        let read = read.get(lane, writer).unwrap_or(&nothing);
        for range in acked.minus(read) {
            let passed = read.last().is_some_and(|last| last > range.last);
            if !passed && !drained {
                behind += range.count();
                continue;
            }
            let what = if passed { "lost" } else { "never read" };
            let ends = (range.first, range.last);
            let finding = Finding::on_lane(what, lane, ends, (range.from, range.until));
            let finding = finding.writer(writer).detail("acknowledged then".into());
            let finding = Finding { reader, ..finding };
            tally.add(range.count(), finding);
        }
    }
    behind
}
