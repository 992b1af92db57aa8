//! How fast cores are: on a virtual machine what its neighbours do to caches and memory makes the
//! same work take longer or shorter, for a while.

use rand::distr::Distribution as _;
use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::random::Stream;
use crate::time::{Duration, Time};

/// Something that makes a core faster and slower. Each core has its own stretches, of exponential
/// length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaceSpec {
    /// Mean length of a stretch in which the pace stays; at least a microsecond.
    pub stretch: Duration,
    /// How long work of a millisecond takes in a stretch; longer than nothing.
    pub millisecond: Distribution,
}

/// As long as any run.
const ALWAYS: Duration = Duration::from_secs(1_000_000);

impl PaceSpec {
    /// A core of which work of a millisecond takes this long, all the time.
    pub const fn always(millisecond: Duration) -> Self {
        Self { stretch: ALWAYS, millisecond: Distribution::constant(millisecond) }
    }

    /// What is wrong with it, if anything: where, and why.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.stretch < Duration::from_micros(1) {
            return Err(("stretch", format!("{} is less than a microsecond", self.stretch)));
        }
        self.millisecond.check().map_err(|message| ("millisecond", message))?;
        if self.millisecond.mean() == Duration::ZERO {
            return Err(("millisecond", "work that takes no time".into()));
        }
        Ok(())
    }
}

/// A stretch: how long work of [`UNIT`] takes, and until when.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    takes: u64,
    until: Time,
}

/// A millisecond.
const UNIT: u64 = 1_000_000;

/// `of` times `by`, over `over`.
fn part(of: u64, by: u64, over: u64) -> u64 {
    (u128::from(of) * u128::from(by) / u128::from(over)) as u64
}

/// The pace of one core: a stretch of each cause.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace(Vec<Stretch>);

impl Pace {
    /// How long work of `cost` takes that begins at `start`.
    pub(crate) fn takes(
        &mut self,
        causes: &[PaceSpec],
        stream: &mut Stream,
        start: Time,
        cost: Duration,
    ) -> Duration {
        self.0.resize(causes.len(), Stretch::default());
        let (mut at, mut left) = (start, cost.0);
        loop {
            for (stretch, cause) in self.0.iter_mut().zip(causes) {
                if stretch.until <= at {
                    let (floor, mean) = (Duration::ZERO, cause.stretch);
                    let length = Distribution::Exponential { floor, mean }.sample(stream);
                    let takes = cause.millisecond.sample(stream).0.max(1);
                    *stretch = Stretch { takes, until: at + length.max(Duration(1)) };
                }
            }
            let of_all = |takes, stretch: &Stretch| part(takes, stretch.takes, UNIT).max(1);
            let takes = self.0.iter().fold(UNIT, of_all);
            let until = self.0.iter().map(|stretch| stretch.until).min().unwrap_or(Time::MAX);
            let end = at + Duration(part(left, takes, UNIT));
            if end <= until {
                return end.since(start);
            }
            left = left.saturating_sub(part(until.since(at).0, UNIT, takes));
            at = until;
        }
    }
}
