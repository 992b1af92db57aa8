//! From the command line to what is run: a scenario, a target, a seed.

use headwater_scenarios::reading::problem::nearest;
use headwater_scenarios::scenario::{Scenario, System, shell_word};

use crate::cli::Run;
use crate::failure::{Failure, Result};

/// What is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: acknowledges at once.
    Null,
    /// A log of our own.
    Log,
    /// Kafka.
    Kafka,
    /// Pravega.
    Pravega,
}

const KINDS: [Kind; 4] = [Kind::Kafka, Kind::Pravega, Kind::Log, Kind::Null];

impl Kind {
    /// Its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Log => "log",
            Self::Kafka => "kafka",
            Self::Pravega => "pravega",
        }
    }

    /// Whether what a scenario says of its system says nothing to it.
    pub(crate) const fn takes_any_scenario(self) -> bool {
        matches!(self, Self::Null | Self::Log)
    }

    fn parse(text: &str) -> Result<Self> {
        if let Some(kind) = KINDS.into_iter().find(|kind| kind.name() == text) {
            return Ok(kind);
        }
        let near = nearest(text, KINDS.into_iter().map(Self::name));
        let hint = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        Err(Failure::new(format!(
            "no target `{text}`: {hint}there are kafka, pravega, log and null"
        )))
    }
}

/// What is run.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Traffic, system, faults, promises.
    pub(crate) scenario: Scenario,
    /// What is written to.
    pub(crate) kind: Kind,
    /// The seed.
    pub(crate) seed: u64,
    /// The line that does it again.
    pub(crate) reproduce: String,
}

impl Plan {
    /// Makes a plan of a command line.
    pub(crate) fn new(run: &Run) -> Result<Self> {
        let asked = run.target.as_deref().map(Kind::parse).transpose()?;
        let asked = asked.or(match &run.cluster {
            of if of.bootstrap.is_some() => Some(Kind::Kafka),
            of if of.controller.is_some() => Some(Kind::Pravega),
            _ => None,
        });
        let scenario = match &run.scenario {
            Some(name) => {
                let first = Scenario::load(name, &run.settings)?;
                let kind = asked.unwrap_or(kind_of(&first.system)?);
                Scenario::load(name, &settings(run, kind)?)?
            }
            None => match (asked, run.rate) {
                (None, _) => {
                    let message =
                        "what to run: give --target kafka, pravega, log or null, or --scenario";
                    return Err(Failure::new(message));
                }
                (Some(_), None) => {
                    return Err(Failure::new("how fast: give --rate, such as --rate 1600"));
                }
                (Some(kind), Some(_)) => {
                    let name = format!("loadgen-{}", kind.name());
                    Scenario::parse(&text(run, kind), &name, None, &settings(run, kind)?)?
                }
            },
        };
        let of = kind_of(&scenario.system)?;
        let kind = asked.unwrap_or(of);
        if kind != of && !kind.takes_any_scenario() {
            return Err(Failure::new(format!(
                "the scenario is one of {}, which can't be run on {}",
                of.name(),
                kind.name()
            )));
        }
        check_cluster(run, kind)?;
        check_size(&scenario)?;
        let seed = run.seed.unwrap_or(scenario.seed);
        Ok(Self { reproduce: reproduce(run, seed), scenario, kind, seed })
    }
}

fn kind_of(system: &System) -> Result<Kind> {
    match system {
        System::Kafka(_) => Ok(Kind::Kafka),
        System::Pravega(_) => Ok(Kind::Pravega),
        System::BookKeeper(_) => {
            Err(Failure::new("there is no live BookKeeper: run it with `headwater run`"))
        }
    }
}

/// Whether every event has room for what it is checked by.
fn check_size(scenario: &Scenario) -> Result<()> {
    use headwater_traffic::SizeModel;
    let size = &scenario.traffic.size;
    if size.model == SizeModel::Fixed && size.mean.0 < STAMP_BYTES {
        return Err(Failure::new(format!(
            "events of {} have no room for what they are checked by; {STAMP_BYTES} B have",
            size.mean
        )));
    }
    Ok(())
}

