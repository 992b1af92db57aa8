//! Samplers by inversion against `rand_distr`'s of the same law: the two-sample test of Kolmogorov
//! and Smirnov, for each of 20 seeds and for all of their draws together.
//!
//! The greatest distance D between two empirical distribution functions of n draws each is above
//! `c sqrt(2 / n)` with a probability of at most `2 exp(-2 c^2)` (Smirnov 1939, the first term of
//! Kolmogorov's series), if both are of one law; less often, if the law is discrete. Seeds are
//! fixed, so that the verdict is as well.

use std::sync::Arc;

use headwater_sim::distribution::Distribution as Shape;
use headwater_sim::inversion::{Exp1, OpenUnit, StandardNormal};
use headwater_sim::random::{ChancePpm, Seed, Stream};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::Bytes;
use headwater_traffic::{Plan, Rate, SizeSpec, TrafficSpec};
use rand::Rng;
use rand_distr::{Bernoulli, Exp, LogNormal, Open01, Uniform, Zipf};

const SEEDS: u64 = 20;
const DRAWS: usize = 10_000;
/// Probability that the seeds or the pool of one law, were the draws random, fail though the laws
/// are the same.
const SIGNIFICANCE: f64 = 1e-4;

/// The distance above which two samples of `draws` each are not of one law, at a significance.
fn distance_max(draws: usize, significance: f64) -> f64 {
    let c = ((significance / 2.0).ln() / -2.0).sqrt();
    c * (2.0 / draws as f64).sqrt()
}

