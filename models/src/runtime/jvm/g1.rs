//! How large G1 makes eden: as large as the pause's target allows, by the pauses so far.
//!
//! Stands for `G1Policy` and `G1Predictions` @ JDK 17.

/// Percent of the heap that eden has at the least and at the most (`G1NewSizePercent`,
/// `G1MaxNewSizePercent`).
const EDEN_PERCENT: [u64; 2] = [5, 60];
/// Percent of the heap from which on the old generation is marked
/// (`InitiatingHeapOccupancyPercent`).
pub(super) const MARK_PERCENT: u64 = 45;
/// Eden in survivor spaces (`SurvivorRatio`).
pub(super) const SURVIVOR_RATIO: u64 = 8;

/// Share of a pause that does not depend on eden: of Kafka's brokers, by the edens that followed
/// pauses of 12 to 29 ms (docs/VALIDATION.md).
const BASE: f64 = 0.8;
/// How much the last pause counts for (`AbsSeq`), and how many deviations are added to the mean
/// (`G1ConfidencePercent`).
const LAST: f64 = 0.3;
const DEVIATIONS: f64 = 0.5;

/// Bytes that eden has at the least and at the most, of such a heap.
pub(super) fn eden(heap: u64) -> [u64; 2] {
    EDEN_PERCENT.map(|percent| heap / 100 * percent)
}

/// What G1 expects of a quantity.
#[derive(Clone, Copy, Debug, Default)]
struct Expected {
    mean: f64,
    variance: f64,
}

impl Expected {
    fn add(&mut self, sample: f64) {
        let known = self.mean > 0.0;
        self.mean = if known { LAST * sample + (1.0 - LAST) * self.mean } else { sample };
        let off = sample - self.mean;
        self.variance = LAST * off * off + (1.0 - LAST) * self.variance;
    }

    fn value(&self) -> f64 {
        self.mean + DEVIATIONS * libm::sqrt(self.variance)
    }
}

/// What it has learnt of its pauses, in nanoseconds: what does not depend on eden, and what a byte
/// of it takes.
#[derive(Debug, Default)]
pub(super) struct Policy {
    base: Expected,
    byte: Expected,
}

impl Policy {
    /// A collection of so large an eden stopped the world for so many nanoseconds.
    pub(super) fn paused(&mut self, pause: u64, eden: u64) {
        self.base.add(pause as f64 * BASE);
        self.byte.add(pause as f64 * (1.0 - BASE) / eden as f64);
    }

    /// Bytes of eden for pauses of so many milliseconds, of such a heap.
    pub(super) fn wanted(&self, target_millis: u64, heap: u64) -> u64 {
        let [least, most] = eden(heap);
        let target = target_millis as f64 * 1e6;
        let wanted = (target - self.base.value()) / self.byte.value().max(f64::MIN_POSITIVE);
        (wanted as u64).clamp(least, most)
    }
}
