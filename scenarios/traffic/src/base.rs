//! The base rate: a daily wave and a path over it, if they are asked for.

use core::f64::consts::PI;
use std::sync::Arc;

use headwater_sim::random::Seed;
use headwater_sim::time::Time;

use super::languages::Languages;
use super::path::Path;
use super::spec::{DiurnalSpec, TrafficSpec};

/// `rate x (1 + amplitude x cos(2 pi (t - peak) / period)) x path(t)`, in events per nanosecond.
#[derive(Clone, Debug)]
pub(super) struct Base {
    per_nano: f64,
    /// Mean nanoseconds between events.
    gap: f64,
    amplitude: f64,
    peak: f64,
    /// Radians per nanosecond.
    pace: f64,
    path: Option<Arc<Path>>,
}

impl Base {
    /// With `per_nano` events per nanosecond on average.
    pub(super) fn new(per_nano: f64, diurnal: &DiurnalSpec) -> Self {
        Self {
            per_nano,
            gap: 1.0 / per_nano,
            amplitude: diurnal.amplitude,
            peak: diurnal.peak.0 as f64,
            pace: 2.0 * PI / diurnal.period.0 as f64,
            path: None,
        }
    }

    /// The whole base of a description.
    pub(super) fn of(spec: &TrafficSpec, seed: Seed, per_nano: f64, languages: &Languages) -> Self {
        let mut base = Self::new(per_nano, &spec.diurnal);
        if base.amplitude > 0.0
            && let Some((share, later)) = languages.wave()
        {
            base.amplitude *= share;
            base.peak += later;
        }
        let week = (&spec.weekly, spec.diurnal.period);
        let (noise, regimes) = (&spec.noise, &spec.regimes);
        let path = Path::new(week, noise, regimes, (seed, spec.duration), |at| base.cumulative(at));
        base.path = path.map(Arc::new);
        base
    }

    /// The rate at `at`, in events per nanosecond.
    pub(super) fn rate(&self, at: Time) -> f64 {
        let rate = self.rate_at(at.0 as f64);
        self.path.as_ref().map_or(rate, |path| rate * path.step_at(at).factor)
    }

    fn rate_at(&self, at: f64) -> f64 {
        if self.amplitude == 0.0 {
            return self.per_nano;
        }
        self.per_nano * (1.0 + self.amplitude * libm::cos(self.pace * (at - self.peak)))
    }

    /// Events expected from 0 to `at`, without the path.
    fn cumulative(&self, at: f64) -> f64 {
        let wave = libm::sin(self.pace * (at - self.peak)) + libm::sin(self.pace * self.peak);
        self.per_nano * (at + self.amplitude / self.pace * wave)
    }

    /// Events expected from 0 to `at`.
    pub(super) fn expected(&self, at: Time) -> f64 {
        let base = self.cumulative(at.0 as f64);
        let Some(path) = &self.path else { return base };
        let step = path.step_at(at);
        step.count + (base - step.base) * step.factor
    }

    /// The time at which `count` events are expected, near `guess`; infinite if that is never.
    #[inline]
    pub(super) fn inverse(&self, count: f64, guess: f64) -> f64 {
        let Some(path) = &self.path else { return self.plain_inverse(count, guess) };
        let step = path.step_of(count);
        let within = (count - step.count) / step.factor;
        if within.is_finite() {
            self.plain_inverse(step.base + within, guess).max(step.from)
        } else {
            f64::INFINITY
        }
    }

    /// Without the path: Newton's steps inside a bracket that shrinks, to a quarter of a
    /// nanosecond.
    fn plain_inverse(&self, count: f64, guess: f64) -> f64 {
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

    #[test]
    fn the_inverse_undoes_the_cumulative_rate_through_days_noise_and_regimes() {
        let mut spec = TrafficSpec { duration: Duration::from_secs(600), ..Default::default() };
        spec.diurnal.amplitude = 0.5;
        spec.diurnal.period = Duration::from_secs(40);
        spec.weekly.days = [1.0, 2.0, 0.0, 1.0, 1.0, 0.5, 0.7];
        spec.noise.sigma = 0.5;
        spec.noise.correlation = Duration::from_secs(10);
        spec.regimes.busy = 4.8;
        let base = Base::of(&spec, Seed(3), 1e-6, &Languages::default());
        let all = base.expected(Time(600_000_000_000));
        for n in 0..1_000 {
            let count = all * (f64::from(n) + 0.5) / 1_000.0;
            let at = base.inverse(count, 0.0);
            let back = base.expected(Time(at as u64));
            assert!((back - count).abs() < 1e-3, "{count} came back {back}, at {at}");
        }
    }
}
