//! `clock-jitter`: what it is, how it begins and ends, and that it bites.

use headwater_sim::clock::ClockChange;

use super::prelude::*;
use super::shapes::clock;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockJitter {
    up_to: Duration,
}

impl FaultKind for ClockJitter {
    const ENTRY: Entry = Entry {
        name: "clock-jitter",
        family: Family::Clock,
        what: "Timers of the target come late, each by a draw.",
        parameters: &[("up_to", "at the most")],
        cause: "A loaded scheduler, timer slack.",
        live: Live::Never,
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { up_to: Duration::from_millis(stream.random_range(1..=200)) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(clock(hit, ClockChange::Jitter(self.up_to)))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        clock(hit, ClockChange::Jitter(Duration::ZERO))
    }
}
