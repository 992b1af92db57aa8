//! `limp`: what it is, how it begins and ends, and a test that it bites.

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

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, DURING, MS, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'limp'\nfactor = 5");
        let slow = |within: std::ops::Range<u64>| {
            let (work, _) = seen.took("a", "worked", within.clone());
            let (sync, _) = seen.took("a", "synced", within);
            (work / MS, sync / MS)
        };
        assert_eq!((slow(BEFORE), slow(DURING), slow(AFTER)), ((1, 1), (5, 5), (1, 1)));
        // 0.1 ms on the card and 1 ms on the way; then 0.5 ms on the card, behind others at `b`'s.
        let letter = |within| seen.letters("b", "a", within)[0].1;
        assert!(letter(BEFORE) < 1_150 && letter(AFTER) < 1_150, "{} us", letter(BEFORE));
        assert!((1_500..1_800).contains(&letter(DURING)), "{} us", letter(DURING));
    }
}
