//! Distributions of durations: what a disk, a link or a garbage collector takes.

use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inversion::{Exp1, StandardNormal};
use crate::random::ChancePpm;
use crate::time::Duration;

/// A distribution of durations. All times are nanoseconds inside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "shape", deny_unknown_fields)]
pub enum Distribution {
    /// Always the same.
    Constant {
        /// The value.
        value: Duration,
    },
    /// Every value from `low` to `high` as likely.
    Uniform {
        /// The least.
        low: Duration,
        /// The greatest.
        high: Duration,
    },
    /// `floor` plus an exponential of the given mean.
    Exponential {
        /// The least.
        floor: Duration,
        /// The mean of what is added to the floor.
        mean: Duration,
    },
    /// Lognormal with the given median and 99th percentile.
    LogNormal {
        /// The median.
        median: Duration,
        /// The 99th percentile; at least the median.
        p99: Duration,
    },
    /// One distribution usually, another with probability `tail_ppm` in a million.
    Bimodal {
        /// The usual one.
        usual: Box<Distribution>,
        /// The rare one.
        tail: Box<Distribution>,
        /// How often the rare one, in a million.
        tail_ppm: u32,
    },
    /// Measured quantiles, ascending in both columns, linear in between.
    Quantiles {
        /// (probability in millionths, value); the first at 0, the last at 1,000,000.
        points: Vec<(u32, Duration)>,
    },
}

/// The standard normal's 99th percentile.
const Z99: f64 = 2.326_347_874_040_841;

impl Distribution {
    /// Always `value`.
    pub const fn constant(value: Duration) -> Self {
        Self::Constant { value }
    }

    /// Uniform from `low` to `high`.
    pub const fn uniform(low: Duration, high: Duration) -> Self {
        Self::Uniform { low, high }
    }

    /// What is wrong with the parameters, if anything.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Constant { .. } | Self::Exponential { .. } => Ok(()),
            Self::Uniform { low, high } if low > high => {
                Err(format!("uniform from {low} to {high}: the low end is above the high end"))
            }
            Self::Uniform { .. } => Ok(()),
            Self::LogNormal { median, p99 } if median.0 == 0 || p99 < median => {
                Err(format!("lognormal with median {median} and p99 {p99}: need 0 < median <= p99"))
            }
            Self::LogNormal { .. } => Ok(()),
            Self::Bimodal { usual, tail, tail_ppm } => {
                if *tail_ppm > 1_000_000 {
                    return Err(format!("tail_ppm {tail_ppm} is above a million"));
                }
                usual.check().and_then(|()| tail.check())
            }
            Self::Quantiles { points } => check_quantiles(points),
        }
    }

    /// The mean, exact for the closed forms and for the piecewise-linear quantiles.
    pub fn mean(&self) -> Duration {
        match self {
            Self::Constant { value } => *value,
            Self::Uniform { low, high } => Duration((low.0 + high.0) / 2),
            Self::Exponential { floor, mean } => *floor + *mean,
            Self::LogNormal { median, p99 } => {
                let sigma = libm::log(p99.0 as f64 / median.0.max(1) as f64) / Z99;
                Duration((median.0 as f64 * libm::exp(sigma * sigma / 2.0)) as u64)
            }
            Self::Bimodal { usual, tail, tail_ppm } => {
                let share = f64::from(*tail_ppm) / 1e6;
                let (usual, tail) = (usual.mean().0 as f64, tail.mean().0 as f64);
                Duration((usual * (1.0 - share) + tail * share) as u64)
            }
            Self::Quantiles { points } => {
                let area = points.windows(2).map(|pair| {
                    f64::from(pair[1].0 - pair[0].0) * (pair[0].1.0 + pair[1].1.0) as f64 / 2.0
                });
                Duration((area.sum::<f64>() / 1e6) as u64)
            }
        }
    }
}

impl rand::distr::Distribution<Duration> for Distribution {
    #[inline]
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> Duration {
        match self {
            Self::Constant { value } => *value,
            Self::Uniform { low, high } => Duration(rng.random_range(low.0..=high.0)),
            _ => sample_curved(self, rng),
        }
    }
}

