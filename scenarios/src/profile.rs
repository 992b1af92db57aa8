//! Machine profiles: the measured or published constants of a disk, a network, a CPU.
//!
//! A profile is one TOML file; `profiles/` holds those that ship, `loadgen profile` writes one of
//! the machine that it runs on, and a scenario names either (`profile = "nvme-10gbe"` or
//! `profile = "./mine.toml"`).

use std::path::Path;

use headwater_models::batch::StreamId;
use headwater_models::bugs::BugSet;
use headwater_models::deployment::{Deployment, Environment, Machines, Pacer};
use headwater_models::role::Capability;
use headwater_reports::outcome::{Host, Speed};
use headwater_sim::disk::DiskSpec;
use headwater_sim::distribution::Distribution;
use headwater_sim::machine::MachineSpec;
use headwater_sim::network::NetworkSpec;
use headwater_sim::other::{Activity, BackgroundSpec, OtherSpec};
use headwater_sim::pace::PaceSpec;
use headwater_sim::scheduling::{Policy, SchedulerSpec};
use headwater_sim::time::Duration;
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
    /// Of that machine servers and clients have cores of their own, as many as `server.cores` and
    /// `client.cores` say; without it both have all of `server.cores`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_cores: bool,
    /// The load generator's pacer; none by default. What a forecast is made on has it.
    #[serde(default, skip_serializing_if = "is_none")]
    pub pacer: Pacer,
    /// CPU time that the models' costs take here, in percent of what they state; 100 as stated, 200
    /// on a machine half as fast.
    pub cpu_percent: u32,
    /// The machine that it was measured on, if it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_on: Option<Host>,
    /// How fast it was then: what was measured is stated for this speed. A forecast of a run on it
    /// has the speed that it has just before the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<Speed>,
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

fn is_none(pacer: &Pacer) -> bool {
    *pacer == Pacer::default()
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
    /// Threads of each node that this stands for, of which its model knows nothing: the compilers
    /// of a JVM, clocks of metrics. Their CPU time is their process's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub background: Vec<Background>,
    /// How the threads of the nodes are scheduled that this stands for: of `server` those of every
    /// server, of `client` those of every client, also where they share one machine. Default: nice
    /// 0.
    #[serde(default)]
    pub policy: Policy,
}

/// Threads of each process of a kind, of which its model knows nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Background {
    /// The kind of system whose processes have it, such as `kafka`; without it those of all have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Which of its processes have it, by their names without the number, such as `broker`; without
    /// it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// Their name, such as `C2 CompilerThread`.
    pub name: String,
    /// How many wake at once each time, all with the same work; 1 to 10,000.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub herd: u32,
    /// When they run.
    pub activity: Activity,
}

const fn one() -> u32 {
    1
}

const fn is_one(herd: &u32) -> bool {
    *herd == 1
}

/// What a process is called without its system and its number: `store` of `tweets.store-1`.
pub fn kind_of_process(name: &str) -> &str {
    let own = name.rsplit('.').next().unwrap_or(name);
    own.trim_end_matches(|of: char| of.is_ascii_digit()).trim_end_matches('-')
}

impl Background {
    /// Cores that they take on the average, one after the other.
    pub fn mean_cores(&self) -> f64 {
        // So many turns for each gap, in place of one.
        let (one, herd) = (self.activity.mean_cores(), f64::from(self.herd));
        herd * one / (1.0 + (herd - 1.0) * one)
    }
}

