//! `slow-nic`: what it is, how it begins and ends, and a test that it bites.

use super::draw::factor;
use super::parameters::Factor;
use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlowNic {
    factor: Factor,
}

impl FaultKind for SlowNic {
    const ENTRY: Entry = Entry {
        name: "slow-nic",
        family: Family::Network,
        what: "Each message takes longer on the target's network card.",
        parameters: &[("factor", "how many times as long")],
        cause: "A card that fell back to a lower speed.",
        live: Live::ByHand("tc tbf on one interface"),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { factor: factor(stream, 100) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let percent = self.factor.percent();
        at_once(hit.each_machine(|machine| Fault::SlowNic { machine, percent }))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        hit.each_machine(|machine| Fault::SlowNic { machine, percent: 100 })
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, DURING, MS, hit};

    #[test]
    fn bites() {
        // 1 kB at 10 MB/s is 0.1 ms, or 1 ms on a card that is ten times as slow; the way is 1 ms.
        let seen = hit("kind = 'slow-nic'\nfactor = 10");
        let first = |within| seen.letters("b", "a", within)[0].1;
        assert!((MS + 100..MS + 150).contains(&first(BEFORE)), "{} us", first(BEFORE));
        assert!((2 * MS..2 * MS + 50).contains(&first(DURING)), "{} us", first(DURING));
        assert!((MS + 100..MS + 150).contains(&first(AFTER)), "{} us", first(AFTER));
    }
}
