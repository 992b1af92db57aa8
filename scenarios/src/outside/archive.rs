//! Whether a file has every event that was stored where its own come from, once.
//!
//! The files of the nodes are read at the end of a run, whatever the models believe to have
//! written: an event is told by its number in the schedule, which stands in what was written of it.

use headwater_models::batch::StreamId;
use headwater_models::role::Capability;
use headwater_models::system::Once;

use super::schedule::Scheduled;
use super::{Found, Sim};
use crate::scenario::metric::ARCHIVED;
use crate::targets::Roster;
use headwater_check::{Finding, Verdict, grouped};

/// What the files of a stream's nodes have of the events that were acknowledged in `origin`, the
/// stream that takes them from the schedule.
pub(super) fn look(
    (sim, roster): (&Sim, &Roster),
    scheduled: &Scheduled,
    (stream, origin): (StreamId, StreamId),
    once: Once,
) -> Verdict {
    let mut found = Found::default();
    let mut times: Vec<u8> = vec![0; scheduled.len()];
    for node in roster.with_in(stream, Capability::KeepsData) {
        for (_, _, file) in sim.files(node) {
            for (number, stored, _) in file.records() {
                if stored.torn {
                    let detail = format!("record {number} of {}", roster.name(node));
                    found.add(|| Finding { detail, ..Finding::at("torn", sim.now()) });
                    continue;
                }
                stored.record.for_each_index(&mut |index| {
                    if let Some(times) = times.get_mut(index as usize) {
                        *times = times.saturating_add(1);
                    }
                });
            }
        }
    }
    let (mut missing, mut twice) = (0, 0);
    for (index, times) in (0..).zip(times) {
        let stored = scheduled.is_acked(origin, index);
        found.checked += u64::from(stored);
        let what = match times {
            0 if stored => "missing",
            2.. => "there more than once",
            _ => continue,
        };
        missing += u64::from(times == 0);
        twice += u64::from(times > 1);
        if times == 0 || once != Once::Any {
            found.add(|| Finding {
                first: index,
                last: index,
                detail: format!("event {index} of the schedule, due at {}", scheduled.at(index)),
                ..Finding::at(what, sim.now())
            });
        }
    }
    let [missing, all, twice] = [missing, found.checked, twice].map(grouped);
    let summary =
        format!("{missing} of {all} acknowledged events are in no line, {twice} are in several");
    found.verdict(ARCHIVED, stream, summary)
}