/// The name of the one machine, or of the servers' half of it, in what is measured.
pub const MACHINE: &str = "machine";

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
        self.policy.check().map_err(|message| here("policy".into(), message))?;
        let scheduler = &self.scheduler;
        for (key, cost) in [("wake_up", &scheduler.wake_up), ("refill", &scheduler.refill)] {
            cost.check().map_err(|message| here(format!("scheduler.{key}"), message))?;
        }
        for (index, cause) in scheduler.pace.iter().enumerate() {
            let wrong = |(key, why)| here(format!("scheduler.pace.{index}.{key}"), why);
            cause.check().map_err(wrong)?;
        }
        for (index, other) in self.others.iter().enumerate() {
            other.check().map_err(|(key, why)| here(format!("others.{index}.{key}"), why))?;
        }
        for (index, thread) in self.background.iter().enumerate() {
            let wrong = |(key, why)| here(format!("background.{index}.{key}"), why);
            thread.activity.check().map_err(wrong)?;
            if !(1..=10_000).contains(&thread.herd) {
                return Err(wrong(("herd", "1 to 10000 threads wake at once".into())));
            }
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
        if self.own_cores && !self.one_machine {
            let message = "cores are divided between servers and clients of one machine: \
                           one_machine has to be true";
            return Err(("own_cores".into(), message.into()));
        }
        if let Some(Err(message)) = self.speed.as_ref().map(Speed::check) {
            return Err(("speed".into(), message));
        }
        self.network.latency.check().map_err(|message| ("network.latency".into(), message))
    }

    /// Makes its cores so many times slower, as long as a run takes.
    pub fn slow_down(&mut self, times: f64) {
        let always = PaceSpec::always(Duration((times * 1e6).round().max(1.0) as u64));
        for machine in [&mut self.server, &mut self.client] {
            machine.scheduler.pace.push(always.clone());
        }
    }

    /// Where a deployment runs.
    pub fn environment(&self) -> Environment {
        let machines = match (self.one_machine, self.own_cores) {
            (false, _) => Machines::Each,
            (true, false) => Machines::One,
            (true, true) => Machines::Halves,
        };
        let mut server = self.server.spec(if self.one_machine { MACHINE } else { "server" });
        let mut client = self.client.spec("client");
        if machines == Machines::Halves {
            // What one process sends another passes no card.
            (server.nic, client.nic) = (BytesPerSecond::UNLIMITED, BytesPerSecond::UNLIMITED);
        }
        let (pacer, bugs) = (self.pacer, BugSet::default());
        Environment { server, client, machines, pacer, bugs, audit: None }
    }

    /// What lies between machines: between the two halves of one, what lies between its processes.
    pub fn network(&self) -> NetworkSpec {
        let mut network = self.network.clone();
        if self.one_machine && self.own_cores {
            network.latency = self.server.loopback.clone();
        }
        network
    }

    /// Gives each node of a deployment the policy and the background threads of servers or of
    /// clients; `kind_of` tells the kind of the system that has a stream.
    pub fn schedule(
        &self,
        deployment: &mut Deployment,
        kind_of: impl Fn(StreamId) -> &'static str,
    ) {
        let nodes = deployment.nodes.iter_mut().zip(&deployment.roles).zip(&deployment.streams);
        for ((node, role), stream) in nodes {
            let serves = role.can(Capability::Serves) || role.can(Capability::KeepsData);
            let of = if serves { &self.server } else { &self.client };
            let kind = kind_of(*stream);
            let process = kind_of_process(&node.name);
            let its = |of: &&Background| {
                let system = of.system.as_deref().is_none_or(|of| of == kind);
                system && of.process.as_deref().is_none_or(|of| of == process)
            };
            let spec = |of: &Background| BackgroundSpec {
                name: of.name.clone(),
                herd: of.herd,
                activity: of.activity.clone(),
            };
            let background = of.background.iter().filter(its).map(spec).collect();
            (node.policy, node.background) = (of.policy, background);
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
    fn a_process_is_of_a_kind() {
        let kinds = ["store-1", "tweets.broker-12", "metadata", "gateway-a"].map(kind_of_process);
        assert_eq!(kinds, ["store", "broker", "metadata", "gateway-a"]);
    }

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

[[server.scheduler.pace]]
stretch = "5ms"
millisecond = { shape = "uniform", low = "700us", high = "1300us" }

[[server.others]]
name = "pacer"
policy = { real-time = { priority = 1 } }
activity = { spin = { lead = "150us", mean = "625us" } }

[[server.background]]
name = "compiler"
activity.bursts.gap = { shape = "constant", value = "5ms" }
activity.bursts.work = { shape = "constant", value = "500us" }
"#;
        let text = format!("{text}{more}");
        let profile = Profile::parse(&text, "mine.toml").unwrap();
        assert_eq!(profile.server.background[0].name, "compiler");
        let server = profile.environment().server;
        assert_eq!(server.scheduler.slice, SchedulerSpec::default().slice);
        let idle = headwater_sim::time::Duration::from_micros(500);
        assert_eq!(server.scheduler.wake_up.after(idle).0, 22_500);
        assert_eq!(server.others[0].name, "pacer");
        for (right, wrong, tells) in [
            ("idle = \"1ms\"", "idle = \"0us\"", "`idle` must rise"),
            ("mean = \"625us\"", "mean = \"1us\"", "it would spin all the time"),
            ("priority = 1 ", "priority = 100 ", "priority is 100; expected 1 to 99"),
            ("timer_slack", "timer_slac", "did you mean `timer_slack`?"),
            ("stretch = \"5ms\"", "stretch = \"5ns\"", "is less than a microsecond"),
            ("real-time = ", "realtime = ", "real-time"),
            ("name = \"compiler\"", "nam = \"compiler\"", "did you mean `name`?"),
        ] {
            let wrong = text.replacen(right, wrong, 1);
            let error = Profile::parse(&wrong, "mine.toml").unwrap_err().to_string();
            assert!(error.contains(tells) && error.contains("mine.toml:"), "{error}");
        }
    }

    #[test]
    fn processes_have_the_background_of_their_system() {
        let (_, text) = SHIPPED[2];
        let thread = |system: &str, name: &str| {
            format!(
                "[[server.background]]\n{system}\nname = \"{name}\"\n\
                 activity.bursts.gap = {{ shape = \"constant\", value = \"5ms\" }}\n\
                 activity.bursts.work = {{ shape = \"constant\", value = \"500us\" }}\n"
            )
        };
        let (kafka, pravega) = ("system = \"kafka\"", "system = \"pravega\"");
        let threads = [thread(kafka, "reaper"), thread(pravega, "scaler"), thread("", "compiler")];
        let profile =
            Profile::parse(&format!("{text}\n{}", threads.concat()), "mine.toml").unwrap();
        let file = "title = 't'\nhypothesis = 'h'\nprofile = 'small-vm'\n[system]\nkind = 'kafka'\n\
                    [traffic]\nrate = '500/s'\nduration = '3s'\n[measure]\nwarm_up = '1s'\n";
        let systems = crate::scenario::Scenario::parse(file, "t", None, &[]).unwrap().systems;
        let nothing: headwater_models::arrival::ArrivalSource =
            std::rc::Rc::new(|_, _| Box::new(std::iter::empty()));
        let mut deployment = systems.deployed(
            &profile.environment(),
            &nothing,
            &headwater_models::topics::Topics::default(),
        );
        profile.schedule(&mut deployment, |stream| systems.kind_of(stream));
        let broker = deployment.nodes.iter().find(|node| node.name == "broker-1").unwrap();
        let names: Vec<&str> = broker.background.iter().map(|of| of.name.as_str()).collect();
        assert_eq!(names, ["reaper", "compiler"]);
    }

    #[test]
    fn servers_and_clients_of_one_machine_have_cores_of_their_own() {
        let text = "title = 't'\nhypothesis = 'h'\nprofile = 'small-vm'\n[system]\nkind = 'kafka'\n\
                    brokers = 3\n[traffic]\nrate = '500/s'\nduration = '3s'\n[measure]\n\
                    warm_up = '1s'\n";
        let mut scenario = crate::scenario::Scenario::parse(text, "t", None, &[]).unwrap();
        let run = |scenario: &crate::scenario::Scenario| {
            let outcome = crate::run::run(scenario, &crate::run::Options::default()).outcome;
            let cpus = outcome.resources.iter().filter(|of| of.name.ends_with("/cpu"));
            let cpus: Vec<_> = cpus.map(|of| (of.name.clone(), of.utilisation_mean)).collect();
            let used = |process: &str| -> f64 {
                let of = outcome.threads.groups.iter().filter(|group| group.process == process);
                of.map(|group| group.cpu_ns as f64 / 1e9).sum()
            };
            let brokers: f64 = ["broker-1", "broker-2", "broker-3"].map(used).iter().sum();
            (cpus, brokers)
        };
        let (shared, brokers) = run(&scenario);
        assert_eq!(shared.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["machine/cpu"]);
        // What the brokers used in two seconds is the most of what two cores did.
        assert!(brokers / 4.0 < shared[0].1 && brokers > 0.0, "{brokers} {shared:?}");
        let profile = &mut scenario.profile;
        (profile.own_cores, profile.server.cores, profile.client.cores) = (true, 1, 1);
        // What keeps the clients' core busy is none of the brokers' affair.
        let us = |us| headwater_sim::time::Duration::from_micros(us);
        profile.client.others.push(OtherSpec {
            name: "hog".into(),
            policy: headwater_sim::scheduling::Policy::Fair { nice: 19 },
            activity: headwater_sim::other::Activity::Bursts {
                gap: Distribution::constant(us(500)),
                work: Distribution::constant(us(500)),
            },
        });
        let (halves, of_one_core) = run(&scenario);
        let names: Vec<&str> = halves.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["machine/cpu", "client/cpu"]);
        assert!(halves[1].1 > 0.5, "the hog: {halves:?}");
        assert!((of_one_core / 2.0 - halves[0].1).abs() < 0.02, "{of_one_core} {halves:?}");
        assert!((0.7..1.4).contains(&(of_one_core / brokers)), "{of_one_core} {brokers}");
        let wrong = Profile { one_machine: false, ..scenario.profile }.to_toml();
        let error = Profile::parse(&wrong, "wrong.toml").unwrap_err().to_string();
        assert!(error.contains("one_machine has to be true"), "{error}");
    }

    #[test]
    fn servers_that_are_nicer_than_what_else_runs_wait_for_it() {
        use crate::run::{Options, run};
        use crate::scenario::Scenario;
        let more = r#"
[[server.others]]
name = "compiler"
[server.others.activity.bursts]
gap = { shape = "constant", value = "1ms" }
work = { shape = "constant", value = "30ms" }
"#;
        let response = |policy: &str| {
            let (_, text) = SHIPPED[2];
            let text = text.replacen("cores = 2", &format!("cores = 1\n{policy}"), 1) + more;
            let kafka = "title = 't'\nhypothesis = 'h'\nprofile = 'small-vm'\n[system]\n\
                         kind = 'kafka'\n[traffic]\nrate = '50/s'\nduration = '8s'\n";
            let mut scenario = Scenario::parse(kafka, "t.toml", None, &[]).unwrap();
            scenario.profile = Profile::parse(&text, "mine.toml").unwrap();
            let outcome = run(&scenario, &Options::default()).outcome;
            assert_eq!(outcome.counts.lost, 0);
            outcome.latency.response.quantile(0.5).unwrap() as f64 / 1e6
        };
        let (equal, nicer) = (response(""), response("policy = { fair = { nice = 15 } }"));
        assert!(nicer > equal * 2.0, "{nicer} ms against {equal} ms");
        let first = response("policy = { real-time = { priority = 1 } }");
        assert!(first < equal, "{first} ms against {equal} ms");
    }

    #[test]
    fn a_profile_may_say_which_machine_it_was_measured_on() {
        let (name, text) = SHIPPED[2];
        let shipped = Profile::parse(text, name).unwrap();
        assert_eq!(shipped.measured_on, None);
        let (cpu, kernel) = ("Xeon".to_owned(), "linux 6.1.0".to_owned());
        let measured_on = Some(Host { cpu, cores: 2, kernel });
        let speed = Some(Speed { message_ns: 2_345.5, kib_ns: 3_400.0 });
        let measured = Profile { measured_on, speed, ..shipped };
        assert_eq!(Profile::parse(&measured.to_toml(), "mine.toml").unwrap(), measured);
        let wrong = measured.to_toml().replace("kib_ns = 3400.0", "kib_ns = 0.0");
        let error = Profile::parse(&wrong, "wrong.toml").unwrap_err().to_string();
        assert!(error.contains("speed: both times are longer than nothing"), "{error}");
    }

    #[test]
    fn what_a_slower_machine_computes_takes_longer() {
        use crate::run::{Options, run};
        use crate::scenario::Scenario;
        let cpu = |times: f64| {
            let kafka = "title = 't'\nhypothesis = 'h'\nprofile = 'small-vm'\n[system]\n\
                         kind = 'kafka'\n[traffic]\nrate = '50/s'\nduration = '4s'\n";
            let mut scenario = Scenario::parse(kafka, "t.toml", None, &[]).unwrap();
            scenario.profile.slow_down(times);
            let outcome = run(&scenario, &Options::default()).outcome;
            let of_broker = outcome.threads.groups.iter().filter(|of| of.process == "broker-1");
            of_broker.map(|of| of.cpu_ns - of.refill_ns).sum::<u64>() as f64
        };
        let slower = cpu(1.5) / cpu(1.0);
        assert!((1.4..1.6).contains(&slower), "{slower}");
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
