//! `tier-partial-uploads`: what it is, how it begins and ends, and a test that it bites.

use super::draw::rate;
use super::parameters::Probability;
use super::prelude::*;
use super::shapes::tier;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TierPartialUploads {
    rate: Probability,
}

impl FaultKind for TierPartialUploads {
    const ENTRY: Entry = Entry {
        name: "tier-partial-uploads",
        family: Family::Tier,
        what: "Uploads break off after a part: an error, and a file keeps the part, an object \
               none of it.",
        parameters: &[("rate", "part of the uploads, 0 to 1")],
        cause: "A client or a gateway that dies between parts.",
        live: Live::ByHand("a proxy that closes"),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { rate: rate(stream, 200_000) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(tier(hit, "partial_upload_ppm", self.rate.ppm().into()))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        tier(hit, "partial_upload_ppm", 0)
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::hit;

    #[test]
    fn bites() {
        let seen = hit("kind = 'tier-partial-uploads'\nrate = 0.5");
        let told = seen.times("a", "partial_upload_ppm", 0..3_000).into_iter();
        let told: Vec<_> = told.zip(seen.numbers("a", "partial_upload_ppm", 0..3_000)).collect();
        assert_eq!(told, [(1_000, 500_000), (2_000, 0)]);
    }
}
