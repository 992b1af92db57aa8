//! Machine profiles: the measured or published constants of a disk, a network, a CPU.
//!
//! A profile is one TOML file; `profiles/` holds those that ship, `loadgen profile` writes one of
//! the machine that it runs on, and a scenario names either (`profile = "nvme-10gbe"` or
//! `profile = "./mine.toml"`).

use std::path::Path;

use headwater_models::bugs::BugSet;
use headwater_models::deployment::Environment;
use headwater_sim::disk::DiskSpec;
use headwater_sim::distribution::Distribution;
use headwater_sim::machine::MachineSpec;
use headwater_sim::network::NetworkSpec;
use headwater_sim::other::OtherSpec;
use headwater_sim::scheduling::SchedulerSpec;
use headwater_sim::units::{Bytes, BytesPerSecond};
use serde::{Deserialize, Serialize};

use headwater_reading::decode::decode;
use headwater_reading::problem::{Finding, Problems};
use headwater_reading::tree::Tree;

/// A machine profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name, such as `nvme-10gbe`.
    pub name: String,
    /// What machine it is.
    pub describes: String,
    /// Where the constants come from, as a whole; each has a comment of its own in the file.
    pub source: String,
    /// Servers and clients share one machine, made from `server`.
    pub one_machine: bool,
    /// CPU time that the models' costs take here, in percent of what they state; 100 as stated, 200
    /// on a machine half as fast.
    pub cpu_percent: u32,
    /// Every server's machine.
    pub server: Machine,
    /// The clients' machine.
    pub client: Machine,
    /// The network between machines.
    pub network: NetworkSpec,
    /// Options of modelled systems that were measured on this machine (such as CPU costs), by kind
    /// of system: laid over the defaults, and under what the scenario says.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub options: toml::Table,
}

/// What the nodes on a machine share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Cores; zero for as many as are asked for.
    pub cores: u32,
    /// The network card, each way.
    pub nic: BytesPerSecond,
    /// One-way latency between two processes of the machine.
    pub loopback: Distribution,
    /// Memory that the page cache has, of all its disks together; zero, the default, for the
    /// largest `cache` of its disks.
    #[serde(default)]
    pub page_cache: Bytes,
    /// Its disks, numbered from 0.
    pub disks: Vec<DiskSpec>,
    /// How threads get cores: what switching and waking up cost.
    #[serde(default)]
    pub scheduler: SchedulerSpec,
    /// Processes that are not of the system and take cores from it, such as the load generator.
    #[serde(default)]
    pub others: Vec<OtherSpec>,
}

impl Machine {
    fn spec(&self, name: &str) -> MachineSpec {
        MachineSpec {
            name: name.into(),
            cores: self.cores,
            scheduler: self.scheduler.clone(),
            others: self.others.clone(),
            disks: self.disks.clone(),
            page_cache: self.page_cache,
            nic: self.nic,
            loopback: self.loopback.clone(),
        }
    }

    fn check(&self, at: &str) -> Result<(), (String, String)> {
        let here = |key: String, message: String| (format!("{at}.{key}"), message);
        self.loopback.check().map_err(|message| here("loopback".into(), message))?;
        let points = || "scheduler.wake_up".to_owned();
        self.scheduler.wake_up.check().map_err(|message| here(points(), message))?;
        for (index, other) in self.others.iter().enumerate() {
            other.check().map_err(|(key, why)| here(format!("others.{index}.{key}"), why))?;
        }
        if self.disks.is_empty() {
            return Err(here("disks".into(), "a machine needs at least one disk".into()));
        }
        for (index, disk) in self.disks.iter().enumerate() {
            let wrong = |key: &str| {
                let key = format!("disks.{index}.{key}");
                move |message| here(key, message)
            };
            disk.sync.check().map_err(wrong("sync"))?;
            disk.seek.check().map_err(wrong("seek"))?;
            let (background, limit) = (disk.dirty_background, disk.dirty_max);
            if background.0 > 0 && background >= limit {
                let message = format!(
                    "writeback is to begin at {background}, but writers stand still at {limit} \
                     (dirty_max)"
                );
                return Err(wrong("dirty_background")(message));
            }
        }
        Ok(())
    }
}

/// The profiles that ship: name and text.
pub const SHIPPED: &[(&str, &str)] = &[
    ("nvme-10gbe", include_str!("../profiles/nvme-10gbe.toml")),
    ("laptop", include_str!("../profiles/laptop.toml")),
    ("small-vm", include_str!("../profiles/small-vm.toml")),
];

