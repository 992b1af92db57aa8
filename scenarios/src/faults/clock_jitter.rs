//! `clock-jitter`: what it is, how it begins and ends, and a test that it bites.

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

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'clock-jitter'\nup_to = '8ms'");
        let ticks = |within| seen.count("a", "tick", within);
        assert_eq!(ticks(BEFORE), 50);
        let late = ticks(1_000..2_000);
        assert!((60..85).contains(&late), "{late} of 100, each 4 ms late on average");
        assert!((49..=51).contains(&ticks(AFTER)), "{}", ticks(AFTER));
    }
}
