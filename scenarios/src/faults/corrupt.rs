//! `corrupt`: what it is, how it begins and ends, and a test that it bites.

use super::draw::rate;
use super::parameters::{DISK, Probability};
use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Corrupt {
    #[serde(default)]
    disk: u8,
    rate: Probability,
}

impl FaultKind for Corrupt {
    const ENTRY: Entry = Entry {
        name: "corrupt",
        family: Family::Storage,
        what: "Durable records go bad on the medium, found by the next cold read.",
        parameters: &[DISK, ("rate", "part of the records, 0 to 1")],
        cause: "Latent sector errors, bit rot.",
        live: Live::ByHand("dd over a part of a file"),
        damage: Damage::Durable,
        needs_end: false,
        overlap: Overlap::Separate,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { disk: 0, rate: rate(stream, 50_000) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let (disk, ppm) = (self.disk, self.rate.ppm());
        at_once(hit.each_machine(|machine| Fault::Corrupt { machine, disk, ppm }))
    }

    fn end(&self, _: &Situation<'_>) -> Vec<Fault> {
        // What is corrupt stays so.
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'corrupt'\nrate = 1");
        assert_eq!(seen.count("a", "damaged", BEFORE), 0);
        assert_eq!((seen.count("a", "damaged", AFTER), seen.count("a", "read", AFTER)), (50, 0));
        assert_eq!(seen.count("b", "damaged", AFTER), 0);
    }
}
