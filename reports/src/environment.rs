//! What a run ran on.

use serde::{Deserialize, Serialize};

/// What a run ran on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Machine profile: the simulated machines, or the one measured on the live machine.
    pub profile: String,
    /// System under test, such as `kafka`; of several a list, as in `kafka, pravega`.
    pub system: String,
    /// Its version, such as `3.9`; of several a list.
    pub system_version: String,
    /// Operating system of a live run.
    pub operating_system: Option<String>,
    /// Logical cores of a live run's machine.
    pub cores: Option<u32>,
    /// Which of them a live run's cluster and generator had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// How a live run's cluster was warmed up before it; absent where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUp>,
    /// The machine: that of a live run, or the one that a simulated run's profile was measured on;
    /// absent where a profile does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
    /// How fast a live run's machine was, the mean of before and after; absent where it was not
    /// measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<Speed>,
}

/// How fast the cores of a machine were for a while: CPU times of two kinds of work that is always
/// the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speed {
    /// Of 100 B that are written to a socket and read from its other end, nanoseconds.
    pub message_ns: f64,
    /// Of a KiB of text whose words are counted, nanoseconds.
    pub kib_ns: f64,
}

impl Speed {
    /// The mean; none of none.
    pub fn mean(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        let all: Vec<Self> = all.into_iter().collect();
        let mean = |of: fn(&Self) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
        let mean = || Self { message_ns: mean(|of| of.message_ns), kib_ns: mean(|of| of.kib_ns) };
        (!all.is_empty()).then(mean)
    }

    /// How many times longer work takes than at another speed: the geometric mean of both kinds.
    pub fn slower_than(&self, other: &Self) -> f64 {
        let times = self.message_ns / other.message_ns * (self.kib_ns / other.kib_ns);
        times.sqrt()
    }

    /// What is wrong with it, if anything.
    pub fn check(&self) -> Result<(), String> {
        match [self.message_ns, self.kib_ns].iter().all(|ns| ns.is_finite() && *ns > 0.0) {
            true => Ok(()),
            false => Err("both times are longer than nothing".into()),
        }
    }

    /// In a few words.
    pub fn tell(&self) -> String {
        format!("a message {:.0} ns, a KiB of text {:.0} ns", self.message_ns, self.kib_ns)
    }
}

/// What tells one machine from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Model of its processor, as the kernel calls it; empty where it does not say.
    pub cpu: String,
    /// Logical cores that a program may use.
    pub cores: u32,
    /// Name and release of its kernel.
    pub kernel: String,
}

impl Host {
    /// In what another differs, such as `cores 2 and 16`; nothing where they are alike.
    pub fn differs(&self, other: &Self) -> Option<String> {
        let cores = [self, other].map(|host| host.cores.to_string());
        let facts = [
            ("processor", &self.cpu, &other.cpu),
            ("cores", &cores[0], &cores[1]),
            ("kernel", &self.kernel, &other.kernel),
        ];
        let known = facts.iter().filter(|(_, one, two)| !one.is_empty() && !two.is_empty());
        let differing = known.filter(|(_, one, two)| one != two);
        let all: Vec<_> =
            differing.map(|(what, one, two)| format!("{what} {one} and {two}")).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

/// Cores of a live run, by their number on the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Whether the cluster and the generator had cores of their own; else both had all.
    pub own_cores: bool,
    /// The generator's.
    pub generator: Vec<u32>,
    /// The cluster's, if it was launched for the run.
    pub cluster: Vec<u32>,
}

/// Traffic before a live run, which is in none of its figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// How long it took, nanoseconds.
    pub duration_ns: u64,
    /// Whether the medians stayed at the end.
    pub stationary: bool,
    /// What the servers' compilers still took of a core at the end, in percent, where that was
    /// waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compilers_percent: Option<u32>,
    /// Median response time of each second, nanoseconds; absent where nothing was acknowledged.
    pub medians_ns: Vec<Option<u64>>,
}

impl Environment {
    /// The systems, each with its version, if it is known: of several both are lists.
    pub fn systems(&self) -> String {
        let versions = self.system_version.split(", ").chain(std::iter::repeat(""));
        let versioned: Vec<_> = (self.system.split(", "))
            .zip(versions)
            .map(|(name, version)| format!("{name} {version}").trim_end().to_owned())
            .collect();
        versioned.join(", ")
    }
}
