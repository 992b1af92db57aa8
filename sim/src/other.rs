//! Threads that no model describes, and that take cores from those it does: of processes that are
//! not of the system (the load generator's readers, a collector of metrics, what a host takes from
//! a virtual machine), and of its own (a JVM's compilers).

use rand::distr::Distribution as _;
use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::random::Stream;
use crate::scheduling::Policy;
use crate::time::Duration;

/// A thread of such a process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherSpec {
    /// Name, such as `pacer`.
    pub name: String,
    /// How it is scheduled.
    #[serde(default)]
    pub policy: Policy,
    /// When it runs.
    pub activity: Activity,
}

/// Threads that each process of a kind has, and of which its model knows nothing: a compiler, a
/// clock of metrics. They run while the process does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackgroundSpec {
    /// Name, such as `C2 CompilerThread`.
    pub name: String,
    /// How many wake at once each time, all with the same work: a thread pool whose idle threads
    /// wait for one time is a herd.
    pub herd: u32,
    /// When they run; the gap is from the end of the last one's work.
    pub activity: Activity,
}

/// When a thread runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    /// Bursts of work, and the time from the end of one to the next.
    Bursts {
        /// Without a core.
        gap: Distribution,
        /// CPU time of a burst.
        work: Distribution,
    },
    /// A pacer that spins for `lead` up to the time of each event of a Poisson stream: it has a
    /// core for 1 - exp(-lead * rate) of the time.
    Spin {
        /// From when it spins.
        lead: Duration,
        /// Mean time from one event to the next.
        mean: Duration,
    },
}

impl OtherSpec {
    /// What is wrong with it, if anything: where, and why.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        self.policy.check().map_err(|message| ("policy", message))?;
        self.activity.check()
    }
}

impl Activity {
    /// What is wrong with it, if anything: where, and why.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        match self {
            Self::Bursts { gap, work } => {
                gap.check().map_err(|message| ("activity.bursts.gap", message))?;
                work.check().map_err(|message| ("activity.bursts.work", message))
            }
            Self::Spin { lead, mean } if *mean < *lead / 20 || *mean == Duration::ZERO => {
                let message = "more than 20 events within `lead`: it would spin all the time";
                Err(("activity.spin.mean", message.into()))
            }
            Self::Spin { .. } => Ok(()),
        }
    }

    /// How many cores it takes, on the average, of those that it can have at once.
    pub fn mean_cores(&self) -> f64 {
        let seconds = |duration: Duration| duration.as_secs_f64();
        match self {
            Self::Bursts { gap, work } => {
                let (gap, work) = (seconds(gap.mean()), seconds(work.mean()));
                if work > 0.0 { work / (gap + work) } else { 0.0 }
            }
            Self::Spin { lead, mean } => 1.0 - libm::exp(-seconds(*lead) / seconds(*mean)),
        }
    }

    /// Time until the next burst, and its work.
    pub(crate) fn next(&self, stream: &mut Stream) -> (Duration, Duration) {
        match self {
            Self::Bursts { gap, work } => (gap.sample(stream), work.sample(stream)),
            Self::Spin { lead, mean } => {
                let gaps = Distribution::Exponential { floor: Duration::ZERO, mean: *mean };
                let idle = gaps.sample(stream);
                let mut spin = *lead;
                loop {
                    let gap = gaps.sample(stream);
                    // It begins to spin for the next event before the time of this one.
                    if gap > *lead {
                        return (idle, spin);
                    }
                    spin += gap;
                }
            }
        }
    }
}