/// The least payload that carries a stamp ([`headwater_traffic::Payloads`]).
const STAMP_BYTES: u64 = 49;

fn check_cluster(run: &Run, kind: Kind) -> Result<()> {
    let wrong = |option: &str| {
        Err(Failure::new(format!("{option} has no effect on target {}", kind.name())))
    };
    match kind {
        _ if kind != Kind::Kafka && run.cluster.bootstrap.is_some() => wrong("--bootstrap"),
        _ if kind != Kind::Pravega && run.cluster.controller.is_some() => wrong("--controller"),
        _ if kind == Kind::Null && run.cluster.launch => wrong("--launch"),
        _ => Ok(()),
    }
}

/// The scenario of a plain run. `live/` of the library has the same with longer names.
fn text(run: &Run, kind: Kind) -> String {
    let system = match kind {
        Kind::Pravega => "kind = \"pravega\"\nmode = \"standalone\"\nclient = \"rust\"\n",
        Kind::Kafka | Kind::Log | Kind::Null => "kind = \"kafka\"\nclient = \"librdkafka\"\n",
    };
    let duration = run.duration.unwrap_or(headwater_sim::time::Duration::from_secs(30));
    // Two seconds of warm-up, or a fifth of a short run.
    let warm_up = headwater_sim::time::Duration((duration.0 / 5).min(2_000_000_000));
    let rate = run.rate.unwrap_or_default();
    format!(
        "title = \"{rate} on {} for {duration}\"\n\
         hypothesis = \"Nothing acknowledged is lost.\"\nprofile = \"small-vm\"\n\
         [system]\n{system}[traffic]\nrate = \"{rate}\"\nduration = \"{duration}\"\n\
         [measure]\nwarm_up = \"{warm_up}\"\n",
        kind.name()
    )
}

/// What the command line sets, over the scenario.
fn settings(run: &Run, kind: Kind) -> Result<Vec<(String, String)>> {
    let mut all = run.settings.clone();
    let mut set = |path: &str, value: String| all.push((path.to_owned(), value));
    if run.scenario.is_some() {
        if let Some(rate) = run.rate {
            set("traffic.rate", rate.to_string());
        }
        if let Some(duration) = run.duration {
            set("traffic.duration", duration.to_string());
        }
    }
    if let Some(size) = run.size {
        set("traffic.size.model", "fixed".into());
        set("traffic.size.mean", size.to_string());
    }
    let options = &run.options;
    let only = |of: Kind, option: &str| match kind == of
        || (kind.takes_any_scenario() && of == Kind::Kafka)
    {
        true => Ok(()),
        false => Err(Failure::new(format!("{option} is not an option of {}", kind.name()))),
    };
    if let Some(partitions) = options.partitions {
        only(Kind::Kafka, "--partitions")?;
        set("system.partitions", partitions.to_string());
    }
    if let Some(segments) = options.segments {
        only(Kind::Pravega, "--segments")?;
        set("system.segments", segments.to_string());
    }
    if let Some(acks) = &options.acks {
        only(Kind::Kafka, "--acks")?;
        set("system.producer.acks", if acks == "all" { "-1".into() } else { acks.clone() });
    }
    if let Some(linger) = options.linger {
        only(Kind::Kafka, "--linger")?;
        set("system.producer.linger.ms", linger.to_string());
    }
    if let Some(version) = &run.cluster.kafka_version {
        only(Kind::Kafka, "--kafka-version")?;
        let line = if version.starts_with("4") { "4.x" } else { version.as_str() };
        // Quoted: a bare 3.9 would be a number.
        set("system.version", format!("\"{line}\""));
    }
    Ok(all)
}

/// The line that does it again: the arguments as they were given, with the seed.
fn reproduce(run: &Run, seed: u64) -> String {
    let mut line = "loadgen".to_owned();
    for argument in std::env::args().skip(1) {
        line += &format!(" {}", shell_word(&argument));
    }
    if run.seed.is_none() {
        line += &format!(" --seed {seed}");
    }
    line
}
