//! `durable_replicas`: what was acknowledged is on enough disks at the end.

use headwater_sim::time::Time;

use super::history::History;
use super::ranges::Range;
use super::verdict::{Finding, Tally, Verdict, grouped};

/// Counts acknowledged events that stand in fewer than `copies` copies.
pub(super) fn check(history: &History, copies: u32) -> Verdict {
    let mut tally = Tally::default();
    for (lane, writer, acked) in history.acked.iter() {
        for range in acked.iter() {
            // What retention has removed is to be nowhere.
            let parts = history.expired.parts((lane, writer), *range, None);
            for (part, _) in parts.iter().filter(|(_, expired)| !expired) {
                thin(history, (lane, writer), part, copies, &mut tally);
            }
        }
    }
    let checked = history.acked_events();
    let (bad, all) = (grouped(tally.violations), grouped(checked));
    let replicas = history.replicas.len();
    let summary = format!(
        "{bad} of {all} acknowledged events in fewer than {copies} copies over {replicas} disks"
    );
    tally.verdict("durable_replicas", checked, summary)
}

/// Adds the parts of one acknowledged range that have too few copies.
fn thin(
    history: &History,
    (lane, writer): (u32, u32),
    range: &Range,
    copies: u32,
    tally: &mut Tally,
) {
    // (sequence number, copies from there on more, copies from there on fewer)
    let mut steps = vec![(range.first, 0_i64)];
    for replica in &history.replicas {
        let Some(set) = replica.stored.get(lane, writer) else { continue };
        set.parts_in(range.first, range.last, |part| {
            steps.push((part.first, i64::from(replica.copies)));
            if part.last < range.last {
                steps.push((part.last + 1, -i64::from(replica.copies)));
            }
        });
    }
    steps.sort_unstable();
    let mut have = 0;
    let mut open: Option<(u64, i64)> = None;
    for same in steps.chunk_by(|a, b| a.0 == b.0) {
        let at = same[0].0;
        have += same.iter().map(|(_, change)| change).sum::<i64>();
        if let Some((first, count)) = open.filter(|(_, count)| *count != have) {
            report((lane, writer), (first, at - 1), count, (range.from, range.until), tally);
            open = None;
        }
        if open.is_none() && have < i64::from(copies) {
            open = Some((at, have));
        }
    }
    if let Some((first, count)) = open {
        report((lane, writer), (first, range.last), count, (range.from, range.until), tally);
    }
}

fn report(
    (lane, writer): (u32, u32),
    ends: (u64, u64),
    have: i64,
    times: (Time, Time),
    tally: &mut Tally,
) {
    let finding = Finding::on_lane("too few copies", lane, ends, times).writer(writer);
    let copies = if have == 1 { "copy" } else { "copies" };
    tally.add(ends.1 - ends.0 + 1, finding.detail(format!("{have} {copies}; acknowledged then")));
}
