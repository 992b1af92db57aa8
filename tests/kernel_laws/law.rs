//! What a law is: a closed form, a measured value, a tolerance, and the proof that the tolerance is
//! not so wide that it would let a wrong resource pass.

/// The planted error: 5 %.
pub(super) const PLANTED: f64 = 0.05;

/// Whether `have` is within `tolerance` of `want` (0.01 is one percent).
fn is_near(have: f64, want: f64, tolerance: f64) -> bool {
    (have / want - 1.0).abs() <= tolerance
}

/// Fails with both numbers if `have` is further from `want` than `tolerance` (0.01 is one percent).
pub(super) fn assert_near(what: &str, have: f64, want: f64, tolerance: f64) {
    let off = (have / want - 1.0).abs();
    assert!(
        is_near(have, want, tolerance),
        "{what}: {have:.4} where theory says {want:.4}; off by {:.2} %, {:.2} % allowed",
        off * 100.0,
        tolerance * 100.0
    );
}

/// Holds what `measure` gives of a resource to theory, and shows that the same law refuses one that
/// is 5 % slower or faster: `measure` is given the resource's speed, 1 where it is what theory is
/// about.
pub(super) fn holds(what: &str, want: f64, tolerance: f64, measure: impl Fn(f64) -> f64) {
    assert_near(what, measure(1.0), want, tolerance);
    for speed in [1.0 - PLANTED, 1.0 + PLANTED] {
        refuses(&format!("{what}, at {speed} of its speed"), measure(speed), want, tolerance);
    }
}

/// One run at each speed that [`holds`] asks for, of which several things are measured.
pub(super) struct Speeds<T>([T; 3]);

impl<T> Speeds<T> {
    /// Runs at each.
    pub(super) fn run(run: impl FnMut(f64) -> T) -> Self {
        Self([1.0 - PLANTED, 1.0, 1.0 + PLANTED].map(run))
    }

    /// What came of the run at `speed`.
    pub(super) fn at(&self, speed: f64) -> &T {
        &self.0[((speed - 1.0) / PLANTED + 1.0).round() as usize]
    }
}

/// Fails if a law would let `have` pass, which is of a resource that theory is not about.
pub(super) fn refuses(what: &str, have: f64, want: f64, tolerance: f64) {
    assert!(
        !is_near(have, want, tolerance),
        "{what}: {have:.4} passes where theory says {want:.4} of another; the law can't fail"
    );
}

#[test]
fn a_law_whose_tolerance_is_too_wide_for_the_planted_error_is_refused() {
    let wide = || holds("as wide as the error", 100.0, 0.06, |speed| 100.0 * speed);
    assert!(std::panic::catch_unwind(wide).is_err());
    let blind = || holds("blind to speed", 100.0, 0.01, |_| 100.0);
    assert!(std::panic::catch_unwind(blind).is_err());
    holds("neither", 100.0, 0.04, |speed| 100.0 * speed);
}