impl Profile {
    /// The profile of this name, or in this file. `near` is the folder that relative paths start
    /// from besides the current one: that of the scenario file.
    pub fn load(name: &str, near: Option<&Path>) -> Result<Self, Problems> {
        if let Some((_, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            return Self::parse(text, name);
        }
        let beside = near.map(|folder| folder.join(name)).filter(|path| path.is_file());
        let path = beside.unwrap_or_else(|| name.into());
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let message =
                format!("no machine profile `{name}`: neither shipped nor a file ({error})");
            let names = SHIPPED.iter().map(|(name, _)| *name);
            Problems::one(Finding::new(message, None).known(name, names))
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads a profile; `name` is what errors call the file.
    pub fn parse(text: &str, name: &str) -> Result<Self, Problems> {
        let mut findings = Vec::new();
        let tree = match Tree::parse(text) {
            Ok(tree) => tree,
            Err(errors) => {
                let finding =
                    |e: headwater_reading::tree::SyntaxError| Finding::new(e.message, e.span);
                return Err(Problems::new(errors.into_iter().map(finding).collect(), name, text));
            }
        };
        let profile = decode::<Self>(&tree, "", &mut findings);
        if let Some(Err((path, message))) = profile.as_ref().map(Self::check) {
            let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
            let (_, span) = headwater_reading::decode::locate(&tree, &keys);
            findings.push(Finding::new(format!("{path}: {message}"), span));
        }
        match profile {
            Some(profile) if findings.is_empty() => Ok(profile),
            _ => Err(Problems::new(findings, name, text)),
        }
    }

    /// What is out of range, if anything: where, and why.
    fn check(&self) -> Result<(), (String, String)> {
        self.server.check("server")?;
        self.client.check("client")?;
        if !(1..=100_000).contains(&self.cpu_percent) {
            let message = format!("{} is not a percentage from 1 to 100,000", self.cpu_percent);
            return Err(("cpu_percent".into(), message));
        }
        self.network.latency.check().map_err(|message| ("network.latency".into(), message))
    }

    /// Where a deployment runs.
    pub fn environment(&self) -> Environment {
        Environment {
            server: self.server.spec(if self.one_machine { "machine" } else { "server" }),
            client: self.client.spec("client"),
            one_machine: self.one_machine,
            bugs: BugSet::default(),
        }
    }

    /// The file that [`Self::parse`] reads back.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a profile is plain data")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_profiles_read_and_write_back() {
        for (name, _) in SHIPPED {
            let profile = Profile::load(name, None).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(profile.name, *name);
            assert_eq!(Profile::parse(&profile.to_toml(), name).unwrap(), profile);
        }
    }

    #[test]
    fn schedulers_and_other_processes_are_read_and_checked() {
        let (_, text) = SHIPPED[2];
        let more = r#"
[server.scheduler]
timer_slack = "50us"
wake_up = [{ idle = "0us", cost = "5us" }, { idle = "1ms", cost = "40us" }]

[[server.others]]
name = "pacer"
policy = { real-time = { priority = 1 } }
activity = { spin = { lead = "150us", mean = "625us" } }
"#;
        let text = format!("{text}{more}");
        let server = Profile::parse(&text, "mine.toml").unwrap().environment().server;
        assert_eq!(server.scheduler.slice, SchedulerSpec::default().slice);
        let idle = headwater_sim::time::Duration::from_micros(500);
        assert_eq!(server.scheduler.wake_up.after(idle).0, 22_500);
        assert_eq!(server.others[0].name, "pacer");
        for (right, wrong, tells) in [
            ("idle = \"1ms\"", "idle = \"0us\"", "`idle` must rise"),
            ("mean = \"625us\"", "mean = \"1us\"", "it would spin all the time"),
            ("timer_slack", "timer_slac", "did you mean `timer_slack`?"),
            ("real-time = ", "realtime = ", "real-time"),
        ] {
            let wrong = text.replacen(right, wrong, 1);
            let error = Profile::parse(&wrong, "mine.toml").unwrap_err().to_string();
            assert!(error.contains(tells) && error.contains("mine.toml:"), "{error}");
        }
    }

    #[test]
    fn a_profile_that_is_not_there_names_the_nearest() {
        let error = Profile::load("nvme-10gb", None).unwrap_err().to_string();
        assert!(error.contains("did you mean `nvme-10gbe`?"), "{error}");
    }

    #[test]
    fn writeback_that_would_begin_after_writers_stand_still_is_refused() {
        let (_, text) = SHIPPED[0];
        let wrong = text.replacen("cache =", "dirty_background = \"25GB\"\ncache =", 1);
        let error = Profile::parse(&wrong, "wrong.toml").unwrap_err().to_string();
        assert!(error.contains("server.disks.0.dirty_background"), "{error}");
        let right = text.replacen("cache =", "dirty_background = \"12GB\"\ncache =", 1);
        let profile = Profile::parse(&right, "right.toml").unwrap();
        let disk = &profile.server.disks[0];
        assert_eq!((disk.background(), disk.ordered), (12_000_000_000, false));
        assert_eq!(profile.server.disks[1].background(), 12_000_000_000, "half of dirty_max");
        assert_eq!(profile.environment().server.page_cache(), Bytes(90_000_000_000));
    }

    #[test]
    fn an_impossible_distribution_is_pointed_at() {
        let (_, text) = SHIPPED[0];
        let wrong = text.replacen("median = \"60us\", p99", "median = \"600us\", p99", 1);
        let error = Profile::parse(&wrong, "wrong.toml").unwrap_err().to_string();
        assert!(error.contains("server.disks.0.sync") && error.contains("wrong.toml:"), "{error}");
    }
}
