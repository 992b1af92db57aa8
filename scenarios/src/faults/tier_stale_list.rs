//! `tier-stale-list`: what it is, how it begins and ends, and a test that it bites.

use super::prelude::*;
use super::shapes::tier;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TierStaleList {
    lag: Duration,
}

impl FaultKind for TierStaleList {
    const ENTRY: Entry = Entry {
        name: "tier-stale-list",
        family: Family::Tier,
        what: "What was written shows in lengths and lists only after a while.",
        parameters: &[("lag", "how long")],
        cause: "Stores without list-after-write consistency (S3 before 2020).",
        live: Live::Never,
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { lag: Duration::from_millis(stream.random_range(50..=3_000)) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(tier(hit, "stale_list_ns", self.lag.0))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        tier(hit, "stale_list_ns", 0)
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::hit;

    #[test]
    fn bites() {
        let seen = hit("kind = 'tier-stale-list'\nlag = '9ms'");
        let told = seen.times("a", "stale_list_ns", 0..3_000).into_iter();
        let told: Vec<_> = told.zip(seen.numbers("a", "stale_list_ns", 0..3_000)).collect();
        assert_eq!(told, [(1_000, 9_000_000), (2_000, 0)]);
    }
}
