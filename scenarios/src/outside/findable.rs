//! Whether what was stored in a stream can be found by those who are to find it: in the end each of
//! them has it on its disk, durably.
//!
//! The files of the nodes are read at the end of a run, whatever whoever has filled them believes:
//! an event is told by its number in the schedule, which stands in what was written of it.

use headwater_models::batch::StreamId;
use headwater_models::role::Role;

use super::schedule::Scheduled;
use super::{Found, Sim};
use crate::scenario::metric::FINDABLE;
use crate::targets::Roster;
use headwater_check::{Finding, Verdict, grouped};

/// What the nodes of each of `roles` in a stream have of the events that were acknowledged in
/// `origin`, the stream that takes them from the schedule.
pub(super) fn look(
    (sim, roster): (&Sim, &Roster),
    scheduled: &Scheduled,
    (stream, origin): (StreamId, StreamId),
    roles: &[&'static Role],
) -> Verdict {
    let mut found = Found::default();
    let mut summaries = Vec::new();
    for role in roles {
        let mut there = vec![false; scheduled.len()];
        let of_stream = roster.iter().filter(|(node, _)| roster.stream(*node) == stream);
        for (node, _) in of_stream.filter(|(_, of)| of == role) {
            for (_, _, _, record, durable) in sim.disk_records(node) {
                if !durable {
                    continue;
                }
                record.for_each_index(&mut |index| {
                    if let Some(there) = there.get_mut(index as usize) {
                        *there = true;
                    }
                });
            }
        }
        let before = found.violations;
        for (index, there) in (0..).zip(there) {
            let stored = scheduled.is_acked(origin, index);
            found.checked += u64::from(stored);
            if stored && !there {
                let due = scheduled.at(index);
                let detail = format!("event {index} of the schedule, due at {due}: {}", role.name);
                let (first, last) = (index, index);
                found.add(|| Finding { first, last, detail, ..Finding::at("missing", sim.now()) });
            }
        }
        let missing = grouped(found.violations - before);
        summaries.push(format!("{missing} in no {}", role.name));
    }
    let all = grouped(found.checked / roles.len() as u64);
    let summary = format!("of {all} acknowledged events, {}", summaries.join(", "));
    found.verdict(FINDABLE, stream, summary)
}
