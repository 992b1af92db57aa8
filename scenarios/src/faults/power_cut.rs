//! `power-cut`: what it is, how it begins and ends, and a test that it bites.

use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PowerCut {}

impl FaultKind for PowerCut {
    const ENTRY: Entry = Entry {
        name: "power-cut",
        family: Family::Process,
        what: "The machine loses power, and with it what no sync has made durable; at the end \
               it is back.",
        parameters: &[],
        cause: "A blackout, a pulled plug.",
        live: Live::ByHand("a virtual machine's reset"),
        damage: Damage::Volatile,
        needs_end: false,
        overlap: Overlap::Separate,
        stops: Stops::Machine,
        swarm: InSwarms { for_good: true, ..InSwarms::USUAL },
        read: read::<Self>,
        draw: |_| Self {}.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(hit.each_machine(|machine| Fault::PowerCut { machine }))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        hit.each_machine(|machine| Fault::PowerOn { machine })
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, fault, run};

    #[test]
    fn bites() {
        let cut = fault("'a'", "1s", "1s", "kind = 'power-cut'");
        let lost = fault("'a'", "500ms", "500ms", "kind = 'lost-syncs'\nrate = 1");
        let seen = run(1, &[&cut]);
        assert_eq!(seen.count("a", "tick", 1_001..2_000), 0);
        assert_eq!(seen.count("b", "broken", 0..2_000), 0, "nobody tells its peers");
        assert_eq!(seen.times("a", "started", 0..3_000), [0, 2_000]);
        assert_eq!(seen.count("a", "tick", AFTER), 50);
        let unsynced = |seed| {
            let seen = run(seed, &[&lost, &cut]);
            seen.records("a").iter().filter(|(_, tick)| (51..99).contains(tick)).count()
        };
        assert!((1..9).any(|seed| unsynced(seed) < 48), "it takes what no sync has covered");
    }
}
