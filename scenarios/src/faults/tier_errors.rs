//! `tier-errors`: what it is, how it begins and ends, and a test that it bites.

use super::draw::{rate, status};
use super::parameters::{Probability, TierStatus};
use super::prelude::*;
use super::shapes::tier;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TierErrors {
    status: TierStatus,
    rate: Probability,
}

impl FaultKind for TierErrors {
    const ENTRY: Entry = Entry {
        name: "tier-errors",
        family: Family::Tier,
        what: "Requests to tiered storage fail with a status.",
        parameters: &[("status", "429, 500 or 503"), ("rate", "part of the requests, 0 to 1")],
        cause: "Rate limits, deployments of the store.",
        live: Live::ByHand("a proxy that answers"),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { status: status(stream), rate: rate(stream, 300_000) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(tier(hit, self.condition(), self.rate.ppm().into()))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        tier(hit, self.condition(), 0)
    }
}

impl TierErrors {
    /// The condition of tiered storage that it sets: see `headwater_models::tier`.
    const fn condition(&self) -> &'static str {
        match self.status {
            TierStatus::TooManyRequests => "too_many_requests_ppm",
            TierStatus::InternalError => "internal_error_ppm",
            TierStatus::Unavailable => "unavailable_ppm",
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::hit;

    #[test]
    fn bites() {
        let seen = hit("kind = 'tier-errors'\nstatus = 503\nrate = 0.25");
        let told = seen.times("a", "unavailable_ppm", 0..3_000).into_iter();
        let told: Vec<_> = told.zip(seen.numbers("a", "unavailable_ppm", 0..3_000)).collect();
        assert_eq!(told, [(1_000, 250_000), (2_000, 0)]);
    }
}
