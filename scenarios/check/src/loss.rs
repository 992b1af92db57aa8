//! `no_acked_loss`: what was acknowledged is delivered by the end.

use headwater_models::bugs::Bug;
use headwater_sim::time::Time;

use super::history::History;
use super::stored::Stored;
use super::suite::{Audience, Promises};
use super::verdict::{Finding, Tally, Verdict, grouped};

/// Lost is an acknowledged event that was not read although a later one of its lane and writer was;
/// behind the last one read it is unread, which counts as loss once the readers have drained. What
/// retention has removed before it was read is told apart.
pub(super) fn check(history: &History, promises: &Promises) -> Verdict {
    let mut tally = Tally::default();
    let (mut behind, mut expired) = (0, 0);
    let audience = promises.audience;
    let groups = audience.count(history.readers());
    for group in 0..groups {
        let read = history.read_by(|reader| audience.group_of(reader) == group);
        let reader = match audience {
            Audience::Group => None,
            Audience::Each => Some(group),
            Audience::Groups { members, .. } => Some(group * members),
        };
        let drained = promises.drained && !promises.bugs.has(Bug::LossBlindToTail);
        let missing = missing(history, &read, reader, drained, &mut |count, finding| {
            tally.add(count, finding);
        });
        (behind, expired) = (behind + missing.behind, expired + missing.expired);
    }
    let checked = history.acked_events() * u64::from(groups);
    let (lost, all) = (grouped(tally.violations), grouped(checked));
    let mut summary = format!("{lost} of {all} acknowledged events lost");
    if behind > 0 {
        summary += &format!("; {} not read by the end of the run", grouped(behind));
    }
    if expired > 0 {
        summary += &format!("; {} removed by retention before they were read", grouped(expired));
    }
    tally.verdict("no_acked_loss", checked, summary)
}

/// Events that are missing without being lost.
#[derive(Default)]
struct Missing {
    /// Not read yet.
    behind: u64,
    /// Removed by retention before they were read.
    expired: u64,
}

/// Acknowledged events that retention has removed before they were read, of all who read
/// everything.
pub(super) fn expired(history: &History, audience: Audience) -> u64 {
    if history.expired.is_empty() {
        return 0;
    }
    let of_group = |group| {
        let read = history.read_by(|reader| audience.group_of(reader) == group);
        missing(history, &read, None, true, &mut |_, _| {}).expired
    };
    (0..audience.count(history.readers())).map(of_group).sum()
}

/// What is lost: how many events, and when the first of them was acknowledged. The others were
/// within 10 ms ([`super::ranges::GRAIN`]).
pub(super) fn when(history: &History, promises: &Promises) -> Vec<(Time, u64)> {
    let audience = promises.audience;
    let mut lost = Vec::new();
    for group in 0..audience.count(history.readers()) {
        let read = history.read_by(|reader| audience.group_of(reader) == group);
        missing(history, &read, None, promises.drained, &mut |count, finding| {
            lost.push((finding.from, count));
        });
    }
    lost
}

/// Tells of what `read` lacks, with how many events each is; returns what is not lost of it.
fn missing(
    history: &History,
    read: &Stored,
    reader: Option<u32>,
    drained: bool,
    tell: &mut dyn FnMut(u64, Finding),
) -> Missing {
    let mut not_lost = Missing::default();
    let nothing = super::ranges::RangeSet::default();
    for (lane, writer, acked) in history.acked.iter() {
        let read = read.get(lane, writer).unwrap_or(&nothing);
        let unread = acked.minus(read).into_iter().flat_map(|range| {
            let passed = read.seen_after(range.last);
            let parts = history.expired.parts((lane, writer), range, passed);
            parts.into_iter().map(move |(part, expired)| (part, passed.is_some(), expired))
        });
        for (range, passed, expired) in unread {
            if expired {
                not_lost.expired += range.count();
                continue;
            }
            if !passed && !drained {
                not_lost.behind += range.count();
                continue;
            }
            let what = if passed { "lost" } else { "never read" };
            let ends = (range.first, range.last);
            let finding = Finding::on_lane(what, lane, ends, (range.from, range.until));
            let finding = finding.writer(writer).detail("acknowledged then".into());
            let finding = Finding { reader, ..finding };
            tell(range.count(), finding);
        }
    }
    not_lost
}
