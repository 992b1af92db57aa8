//! The base rate, with a daily wave if one is asked for.

use core::f64::consts::PI;

use headwater_sim::time::Time;

use super::spec::DiurnalSpec;

/// `rate x (1 + amplitude x cos(2 pi (t - peak) / period))`, in events per nanosecond.
#[derive(Clone, Debug)]
pub(super) struct Base {
    per_nano: f64,
    /// Mean nanoseconds between events.
    gap: f64,
    amplitude: f64,
    peak: f64,
    /// Radians per nanosecond.
    pace: f64,
}

impl Base {
    pub(super) fn new(per_nano: f64, diurnal: &DiurnalSpec) -> Self {
        Self {
            per_nano,
            gap: 1.0 / per_nano,
            amplitude: diurnal.amplitude,
            peak: diurnal.peak.0 as f64,
            pace: 2.0 * PI / diurnal.period.0 as f64,
        }
    }

    /// The rate at `at`, in events per nanosecond.
    pub(super) fn rate(&self, at: Time) -> f64 {
        self.rate_at(at.0 as f64)
    }

    fn rate_at(&self, at: f64) -> f64 {
        if self.amplitude == 0.0 {
            return self.per_nano;
        }
        self.per_nano * (1.0 + self.amplitude * libm::cos(self.pace * (at - self.peak)))
    }

    /// Events expected from 0 to `at`.
    fn cumulative(&self, at: f64) -> f64 {
        let wave = libm::sin(self.pace * (at - self.peak)) + libm::sin(self.pace * self.peak);
        self.per_nano * (at + self.amplitude / self.pace * wave)
    }

    /// The time at which `count` events are expected, near `guess`: Newton's steps inside a bracket
    /// that shrinks, to a quarter of a nanosecond.
    pub(super) fn inverse(&self, count: f64, guess: f64) -> f64 {
        let flat = count * self.gap;
        if self.amplitude == 0.0 {
            return flat;
        }
        let swing = 2.0 * self.amplitude / self.pace;
        let (mut low, mut high) = ((flat - swing).max(0.0), flat + swing);
        let mut at = guess.clamp(low, high);
        for _ in 0..64 {
            let excess = self.cumulative(at) - count;
            if excess > 0.0 {
                high = at;
            } else {
                low = at;
            }
            let newton = at - excess / self.rate_at(at);
            let next = if (low..=high).contains(&newton) { newton } else { (low + high) / 2.0 };
            let step = next - at;
            at = next;
            if (-0.25..=0.25).contains(&step) {
                break;
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_sim::time::Duration;

    #[test]
    fn the_inverse_undoes_the_cumulative_rate_even_when_events_are_rarer_than_waves() {
        for per_second in [0.01, 1.0, 1600.0] {
            let day = DiurnalSpec {
                amplitude: 0.9,
                period: Duration::from_secs(60),
                peak: Duration::from_secs(17),
            };
            let base = Base::new(per_second / 1e9, &day);
            for count in [0.5, 1.5, 33.0, 4_000.0] {
                let at = base.inverse(count, 0.0);
                let back = base.cumulative(at);
                assert!((back - count).abs() < 1e-6, "{per_second}/s: {count} came back {back}");
            }
        }
    }
}
