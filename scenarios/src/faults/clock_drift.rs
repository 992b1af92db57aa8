//! `clock-drift`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::clock::ClockChange;

use super::prelude::*;
use super::shapes::clock;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClockDrift {
    ppm: i32,
}

impl FaultKind for ClockDrift {
    const ENTRY: Entry = Entry {
        name: "clock-drift",
        family: Family::Clock,
        what: "The target's clocks run fast or slow; so do its timers.",
        parameters: &[("ppm", "microseconds gained a second; negative: lost")],
        cause: "Quartz, virtual machines.",
        live: Live::Never,
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { ppm: stream.random_range(0..=2_000_u64) as i32 - 1_000 }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(clock(hit, ClockChange::Drift(i64::from(self.ppm) * NANOS_PER_PPM)))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        clock(hit, ClockChange::Drift(0))
    }
}

/// One part per million, as scenario files state clock drift, in nanoseconds a second.
const NANOS_PER_PPM: i64 = 1_000;

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, DURING, hit};

    #[test]
    fn bites() {
        // A tenth faster: ten timers run out in the time of nine, or nearly so.
        let seen = hit("kind = 'clock-drift'\nppm = 100_000");
        let ticks = |within| seen.count("a", "tick", within);
        assert_eq!(ticks(BEFORE), 50);
        assert!((106..=108).contains(&ticks(DURING)), "{} of 97", ticks(DURING));
        assert!((49..=51).contains(&ticks(AFTER)), "{}", ticks(AFTER));
        let gained = *seen.clock_errors("a", AFTER).last().expect("it ticks");
        assert!((99_000..101_000).contains(&gained), "{gained} us in a second");
    }
}