/// The greatest distance between the distribution functions of two samples of one length.
fn distance(ours: &mut [f64], theirs: &mut [f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    ours.sort_by(f64::total_cmp);
    theirs.sort_by(f64::total_cmp);
    let (mut of_ours, mut of_theirs, mut most) = (0, 0, 0);
    while of_ours < ours.len() && of_theirs < theirs.len() {
        let at = ours[of_ours].min(theirs[of_theirs]);
        of_ours += ours[of_ours..].iter().take_while(|drawn| **drawn <= at).count();
        of_theirs += theirs[of_theirs..].iter().take_while(|drawn| **drawn <= at).count();
        most = most.max(of_ours.abs_diff(of_theirs));
    }
    most as f64 / ours.len() as f64
}

/// Holds two samplers against each other: each makes [`DRAWS`] numbers from a seed.
fn compare(
    ours: &dyn Fn(Seed) -> Vec<f64>,
    theirs: &dyn Fn(Seed) -> Vec<f64>,
) -> Result<(), String> {
    let (mut all_of_ours, mut all_of_theirs) = (vec![], vec![]);
    let check = |what: &str, ours: &mut [f64], theirs: &mut [f64], significance| {
        let (have, most) = (distance(ours, theirs), distance_max(ours.len(), significance));
        if have <= most { Ok(()) } else { Err(format!("{what}: D {have:.4}, at most {most:.4}")) }
    };
    for seed in 0..SEEDS {
        let (mut one, mut other) = (ours(Seed(seed)), theirs(Seed(seed)));
        assert_eq!((one.len(), other.len()), (DRAWS, DRAWS));
        check(&format!("seed {seed}"), &mut one, &mut other, SIGNIFICANCE / SEEDS as f64)?;
        all_of_ours.extend(one);
        all_of_theirs.extend(other);
    }
    check("all seeds", &mut all_of_ours, &mut all_of_theirs, SIGNIFICANCE)
}

/// [`DRAWS`] numbers of a law, from a stream of its own for each purpose.
fn draws(purpose: &'static str, draw: impl Fn(&mut Stream) -> f64) -> impl Fn(Seed) -> Vec<f64> {
    move |seed| {
        let mut stream = seed.stream(purpose, 0);
        (0..DRAWS).map(|_| draw(&mut stream)).collect()
    }
}

/// Fails unless `ours` draws from the law of `theirs`.
fn same_law(law: &str, ours: impl Fn(&mut Stream) -> f64, theirs: impl Fn(&mut Stream) -> f64) {
    let verdict = compare(&draws("ours", ours), &draws("theirs", theirs));
    assert_eq!(verdict, Ok(()), "{law}");
}

#[test]
fn the_samplers_of_the_kernel_draw_from_the_laws_of_rand_distr() {
    same_law("unit", |s| s.sample(OpenUnit), |s| s.sample(Open01));
    same_law("exponential", |s| s.sample(Exp1), |s| s.sample(rand_distr::Exp1));
    same_law("normal", |s| s.sample(StandardNormal), |s| s.sample(rand_distr::StandardNormal));
    let (hit, theirs) = (ChancePpm(137_000), Bernoulli::new(0.137).expect("a probability"));
    let number = |hit: bool| f64::from(u8::from(hit));
    same_law("chance", |s| number(s.sample(hit)), |s| number(s.sample(theirs)));
}

#[test]
fn the_shapes_of_latencies_are_those_of_rand_distr() {
    let us = Duration::from_micros;
    let shape = |shape: Shape| move |stream: &mut Stream| stream.sample(&shape).0 as f64;
    let uniform = Uniform::new_inclusive(20_000_u64, 30_000).expect("a range");
    let ours = shape(Shape::uniform(us(20), us(30)));
    same_law("uniform", ours, |s| s.sample(uniform) as f64);
    let exp = Exp::new(1.0 / 20_000.0).expect("a rate");
    let ours = shape(Shape::Exponential { floor: us(5), mean: us(20) });
    same_law("floor and exponential", ours, |s| (5_000_f64 + s.sample(exp)).floor());
    // The 99th percentile of a standard normal is 2.3263.
    let sigma = 4_f64.ln() / 2.326_347_874_040_841;
    let log_normal = LogNormal::new(100_000_f64.ln(), sigma).expect("a deviation");
    let ours = shape(Shape::LogNormal { median: us(100), p99: us(400) });
    same_law("lognormal", ours, |s| s.sample(log_normal).floor());
    let ours = shape(Shape::Bimodal {
        usual: Box::new(Shape::uniform(us(20), us(30))),
        tail: Box::new(Shape::Exponential { floor: us(5), mean: us(20) }),
        tail_ppm: 200_000,
    });
    let tail = Bernoulli::new(0.2).expect("a probability");
    same_law("bimodal", ours, |s| {
        if s.sample(tail) { (5_000_f64 + s.sample(exp)).floor() } else { s.sample(uniform) as f64 }
    });
}

/// A plan of a thousand events a second, with small differences from the default.
fn plan(seed: Seed, change: impl Fn(&mut TrafficSpec)) -> Arc<Plan> {
    let rate = Rate::per_second(1_000.0);
    let mut spec = TrafficSpec { rate, duration: Duration::from_secs(20), ..Default::default() };
    change(&mut spec);
    Arc::new(spec.plan(seed).expect("it is possible"))
}

#[test]
fn the_gaps_of_a_schedule_are_exponential_and_so_a_poisson_process() {
    let ours = |seed| {
        let at: Vec<_> =
            plan(seed, |_| ()).schedule().take(DRAWS + 1).map(|arrival| arrival.at).collect();
        at.windows(2).map(|pair| pair[1].since(pair[0]).0 as f64).collect()
    };
    let gap = Exp::new(1_000.0 / 1e9).expect("a rate");
    // Times are cut off to nanoseconds of a mean gap of a million.
    assert_eq!(compare(&ours, &draws("theirs", |s| s.sample(gap))), Ok(()));
}

#[test]
fn the_ranks_of_hashtags_are_zipfs() {
    for (count, alpha) in [(100_000, 1.0), (50, 0.4), (1_000_000, 2.5)] {
        let ours = |seed| {
            let of = |spec: &mut TrafficSpec| {
                (spec.hashtags.count, spec.hashtags.alpha) = (count, alpha);
            };
            let plan = plan(seed, of);
            (0..DRAWS as u64).map(|at| (plan.topics.tag(Time(at)) + 1) as f64).collect()
        };
        let zipf = Zipf::new(count as f64, alpha).expect("a law");
        let verdict = compare(&ours, &draws("theirs", |s| s.sample(zipf)));
        assert_eq!(verdict, Ok(()), "{count} tags, exponent {alpha}");
    }
}

#[test]
fn the_sizes_of_events_are_a_lognormal_envelope_and_the_text() {
    const SIGMA: f64 = 0.35;
    let size = SizeSpec { mean: Bytes(2_111), sigma: SIGMA, ..SizeSpec::default() };
    let plan = |seed| plan(seed, |spec| spec.size = size.clone());
    let ours = |seed| {
        let plan = plan(seed);
        (0..DRAWS as u64).map(|at| f64::from(plan.sizes.bytes(Time(at)))).collect()
    };
    let theirs = |seed: Seed| {
        // Texts of other events.
        let (plan, mut stream) = (plan(seed), seed.stream("theirs", 0));
        let texts: Vec<_> =
            (1..=DRAWS as u64).map(|at| f64::from(plan.sizes.text(Time(at << 32)))).collect();
        // Mean length of a text by the default law, of two million draws.
        let median = (2_111.0 - 85.7) / (SIGMA * SIGMA / 2.0).exp();
        let envelope = LogNormal::new(median.ln(), SIGMA).expect("a deviation");
        texts.iter().map(|text| stream.sample(envelope).floor() + text).collect()
    };
    assert_eq!(compare(&ours, &theirs), Ok(()));
}

#[test]
fn a_wrong_sampler_is_found() {
    let fails =
        |what: &str, wrong: &dyn Fn(&mut Stream) -> f64, right: &dyn Fn(&mut Stream) -> f64| {
            let verdict = compare(&draws("ours", wrong), &draws("theirs", right));
            assert!(verdict.is_err(), "{what} was not found");
            verdict.unwrap_err()
        };
    let exp = |s: &mut Stream| s.sample(rand_distr::Exp1);
    let normal = |s: &mut Stream| s.sample(rand_distr::StandardNormal);
    // A gross error is found by the first seed, one of 3 % by all of them together.
    let uniform = fails("a uniform of the same mean", &|s| 2.0 * s.sample(OpenUnit), &exp);
    assert!(uniform.starts_with("seed 0: "), "{uniform}");
    let mean = fails("a mean of 1.03", &|s| 1.03 * s.sample(Exp1), &exp);
    assert!(mean.starts_with("all seeds: "), "{mean}");
    fails("a deviation of 1.05", &|s| 1.05 * s.sample(StandardNormal), &normal);
    // Of the mean and the deviation of a normal, but without its tails.
    fails(
        "a sum of two uniforms",
        &|s| 6_f64.sqrt() * (s.sample(OpenUnit) + s.sample(OpenUnit) - 1.0),
        &normal,
    );
    let tag = Zipf::new(50.0, 0.4).expect("a law");
    let wrong = Zipf::new(50.0, 0.45).expect("a law");
    fails("another exponent", &|s| s.sample(wrong), &|s| s.sample(tag));
}
