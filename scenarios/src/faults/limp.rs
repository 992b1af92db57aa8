//! `limp`: what it is, how it begins and ends, and that it bites.

use headwater_sim::units::MachineId;

use super::draw::factor;
use super::parameters::Factor;
use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limp {
    factor: Factor,
}

impl FaultKind for Limp {
    const ENTRY: Entry = Entry {
        name: "limp",
        family: Family::Gray,
        what: "Cores, disks and network card of the target's machine are all slow, and it \
               answers all the same.",
        parameters: &[("factor", "how many times as long everything takes")],
        cause: "A replica on a machine that is about to fail.",
        live: Live::ByHand("cgroup limits"),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { factor: factor(stream, 30) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(Self::all(hit, self.factor.percent()))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        Self::all(hit, 100)
    }
}

impl Limp {
    /// Everything of the machines takes `percent` of its usual time.
    fn all(hit: &Situation<'_>, percent: u32) -> Vec<Fault> {
        let cpu = hit.cpu_percent(percent);
        let slow = |machine: &MachineId| {
            let machine = *machine;
            [
                Fault::SlowCpu { machine, percent: cpu },
                Fault::SlowDisk { machine, disk: 0, percent },
                Fault::SlowNic { machine, percent },
            ]
        };
        hit.machines.iter().flat_map(slow).collect()
    }
}
