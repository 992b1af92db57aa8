//! `tier-full`: what it is, how it begins and ends, and a test that it bites.

use super::prelude::*;
use super::shapes::tier;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TierFull {}

impl FaultKind for TierFull {
    const ENTRY: Entry = Entry {
        name: "tier-full",
        family: Family::Tier,
        what: "Tiered storage takes no more bytes.",
        parameters: &[],
        cause: "A quota.",
        live: Live::ByHand("a quota"),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |_| Self {}.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(tier(hit, "full", 1))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        tier(hit, "full", 0)
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::hit;

    #[test]
    fn bites() {
        let seen = hit("kind = 'tier-full'");
        let told = seen.times("a", "full", 0..3_000).into_iter();
        let told: Vec<_> = told.zip(seen.numbers("a", "full", 0..3_000)).collect();
        assert_eq!(told, [(1_000, 1), (2_000, 0)]);
    }
}
