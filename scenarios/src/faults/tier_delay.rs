//! `tier-delay`: what it is, how it begins and ends, and a test that it bites.

use super::prelude::*;
use super::shapes::tier;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TierDelay {
    extra: Duration,
}

impl FaultKind for TierDelay {
    const ENTRY: Entry = Entry {
        name: "tier-delay",
        family: Family::Tier,
        what: "Requests to tiered storage take longer.",
        parameters: &[("extra", "how much longer")],
        cause: "A store under load.",
        live: Live::ByHand("a delaying proxy"),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| {
            Self { extra: Duration::from_millis(stream.random_range(10..=2_000)) }.into()
        },
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(tier(hit, "delay_ns", self.extra.0))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        tier(hit, "delay_ns", 0)
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::hit;

    #[test]
    fn bites() {
        let seen = hit("kind = 'tier-delay'\nextra = '7ms'");
        let told = seen.times("a", "delay_ns", 0..3_000).into_iter();
        let told: Vec<_> = told.zip(seen.numbers("a", "delay_ns", 0..3_000)).collect();
        assert_eq!(told, [(1_000, 7_000_000), (2_000, 0)]);
    }
}
