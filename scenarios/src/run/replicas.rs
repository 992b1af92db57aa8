//! What the disks hold at the end of a run.

use headwater_models::batch::StreamId;
use headwater_models::protocol::Streaming;
use headwater_models::role::{Capability, Role};
use headwater_sim::simulation::Simulation;

use crate::observe::Observed;
use crate::targets::Roster;
use headwater_check::{Events, Replica, Stored};

/// One replica of a stream per node of its system that keeps data; `durable` leaves out what only
/// the page cache has. Tiered storage keeps copies of its own, so what it holds counts as `copies`.
pub(super) fn read(
    sim: &Simulation<Streaming, Observed>,
    roster: &Roster,
    stream: StreamId,
    copies: u32,
    durable: bool,
) -> Vec<Replica> {
    let tiered = |role: &Role| role.can(Capability::TieredStorage);
    let keeps = |role: &Role| role.can(Capability::KeepsData) || tiered(role);
    if copies == 0 {
        return Vec::new();
    }
    let replica = |(node, role): (_, &Role)| {
        let mut stored = Stored::default();
        for (_, _, _, record, synced) in sim.disk_records(node) {
            if synced || !durable {
                record.for_each_range(&mut |range| {
                    if range.stream == stream {
                        stored.insert(Events::from(range), sim.now());
                    }
                });
            }
        }
        let copies = if tiered(role) { copies } else { 1 };
        Replica { name: roster.name(node).to_owned(), copies, stored }
    };
    let of_system = roster.iter().filter(|(node, _)| roster.stream(*node) == stream);
    of_system.filter(|(_, role)| keeps(role)).map(replica).collect()
}
