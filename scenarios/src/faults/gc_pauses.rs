//! `gc-pauses`: what it is, how it begins and ends, and a test that it bites.

use rand::distr::Distribution;

use super::draw::pause;
use super::parameters::Extra;
use super::prelude::*;
use super::situation::Turn;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GcPauses {
    length: Extra,
    every: Duration,
}

impl FaultKind for GcPauses {
    const ENTRY: Entry = Entry {
        name: "gc-pauses",
        family: Family::Process,
        what: "The process stands still now and then, as under a garbage collector.",
        parameters: &[
            ("length", "of a pause: a time, or a distribution"),
            ("every", "from the end of one to the next"),
        ],
        cause: "A Java heap that is too small.",
        live: Live::Signal("SIGSTOP and SIGCONT, repeated"),
        damage: Damage::Slow,
        needs_end: true,
        overlap: Overlap::Separate,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| {
            Self {
                length: pause(stream),
                every: Duration::from_millis(stream.random_range(200..=5_000)),
            }
            .into()
        },
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        hit.repeated(|node, stream| {
            let (on, off) = (Fault::Pause { node }, Fault::Resume { node });
            Turn { on, lasts: self.length.0.sample(stream), off, rests: self.every }
        })
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        hit.each_node(|node| Fault::Resume { node })
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'gc-pauses'\nlength = '50ms'\nevery = '150ms'");
        let stops = |within| {
            let ticks = seen.times("a", "tick", within);
            ticks.windows(2).filter(|pair| pair[1] - pair[0] >= 40).count()
        };
        assert_eq!((stops(BEFORE), stops(990..2_000), stops(AFTER)), (0, 5, 0));
    }
}
