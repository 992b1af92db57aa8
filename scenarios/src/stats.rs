//! Statistics of small samples: means with Student's t confidence intervals.

use serde::{Deserialize, Serialize};

/// A mean over replications, with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half the width of the interval; none with fewer than two replications.
    pub half_width: Option<f64>,
    /// Replications.
    pub count: usize,
}

impl Estimate {
    /// Of these values; none if there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let half_width = (count > 1).then(|| {
            let squares = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
            let deviation = libm::sqrt(squares / (count - 1) as f64);
            t_quantile(0.975, (count - 1) as f64) * deviation / libm::sqrt(count as f64)
        });
        Some(Self { mean, half_width, count })
    }

    /// Whether zero lies outside of the interval.
    pub fn is_significant(&self) -> bool {
        self.half_width.is_some_and(|half| self.mean.abs() > half)
    }
}

/// The quantile of Student's t with `freedom` degrees of freedom, by bisection of its distribution.
pub fn t_quantile(share: f64, freedom: f64) -> f64 {
    if share < 0.5 {
        return -t_quantile(1.0 - share, freedom);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while t_below(high, freedom) < share {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if t_below(middle, freedom) < share { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// P(T <= t) for t >= 0.
fn t_below(t: f64, freedom: f64) -> f64 {
    1.0 - 0.5 * incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)
}

/// The regularised incomplete beta function, by Lentz's continued fraction (Numerical Recipes 6.4).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let log_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let front = libm::exp(a * libm::log(x) + b * libm::log(1.0 - x) - log_beta) / a;
    let tiny = 1e-300;
    let away = |value: f64| if value.abs() < tiny { tiny } else { value };
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for step in [even, odd] {
            d = 1.0 / away(1.0 + step * d);
            c = away(1.0 + step / c);
            fraction *= d * c;
        }
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front * fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (freedom, want) in [(1.0, 12.706_2), (2.0, 4.302_65), (9.0, 2.262_16), (29.0, 2.045_23)]
        {
            let found = t_quantile(0.975, freedom);
            assert!((found - want).abs() < 1e-4, "t(0.975, {freedom}) = {found}, not {want}");
        }
    }

    #[test]
    fn an_estimate_has_the_interval_of_the_textbook() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        // s = 1.5811, t(4) = 2.7764: 2.7764 * 1.5811 / sqrt(5) = 1.9632
        let half = estimate.half_width.unwrap();
        assert!((half - 1.963_2).abs() < 1e-3, "{half}");
        assert!(estimate.is_significant());
        assert_eq!(Estimate::of(&[7.0]).unwrap().half_width, None);
    }
}
