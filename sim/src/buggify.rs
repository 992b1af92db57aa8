//! Buggify: rare but possible delays of the environment, switched on for a run.
//!
//! On two levels, as FoundationDB does it (`flow/Buggify.h`): a site is active in a run or it is
//! not, and an active one fires now and then. So runs differ in which rare delays they have.

use rand::Rng;

use crate::random::{Seed, Stream};
use crate::time::Duration;

/// Where the environment may be late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// A timer runs out late: the process did not get a core.
    LateTimer,
    /// A message leaves late: the sender's queues were full.
    LateMessage,
    /// A disk operation takes longer: the device was busy with itself.
    SlowDisk,
    /// CPU work takes longer: the core was taken away.
    SlowCompute,
}

impl Site {
    /// Every site.
    pub const ALL: [Self; 4] =
        [Self::LateTimer, Self::LateMessage, Self::SlowDisk, Self::SlowCompute];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LateTimer => "late-timer",
            Self::LateMessage => "late-message",
            Self::SlowDisk => "slow-disk",
            Self::SlowCompute => "slow-compute",
        }
    }

    /// The longest delay that it draws: long beside what it delays, short beside timeouts.
    const fn longest(self) -> Duration {
        match self {
            Self::LateTimer | Self::LateMessage => Duration::from_millis(100),
            Self::SlowDisk => Duration::from_millis(500),
            Self::SlowCompute => Duration::from_millis(50),
        }
    }
}

/// A quarter of the sites are active in a run (FoundationDB `P_BUGGIFIED_SECTION_ACTIVATED`).
const ACTIVE_PPM: u32 = 250_000;
/// An active site fires once in a thousand times. FoundationDB's 25 % is for sites that are rarely
/// reached; every message reaches these.
const FIRES_PPM: u32 = 1_000;

/// The sites of one run.
#[derive(Debug)]
pub struct Buggify {
    active: [bool; Site::ALL.len()],
    fired: [u64; Site::ALL.len()],
    stream: Stream,
}

impl Buggify {
    /// Draws the active sites of the run with this seed.
    pub fn new(seed: Seed) -> Self {
        let mut stream = seed.stream("buggify", 0);
        let active = Site::ALL.map(|_| stream.chance_ppm(ACTIVE_PPM));
        Self { active, fired: [0; Site::ALL.len()], stream }
    }

    /// The delay that the site adds this time: usually none.
    #[inline]
    pub fn delay(&mut self, site: Site) -> Duration {
        if !self.active[site as usize] || !self.stream.chance_ppm(FIRES_PPM) {
            return Duration::ZERO;
        }
        self.fired[site as usize] += 1;
        Duration(self.stream.random_range(0..=site.longest().0))
    }

    /// Every site: whether it is active in this run, and how often it has fired.
    pub fn sites(&self) -> impl Iterator<Item = (Site, bool, u64)> + '_ {
        Site::ALL
            .into_iter()
            .map(|site| (site, self.active[site as usize], self.fired[site as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_active_in_a_quarter_of_the_runs_and_fires_rarely() {
        let (mut active, mut fired) = (0, 0);
        for seed in 0..1_000 {
            let mut buggify = Buggify::new(Seed(seed));
            (0..1_000).for_each(|_| fired += u64::from(buggify.delay(Site::SlowDisk).0 > 0));
            active +=
                usize::from(buggify.sites().any(|(site, on, _)| on && site == Site::SlowDisk));
        }
        assert!((200..300).contains(&active), "{active} of 1,000 runs");
        assert!((180..320).contains(&fired), "{fired} of 1,000,000 times");
    }
}
