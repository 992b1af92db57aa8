//! The knee of a curve, by Kneedle: V. Satopaa, J. Albrecht, D. Irwin, B. Raghavan, "Finding a
//! 'Kneedle' in a Haystack: Detecting Knee Points in System Behavior", ICDCSW 2011, without its
//! smoothing, which so few points do not need.

/// How far from the straight line between the ends a knee lies at least, where both axes go from 0
/// to 1.
const DISTANCE_MIN: f64 = 0.2;

/// How much of its largest value a curve changes at least.
const CHANGE_MIN: f64 = 0.2;

/// Points that a curve has at least.
const POINTS_MIN: usize = 4;

/// Which of the points, by rising x, is the knee: the one that lies furthest from the straight line
/// between the ends. Nothing where the curve is flat, nearly straight, or of too few points.
pub fn knee(points: &[(f64, f64)]) -> Option<usize> {
    if points.len() < POINTS_MIN {
        return None;
    }
    let (first, last) = (points[0], points[points.len() - 1]);
    let low = points.iter().map(|(_, y)| *y).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|(_, y)| *y).fold(f64::NEG_INFINITY, f64::max);
    let most = low.abs().max(high.abs());
    if high - low <= CHANGE_MIN * most || first.0 >= last.0 {
        return None;
    }
    let rises = last.1 >= first.1;
    let distance = |(x, y): &(f64, f64)| {
        let x = (x - first.0) / (last.0 - first.0);
        let y = (y - low) / (high - low);
        (y - if rises { x } else { 1.0 - x }).abs()
    };
    let inner = points.iter().enumerate().skip(1).take(points.len() - 2);
    let all = inner.map(|(index, point)| (index, distance(point)));
    let (index, distance) = all.max_by(|left, right| left.1.total_cmp(&right.1))?;
    (distance >= DISTANCE_MIN).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(of: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (0..10).map(f64::from).map(|x| (x, of(x))).collect()
    }

    #[test]
    fn latency_bends_up_throughput_bends_over_and_returns_diminish() {
        // Waiting in an M/M/1 queue under a load of 0 to 0.99.
        let waits = curve(|x| 1.0 / (1.0 - x * 0.11));
        assert!(matches!(knee(&waits), Some(7 | 8)), "{:?}", knee(&waits));
        assert_eq!(knee(&curve(|x| x.min(3.0) + 1.0)), Some(3), "saturates");
        assert_eq!(knee(&curve(|x| (4.0 - x).max(0.0) + 1.0)), Some(4), "no more to gain");
    }

    #[test]
    fn a_straight_a_flat_and_a_short_curve_have_none() {
        assert_eq!(knee(&curve(|x| 2.0 * x + 1.0)), None);
        assert_eq!(knee(&curve(|x| 100.0 + (x * 1.7).sin())), None);
        assert_eq!(knee(&[(0.0, 1.0), (1.0, 1.0), (2.0, 9.0)]), None);
    }
}