/// One draw of a shape that takes more than a multiplication.
fn sample_curved<R: Rng + ?Sized>(shape: &Distribution, rng: &mut R) -> Duration {
    match shape {
        Distribution::Constant { .. } | Distribution::Uniform { .. } => rng.sample(shape),
        Distribution::Exponential { floor, mean } => {
            *floor + Duration((rng.sample(Exp1) * mean.0 as f64) as u64)
        }
        Distribution::LogNormal { median, p99 } => log_normal(*median, *p99, rng),
        Distribution::Bimodal { usual, tail, tail_ppm } => {
            let shape = if rng.sample(ChancePpm(*tail_ppm)) { tail } else { usual };
            rng.sample(&**shape)
        }
        Distribution::Quantiles { points } => {
            quantile(points, rng.random_range(0..=1_000_000_u64) as u32)
        }
    }
}

fn log_normal<R: Rng + ?Sized>(median: Duration, p99: Duration, rng: &mut R) -> Duration {
    let sigma = libm::log(p99.0 as f64 / median.0.max(1) as f64) / Z99;
    Duration((median.0 as f64 * libm::exp(sigma * rng.sample(StandardNormal))) as u64)
}

fn quantile(points: &[(u32, Duration)], at: u32) -> Duration {
    let upper = points.partition_point(|(p, _)| *p < at).clamp(1, points.len() - 1);
    let ((p0, v0), (p1, v1)) = (points[upper - 1], points[upper]);
    let (rise, run) = (v1.0.saturating_sub(v0.0), u64::from(p1 - p0).max(1));
    v0 + Duration((u128::from(rise) * u128::from(at - p0) / u128::from(run)) as u64)
}

fn check_quantiles(points: &[(u32, Duration)]) -> Result<(), String> {
    let ends = (points.first().map(|p| p.0), points.last().map(|p| p.0));
    if points.len() < 2 || ends != (Some(0), Some(1_000_000)) {
        return Err("quantiles need a first point at 0 and a last at 1,000,000".into());
    }
    match points.windows(2).find(|pair| pair[0].0 >= pair[1].0 || pair[0].1 > pair[1].1) {
        Some(pair) => {
            Err(format!("quantiles must ascend, but {:?} precedes {:?}", pair[0], pair[1]))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;
    use rand::distr::Distribution as _;

    #[test]
    fn every_shape_has_the_mean_it_states() {
        let us = Duration::from_micros;
        let shapes = [
            Distribution::constant(us(10)),
            Distribution::uniform(us(1), us(9)),
            Distribution::Exponential { floor: us(5), mean: us(20) },
            Distribution::LogNormal { median: us(100), p99: us(400) },
            Distribution::Quantiles {
                points: vec![(0, us(1)), (500_000, us(2)), (1_000_000, us(10))],
            },
        ];
        for shape in shapes {
            shape.check().unwrap();
            let mut stream = Seed(3).stream("shape", 0);
            let sum: u64 = (0..200_000).map(|_| shape.sample(&mut stream).0).sum();
            let (mean, want) = (sum as f64 / 2e5, shape.mean().0 as f64);
            assert!((mean / want - 1.0).abs() < 0.02, "{shape:?}: {mean} against {want}");
        }
    }

    #[test]
    fn draws_are_golden() {
        let us = Duration::from_micros;
        let usual = Box::new(Distribution::uniform(us(1), us(9)));
        let tail = Box::new(Distribution::constant(us(500)));
        let points = vec![(0, us(1)), (500_000, us(2)), (1_000_000, us(10))];
        let shapes = [
            (Distribution::uniform(us(1), us(9)), [4131, 3306, 1677, 8615]),
            (Distribution::Exponential { floor: us(5), mean: us(20) }, [23759, 29878, 54367, 5988]),
            (
                Distribution::LogNormal { median: us(100), p99: us(400) },
                [84852, 71690, 44096, 269280],
            ),
            (Distribution::Bimodal { usual, tail, tail_ppm: 300_000 }, [3306, 500000, 2073, 4743]),
            (Distribution::Quantiles { points }, [1782, 1576, 1169, 9228]),
        ];
        for (shape, golden) in shapes {
            let mut stream = Seed(7).stream("golden", 0);
            let drawn = [(); 4].map(|()| shape.sample(&mut stream).0);
            assert_eq!(drawn, golden, "{shape:?}");
        }
    }
}
