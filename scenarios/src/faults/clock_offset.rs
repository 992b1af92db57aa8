//! `clock-offset`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::clock::ClockChange;

use super::draw::shift;
use super::parameters::Shift;
use super::prelude::*;
use super::shapes::clock;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockOffset {
    by: Shift,
}

impl FaultKind for ClockOffset {
    const ENTRY: Entry = Entry {
        name: "clock-offset",
        family: Family::Clock,
        what: "The wall clock of the target is off.",
        parameters: &[("by", "how much; \"-3s\" for late")],
        cause: "No NTP.",
        live: Live::Never,
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Separate,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { by: shift(stream) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(clock(hit, ClockChange::Step(self.by.0)))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        clock(hit, ClockChange::Step(-self.by.0))
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, DURING, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'clock-offset'\nby = '-300ms'");
        let off = |within, by: i64| seen.clock_errors("a", within).iter().all(|error| *error == by);
        assert!(off(BEFORE, 0) && off(DURING, -300_000) && off(AFTER, 0));
        assert_eq!(seen.count("a", "tick", DURING), 97, "timers run as before");
    }
}
