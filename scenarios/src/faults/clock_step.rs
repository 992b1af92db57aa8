//! `clock-step`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::clock::ClockChange;

use super::draw::shift;
use super::parameters::Shift;
use super::prelude::*;
use super::situation::Turn;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockStep {
    by: Shift,
    every: Duration,
}

impl FaultKind for ClockStep {
    const ENTRY: Entry = Entry {
        name: "clock-step",
        family: Family::Clock,
        what: "The wall clock of the target jumps there and back, again and again.",
        parameters: &[("by", "how far"), ("every", "how long between jumps")],
        cause: "NTP that fights with the hypervisor (Jepsen `strobe`).",
        live: Live::Never,
        damage: Damage::Slow,
        needs_end: true,
        overlap: Overlap::Separate,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| {
            Self {
                by: shift(stream),
                every: Duration::from_millis(stream.random_range(50..=1_000)),
            }
            .into()
        },
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        hit.repeated(|node, _| {
            let step = |by| Fault::Clock { node, change: ClockChange::Step(by) };
            Turn {
                on: step(self.by.0),
                lasts: self.every,
                off: step(-self.by.0),
                rests: self.every,
            }
        })
    }

    fn end(&self, _: &Situation<'_>) -> Vec<Fault> {
        // Each jump was taken back.
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'clock-step'\nby = '2s'\nevery = '100ms'");
        let errors = |within| seen.clock_errors("a", within);
        assert!(errors(BEFORE).iter().all(|error| *error == 0));
        let ahead = errors(1_000..2_000).iter().filter(|error| **error == 2_000_000).count();
        assert!((45..=55).contains(&ahead), "there and back: {ahead} of 100 ticks");
        assert!(errors(AFTER).iter().all(|error| *error == 0));
    }
}
