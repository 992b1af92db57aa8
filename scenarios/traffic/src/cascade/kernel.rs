//! The laws of a cascade: delays and marks.

use super::spec::{CascadeSpec, Kernel};

/// Law of the delays, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Delays {
    /// Density constant up to `flat`, then falling with the power `1 + theta`.
    Power {
        /// Where the power law begins.
        flat: f64,
        /// Its exponent, less 1.
        theta: f64,
        /// The density up to `flat`.
        density: f64,
    },
    /// Exponential.
    Exponential {
        /// Its mean.
        mean: f64,
    },
}

/// `cutoff` and `theta` of the R package `seismic`, from which its `c` = 0.0006265725 follows.
const FLAT: f64 = 300e9;
const THETA: f64 = 0.2314843;

impl Delays {
    pub(super) fn new(spec: &CascadeSpec) -> Self {
        match spec.kernel {
            Kernel::Retweets => {
                let density = 1.0 / (FLAT * (1.0 + 1.0 / THETA));
                Self::Power { flat: FLAT, theta: THETA, density }
            }
            Kernel::Exponential => Self::Exponential { mean: spec.delay.0 as f64 },
        }
    }

    /// Probability of a delay above `age`.
    pub(super) fn above(&self, age: f64) -> f64 {
        match *self {
            Self::Power { flat, density, .. } if age <= flat => 1.0 - density * age,
            Self::Power { flat, theta, density } => {
                density * flat / theta * libm::pow(age / flat, -theta)
            }
            Self::Exponential { mean } => libm::exp(-age / mean),
        }
    }

    /// The delay that is exceeded with probability `p`.
    pub(super) fn exceeded(&self, p: f64) -> f64 {
        match *self {
            Self::Power { flat, theta, density } => {
                let tail = density * flat / theta;
                if p > tail { (1.0 - p) / density } else { flat * libm::pow(tail / p, 1.0 / theta) }
            }
            Self::Exponential { mean } => -mean * libm::log(p),
        }
    }

    /// The time up to which the integral of [`Self::above`] is `area`; infinite if that is never.
    pub(super) fn area_inverse(&self, area: f64) -> f64 {
        match *self {
            Self::Power { flat, theta, density } => {
                let first = flat - density * flat * flat / 2.0;
                if area <= first {
                    // The smaller root of u - density u^2 / 2 = area.
                    return (1.0 - libm::sqrt(1.0 - 2.0 * density * area)) / density;
                }
                let scale = density * flat * flat / (theta * (1.0 - theta));
                flat * libm::pow(1.0 + (area - first) / scale, 1.0 / (1.0 - theta))
            }
            Self::Exponential { mean } if area < mean => -mean * libm::log(1.0 - area / mean),
            Self::Exponential { .. } => f64::INFINITY,
        }
    }
}

/// Law of the marks: Pareto from 1 to `most`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    /// Exponent of the tail of a mark; 0 where all are 1.
    shape: f64,
    most: f64,
}

impl Marks {
    pub(super) fn new(spec: &CascadeSpec) -> Self {
        let all_alike = spec.tail == 0.0 || spec.most == 1.0;
        Self { shape: if all_alike { 0.0 } else { spec.tail - 1.0 }, most: spec.most }
    }

    /// The mean mark.
    pub(super) fn mean(&self) -> f64 {
        let shape = self.shape;
        if shape == 0.0 {
            return 1.0;
        }
        let cut = |power: f64| 1.0 - libm::pow(self.most, -power);
        shape * cut(shape - 1.0) / ((shape - 1.0) * cut(shape))
    }

    /// The mark that is exceeded with probability `p`.
    pub(super) fn exceeded(&self, p: f64) -> f64 {
        self.pareto(self.shape, p)
    }

    /// The same of the mark behind a random retweet, whose law is weighted by the mark.
    pub(super) fn exceeded_by_retweet(&self, p: f64) -> f64 {
        self.pareto(self.shape - 1.0, p)
    }

    fn pareto(&self, shape: f64, p: f64) -> f64 {
        if self.shape == 0.0 {
            return 1.0;
        }
        let end = libm::pow(self.most, -shape);
        libm::pow(p * (1.0 - end) + end, -1.0 / shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measured_kernel_has_its_published_shares_and_constant() {
        let delays = Delays::new(&CascadeSpec::default());
        let Delays::Power { density, .. } = delays else { panic!("the default is measured") };
        assert!((density * 1e9 / 0.000_626_572_5 - 1.0).abs() < 1e-6, "{density}");
        // 19 % within 5 minutes, 54 % within an hour, 78 % within a day: the same integrated.
        for (seconds, share) in [(300.0, 0.188), (3_600.0, 0.543), (86_400.0, 0.781)] {
            let below = 1.0 - delays.above(seconds * 1e9);
            assert!((below - share).abs() < 0.001, "{below} within {seconds} s");
        }
        assert!((delays.exceeded(0.5) / 60e9 - 41.0).abs() < 1.0, "{}", delays.exceeded(0.5));
    }

    #[test]
    fn quantiles_and_areas_undo_what_they_are_of() {
        for kernel in [Kernel::Retweets, Kernel::Exponential] {
            let delays = Delays::new(&CascadeSpec { kernel, ..CascadeSpec::default() });
            for p in [0.999, 0.9, 0.7, 0.3, 0.05] {
                assert!((delays.above(delays.exceeded(p)) - p).abs() < 1e-9, "{kernel:?} {p}");
            }
            // The midpoint rule over 100,000 steps.
            let until = delays.exceeded(0.3);
            let step = until / 1e5;
            let sum: f64 = (0..100_000).map(|n| delays.above(step * (f64::from(n) + 0.5))).sum();
            let back = delays.area_inverse(sum * step);
            assert!((back / until - 1.0).abs() < 1e-6, "{kernel:?}: {back} for {until}");
        }
    }

    #[test]
    fn the_mean_mark_is_that_of_its_quantiles() {
        let marks = Marks::new(&CascadeSpec { most: 1_000.0, ..CascadeSpec::default() });
        let n = 1_000_000;
        let sum: f64 = (0..n).map(|k| marks.exceeded((f64::from(k) + 0.5) / f64::from(n))).sum();
        let mean = sum / f64::from(n);
        assert!((mean / marks.mean() - 1.0).abs() < 1e-3, "{mean} for {}", marks.mean());
    }
}
