//! Curves: costly monotone functions of a probability, tabulated.
//!
//! A quantile of a lognormal or normal law takes a logarithm, an exponential or an error function
//! in software, some 100 ns together. Between 1/64 and 63/64 a curve goes in straight lines between
//! 2,048 points instead; in the tails, where it curves, it is computed.

const BINS: usize = 2_048;
/// Bins at either end that are not tabulated.
const TAIL: usize = BINS / 64;

/// A function on the open interval (0, 1) as a table of its values.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    points: Vec<f64>,
}

impl Curve {
    /// Tabulates `exact`.
    pub(super) fn new(exact: impl Fn(f64) -> f64) -> Self {
        let inside = TAIL..=BINS - TAIL;
        let point = |bin| if inside.contains(&bin) { exact(bin as f64 / BINS as f64) } else { 0.0 };
        Self { points: (0..=BINS).map(point).collect() }
    }

    /// Its value at `p`; `exact` is the function that it was made from.
    #[inline]
    pub(super) fn at(&self, p: f64, exact: impl Fn(f64) -> f64) -> f64 {
        let x = p * BINS as f64;
        let bin = x as usize;
        if !(TAIL..BINS - TAIL).contains(&bin) {
            return exact(p);
        }
        let (left, right) = (self.points[bin], self.points[bin + 1]);
        left + (right - left) * (x - bin as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_sim::inversion::normal_quantile;

    #[test]
    fn a_curve_is_its_function_to_two_parts_in_ten_thousand() {
        let exact = |p| libm::exp(1.6 * normal_quantile(p));
        let curve = Curve::new(exact);
        for step in 0..100_000 {
            let p = (f64::from(step) + 0.5) / 100_000.0;
            let error = curve.at(p, exact) / exact(p) - 1.0;
            assert!(error.abs() < 2e-4, "{error} at {p}");
        }
    }
}
