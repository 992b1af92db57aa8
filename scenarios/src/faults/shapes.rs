//! What several kinds do in the same way.

use headwater_sim::clock::ClockChange;
use headwater_sim::condition::Condition;
use headwater_sim::device::DiskFault;
use headwater_sim::fault::Fault;
use headwater_sim::impairment::Impairment;
use headwater_sim::random::Stream;
use headwater_sim::units::NodeId;
use serde::{Deserialize, Serialize};

use super::draw::rate;
use super::parameters::{Extra, Probability};
use super::situation::Situation;

/// Pairs of sides that are cut off from each other.
pub(super) type Sides = Vec<(Vec<NodeId>, Vec<NodeId>)>;

/// Nothing passes from one side to the other; or back, if `symmetric`.
pub(super) fn cut(sides: Sides, symmetric: bool) -> impl Iterator<Item = Fault> {
    sides.into_iter().map(move |(from, to)| Fault::Partition { from, to, symmetric })
}

/// The end of [`cut`].
pub(super) fn rejoin(sides: Sides, symmetric: bool) -> Vec<Fault> {
    sides.into_iter().map(|(from, to)| Fault::Rejoin { from, to, symmetric }).collect()
}

/// A fault of the way from the target to the peers, and one of the way back.
fn both_ways(hit: &Situation<'_>, make: impl Fn(Vec<NodeId>, Vec<NodeId>) -> Fault) -> Vec<Fault> {
    let (here, there) = (hit.nodes, hit.peers);
    vec![make(here.into(), there.into()), make(there.into(), here.into())]
}

/// Messages between target and peers take longer; `lasting`: each pair by one draw.
pub(super) fn slow(hit: &Situation<'_>, extra: &Extra, lasting: bool) -> Vec<Fault> {
    both_ways(hit, |from, to| Fault::SlowLink { from, to, extra: extra.0.clone(), lasting })
}

/// The end of [`slow`].
pub(super) fn restored(hit: &Situation<'_>) -> Vec<Fault> {
    both_ways(hit, |from, to| Fault::RestoreLink { from, to })
}

/// The way from the target to the peers is impaired; and the way back, if `symmetric`.
pub(super) fn impair(hit: &Situation<'_>, by: &Impairment, symmetric: bool) -> Vec<Fault> {
    let mut ways = both_ways(hit, |from, to| Fault::Impair { from, to, by: by.clone() });
    ways.truncate(if symmetric { 2 } else { 1 });
    ways
}

/// A disk of each machine misbehaves.
pub(super) fn on_disk(hit: &Situation<'_>, disk: u8, how: DiskFault) -> Vec<Fault> {
    hit.each_machine(|machine| Fault::Disk { machine, disk, how })
}

/// The condition of tiered storage, which the target stands for, changes.
pub(super) fn tier(hit: &Situation<'_>, name: &str, value: u64) -> Vec<Fault> {
    let condition = Condition { name: name.into(), value };
    hit.each_node(|node| Fault::Condition { node, condition: condition.clone() })
}

/// The clock of each node is changed.
pub(super) fn clock(hit: &Situation<'_>, change: ClockChange) -> Vec<Fault> {
    hit.each_node(|node| Fault::Clock { node, change })
}

/// A part of the operations of a disk goes wrong.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartOfDisk {
    #[serde(default)]
    disk: u8,
    rate: Probability,
}

impl PartOfDisk {
    /// On the first disk, up to `most_ppm` in a million operations.
    pub(super) fn draw(stream: &mut Stream, most_ppm: u64) -> Self {
        Self { disk: 0, rate: rate(stream, most_ppm) }
    }

    /// Begins it as this fault of a disk, whose rate is in a million.
    pub(super) fn begin(self, hit: &Situation<'_>, how: fn(u32) -> DiskFault) -> Vec<Fault> {
        on_disk(hit, self.disk, how(self.rate.ppm()))
    }

    /// It ends.
    pub(super) fn end(self, hit: &Situation<'_>, how: fn(u32) -> DiskFault) -> Vec<Fault> {
        on_disk(hit, self.disk, how(0))
    }
}
