//! `slow-cpu`: what it is, how it begins and ends, and a test that it bites.

use super::draw::factor;
use super::parameters::Factor;
use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlowCpu {
    factor: Factor,
}

impl FaultKind for SlowCpu {
    const ENTRY: Entry = Entry {
        name: "slow-cpu",
        family: Family::Process,
        what: "Work on the cores of the target's machine takes longer.",
        parameters: &[("factor", "how many times as long")],
        cause: "Heat, a noisy neighbour.",
        live: Live::ByHand("cgroup cpu.weight"),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { factor: factor(stream, 20) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let percent = hit.cpu_percent(self.factor.percent());
        at_once(hit.each_machine(|machine| Fault::SlowCpu { machine, percent }))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        let percent = hit.cpu_percent(100);
        hit.each_machine(|machine| Fault::SlowCpu { machine, percent })
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, DURING, MS, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'slow-cpu'\nfactor = 5");
        assert_eq!(seen.took("a", "worked", BEFORE), (MS, MS));
        assert_eq!(seen.took("a", "worked", DURING), (5 * MS, 5 * MS));
        assert_eq!(seen.took("a", "worked", AFTER), (MS, MS));
        assert_eq!(seen.took("b", "worked", DURING), (MS, MS));
    }
}
