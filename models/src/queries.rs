//! Queries of users who do not wait for one another: when each is asked, and what.
//!
//! Stands for an open population of users: arrivals are a Poisson process, and what is asked
//! follows Zipf's law. Both have a stream of draws of their own, so that another rate asks the same
//! things in the same order.

use headwater_sim::inversion::{Exp1, OpenUnit};
use headwater_sim::random::{Seed, Stream};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;
use rand::Rng;

/// What is asked, and how often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Nothing is asked before, from the start of the run.
    pub after: Duration,
    /// Queries in a second, on the average; 0 for none.
    pub rate: u32,
    /// Queries that differ.
    pub queries: u32,
    /// Exponent of Zipf's law.
    pub alpha: f64,
    /// Time after which a user no longer waits.
    pub limit: Duration,
}

/// A query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// Its number, from 0.
    pub number: u64,
    /// When it is asked.
    pub at: Time,
    /// What is asked: a rank by popularity, from 0.
    pub key: u64,
}

/// What became of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A life of the users' begins with it.
    First,
    /// It was answered in time.
    Answered,
    /// It was not.
    Failed,
}

/// Zipf's law over `0 .. count`, by a table of what lies below each.
#[derive(Clone, Debug)]
pub struct Zipf(Vec<f64>);

impl Zipf {
    /// Of so many, with this exponent.
    pub fn new(count: u32, alpha: f64) -> Self {
        let mut sum = 0.0;
        let mut add = |rank: u32| {
            sum += libm::pow(f64::from(rank), -alpha);
            sum
        };
        let mut below: Vec<f64> = (1..=count).map(&mut add).collect();
        below.iter_mut().for_each(|of| *of /= sum);
        Self(below)
    }

    /// How likely `rank` is.
    pub fn share(&self, rank: usize) -> f64 {
        self.0[rank] - rank.checked_sub(1).map_or(0.0, |before| self.0[before])
    }
}

impl rand::distr::Distribution<u64> for Zipf {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> u64 {
        let unit: f64 = rng.sample(OpenUnit);
        self.0.partition_point(|below| *below < unit).min(self.0.len() - 1) as u64
    }
}

/// All queries, without an end.
pub struct Queries {
    mean: f64,
    zipf: Zipf,
    times: Stream,
    keys: Stream,
    /// When the last one was asked, in nanoseconds.
    at: f64,
    number: u64,
}

impl Queries {
    /// Those of `users`, in a run of `seed`, as the load has them.
    pub fn new(load: &Load, seed: Seed, users: NodeId) -> Self {
        let stream = |purpose| seed.stream(purpose, users.0.into());
        Self::drawn(load, stream("queries"), stream("queries asked"))
    }

    /// The same, of streams that a node has taken by these purposes.
    pub fn drawn(load: &Load, times: Stream, keys: Stream) -> Self {
        let mean = if load.rate == 0 { f64::INFINITY } else { 1e9 / f64::from(load.rate) };
        let zipf = Zipf::new(load.queries, load.alpha);
        Self { mean, zipf, times, keys, at: load.after.0 as f64, number: 0 }
    }
}

impl Iterator for Queries {
    type Item = Query;

    fn next(&mut self) -> Option<Query> {
        if self.mean.is_infinite() {
            return None;
        }
        self.at += self.times.sample(Exp1) * self.mean;
        let (number, key) = (self.number, self.keys.sample(&self.zipf));
        self.number += 1;
        Some(Query { number, at: Time(self.at as u64), key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load = Load {
        after: Duration::ZERO,
        rate: 200,
        queries: 100,
        alpha: 1.0,
        limit: Duration::from_secs(1),
    };

    #[test]
    fn another_rate_asks_the_same_things_in_the_same_order() {
        let all = |rate| -> Vec<Query> {
            let load = Load { rate, ..LOAD };
            Queries::new(&load, Seed(3), NodeId(7)).take(500).collect()
        };
        let (slow, fast) = (all(200), all(400));
        assert!(slow.iter().zip(&fast).all(|(slow, fast)| slow.key == fast.key));
        let twice =
            slow.iter().zip(&fast).all(|(slow, fast)| slow.at.0.abs_diff(2 * fast.at.0) < 3);
        assert!(twice, "the same gaps, half as long");
        let none = Load { rate: 0, ..LOAD };
        assert_eq!(Queries::new(&none, Seed(3), NodeId(7)).next(), None);
    }

    /// Counts of 20,000 draws within 4 deviations; times with the mean and the deviation of a
    /// Poisson process.
    #[test]
    fn queries_have_the_laws_that_are_stated() {
        let all: Vec<Query> = Queries::new(&LOAD, Seed(5), NodeId(1)).take(20_000).collect();
        let zipf = Zipf::new(100, 1.0);
        for rank in [0, 1, 9, 99] {
            let (n, p) = (20_000.0, zipf.share(rank));
            let count = all.iter().filter(|query| query.key == rank as u64).count() as f64;
            assert!((count - n * p).abs() < 4.0 * (n * p).sqrt(), "{rank}: {count}, {}", n * p);
        }
        let took = all[19_999].at.0 as f64 / 1e9;
        // 100 s with a deviation of 100 / sqrt(20,000).
        assert!((took - 100.0).abs() < 4.0 * 0.71, "{took}");
        let gaps: Vec<f64> =
            all.windows(2).map(|pair| (pair[1].at.0 - pair[0].at.0) as f64 / 5e6).collect();
        let squares = gaps.iter().map(|gap| gap * gap).sum::<f64>() / gaps.len() as f64;
        assert!((squares - 2.0).abs() < 0.15, "{squares}");
    }
}
