//! The kernel's resources against queueing theory: closed forms, within stated tolerances, over
//! seeds; and its samplers against those of `rand_distr`.

mod causes;
mod disk;
mod network;
mod page_cache;
mod queueing;
mod samplers;
mod scheduling;
mod utilisation;
mod writeback;

/// Fails with both numbers if `have` is further from `want` than `tolerance` (0.01 is one percent).
fn assert_near(what: &str, have: f64, want: f64, tolerance: f64) {
    let off = (have / want - 1.0).abs();
    assert!(
        off <= tolerance,
        "{what}: {have:.4} where theory says {want:.4}; off by {:.2} %, {:.2} % allowed",
        off * 100.0,
        tolerance * 100.0
    );
}
