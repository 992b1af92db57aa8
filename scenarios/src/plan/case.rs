//! A candidate in a world, as scenarios: an ordinary file for each phase that it has to stand.
//!
//! ```text
//! peak        base | ====== the peak ====== |                     everybody is there
//! down        base | a server is killed | taken over | == the peak == |
//! recovery    base | ==== the peak, and a server is killed ==== | comes back | measured
//! ```
//!
//! Each has one window in which the response time is to be kept; that nothing is lost or fails is
//! to hold all through.

use std::fmt::{self, Write};

use headwater_models::sizing::Sizing;
use headwater_models::systems::Systems;

use super::candidate::Candidate;
use super::question::Question;
use super::world::World;
use crate::scenario::{Problems, Scenario, Source};
use crate::units::Duration;

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// So many servers, of which this is the first.
    Servers(&'static str, u32),
    /// Those of the first zone, all at once.
    Zone,
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Servers(first, 1) => f.write_str(first),
            Self::Servers(first, count) => write!(f, "{first}-and-{}-more", count - 1),
            Self::Zone => f.write_str("zone"),
        }
    }
}

/// A phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The peak, with all servers.
    Peak,
    /// The peak after this one has died and others have taken over.
    Down(Victim),
    /// From so long after this one's death in the peak on; it comes back meanwhile.
    Recovery(Victim, Duration),
}

impl Phase {
    /// What its file is called.
    pub fn name(&self) -> String {
        match self {
            Self::Peak => "peak".into(),
            Self::Down(victim) => format!("down-{victim}"),
            Self::Recovery(victim, _) => format!("recovery-{victim}"),
        }
    }
}

/// A candidate in a phase and a world.
pub struct Case<'a> {
    /// What is asked.
    pub question: &'a Question,
    /// Of whom.
    pub candidate: &'a Candidate,
    /// Where.
    pub world: &'a World,
    /// When.
    pub phase: &'a Phase,
}

/// Until connections are there and first fetches are answered.
const WARM_UP: Duration = Duration::from_secs(3);

/// How long the rate rises to its peak.
const RISE: Duration = Duration::from_millis(500);

/// The longest peak that is simulated: what is not in a queue by then will not be.
const PEAK_MAX: Duration = Duration::from_secs(10);
/// The shortest, and the events that are enough to tell a 99th percentile.
const PEAK_MIN: Duration = Duration::from_secs(2);
const EVENTS: f64 = 100_000.0;

/// Events that a window has at the least, however long they take: a percentile is told where ten
/// lie beyond it, and the search for a knee may go down to half of the rate.
const MEASURABLE: f64 = 2_500.0;

/// How long a killed server stays away in the recovery: until others have taken over for sure.
const AWAY: Duration = Duration::from_secs(20);

/// In a recovery, how long after the one before another server is killed.
const BETWEEN: Duration = Duration::from_secs(1);

/// How long the end of a recovery is looked at.
const SETTLED: Duration = Duration::from_secs(5);

/// Bytes a second of a client's share of the peak.
const CLIENT: f64 = 20e6;

impl Case<'_> {
    /// How long the peak is simulated.
    fn peak(&self) -> Duration {
        let rate = self.world.rate * self.world.peak;
        let enough = time_of(EVENTS, rate).clamp(PEAK_MIN, PEAK_MAX);
        enough.min(self.question.peak_for).max(time_of(MEASURABLE, rate))
    }

    /// The file.
    pub fn text(&self) -> String {
        let Self { question, candidate, phase, .. } = self;
        let mut text = format!(
            "# {}\n# Written by `headwater plan`. Reproduce: headwater run FILE\n\
             title = \"{}: {}\"\n\
             hypothesis = \"{}\"\nseed = {}\nprofile = \"{}\"\n\n[system]\nkind = \"{}\"\n",
            question,
            candidate.topology.name,
            phase.name(),
            self.hypothesis(),
            question.seeds.0,
            self.candidate.profile,
            question.system,
        );
        let clients = sizing(question).map(|sizing| sizing.clients(self.clients()));
        for (path, value) in candidate.options.iter().chain(clients.iter().flatten()) {
            let _ = writeln!(text, "{path} = {value}");
        }
        text + &self.events()
    }

    /// Writers, and as many readers.
    fn clients(&self) -> u32 {
        let world = self.world;
        self.question.clients.unwrap_or_else(|| {
            ((world.rate * world.peak * world.event_bytes / CLIENT).ceil() as u32).max(2)
        })
    }

    fn hypothesis(&self) -> String {
        let p99 = self.question.p99;
        match self.phase {
            Phase::Peak => format!("99 of 100 events are acknowledged within {p99} in the peak."),
            Phase::Down(victim) => format!("So they are while {victim} is away."),
            Phase::Recovery(victim, after) => format!(
                "So they are from {after} after the death of {victim} in the peak on, and nothing \
                 is lost."
            ),
        }
    }

    /// Traffic, faults, the window and what is expected.
    fn events(&self) -> String {
        let Self { question, world, phase, .. } = self;
        let peak = self.peak();
        let taken_over = sizing(question).map_or(AWAY, |sizing| sizing.taken_over());
        let deaths = match phase {
            Phase::Down(Victim::Servers(_, count)) => u64::from(*count),
            _ => 1,
        };
        let mut begins = WARM_UP;
        let mut fault = String::new();
        let mut window = (begins, begins + RISE + peak);
        let mut held = peak;
        match phase {
            Phase::Peak => {}
            Phase::Down(victim) => {
                fault = self.crashes(*victim, begins, taken_over, None);
                begins += Duration(taken_over.0 * deaths);
                window = (begins, begins + RISE + peak);
            }
            Phase::Recovery(victim, after) => {
                let at = begins + RISE + Duration::from_secs(1);
                fault = self.crashes(*victim, at, BETWEEN, Some(AWAY.min(*after)));
                let settled = SETTLED.max(time_of(MEASURABLE, world.rate));
                window = (at + *after, at + *after + settled);
                held = question.peak_for.min(*after + settled);
            }
        }
        let ends = window.1.max(begins + RISE + held + RISE) + RISE;
        let mut text = format!(
            "\n[traffic]\nrate = \"{:.0}/s\"\nduration = \"{ends}\"\nsize.model = \"fixed\"\n\
             size.mean = \"{:.0}B\"\n",
            world.rate.max(1.0),
            world.event_bytes,
        );
        if world.peak > 1.0 {
            let _ = write!(
                text,
                "\n[[traffic.shots]]\nat = \"{begins}\"\npeak = {:?}\nrise = \"{RISE}\"\n\
                 hold = \"{held}\"\ndecay = \"{RISE}\"\n",
                world.peak,
            );
        }
        fault += &self.between_zones(ends);
        let (copies, durable) = self.candidate.promise;
        let _ = write!(
            text,
            "{fault}\n[measure]\nwarm_up = \"{}\"\nuntil = \"{}\"\n\n\
             [promise]\ncopies = {copies}\ndurable = {durable}\n\n\
             [expect]\nresponse.p99 = \"< {}\"\nlost = 0\nfailed = 0\nacked_share = \"100%\"\n",
            window.0, window.1, question.p99,
        );
        text
    }

    /// Who is killed, one after the other: at first, and so much later each time.
    fn crashes(
        &self,
        victim: Victim,
        at: Duration,
        later: Duration,
        back: Option<Duration>,
    ) -> String {
        let zone = || -> Vec<String> { self.zone(0, false) };
        let targets: Vec<Vec<String>> = match victim {
            Victim::Zone => vec![zone()],
            Victim::Servers(first, count) => {
                let others = sizing(self.question).map_or(&[][..], |of| of.others(first));
                let all = std::iter::once(&first).chain(others);
                all.take(count as usize).map(|name| vec![(*name).to_owned()]).collect()
            }
        };
        let one = |(number, targets): (u64, &Vec<String>)| {
            let at = at + Duration(later.0 * number);
            format!("\n[[fault]]\nkind = \"crash\"\ntarget = {targets:?}\nat = \"{at}\"\n")
                + &back.map_or_else(String::new, |lasts| format!("for = \"{lasts}\"\n"))
        };
        (0..).zip(&targets).map(one).collect()
    }

    /// The nodes of a zone, by its number from 0, with clients or without: nodes of each kind are
    /// dealt out to the zones in turn.
    fn zone(&self, number: u32, clients: bool) -> Vec<String> {
        let servers = self.candidate.topology.servers.iter().map(|(kind, count)| {
            // A `segment store` is called `store-1`.
            (kind.rsplit(' ').next().unwrap_or(kind), *count)
        });
        let count = if clients { self.clients() } else { 0 };
        let all = servers.chain([("producer", count), ("consumer", count)]);
        let zones = self.question.zones.max(1) as usize;
        let of_zone = |(kind, count): (&str, u32)| -> Vec<String> {
            let all = (number..count).step_by(zones);
            all.map(|index| format!("{kind}-{}", index + 1)).collect()
        };
        all.flat_map(of_zone).collect()
    }

    /// What lies between zones, until `ends`.
    fn between_zones(&self, ends: Duration) -> String {
        let (more, zones) = (self.question.zone_latency, self.question.zones);
        let pairs = (0..zones).flat_map(|one| (one + 1..zones).map(move |other| (one, other)));
        let link = |(one, other): (u32, u32)| {
            let (from, to) = (self.zone(one, true), self.zone(other, true));
            if from.is_empty() || to.is_empty() {
                return String::new();
            }
            format!(
                "\n[[fault]]\nkind = \"slow-link\"\ntarget = {from:?}\npeers = {to:?}\n\
                 extra = \"{more}\"\nat = \"0s\"\nfor = \"{ends}\"\n"
            )
        };
        if more == Duration::ZERO { String::new() } else { pairs.map(link).collect() }
    }

    /// Where it comes from, as a file of this name.
    pub fn source(&self, name: &str) -> Source {
        Source::of(name.to_owned(), self.text())
    }

    /// It, ready to be run.
    ///
    /// # Errors
    /// An option that the user has fixed is wrong.
    pub fn scenario(&self, name: &str) -> Result<Scenario, Problems> {
        self.source(name).read(&self.question.settings)
    }
}

fn time_of(events: f64, rate: f64) -> Duration {
    Duration((events / rate.max(1.0) * 1e9).round() as u64)
}

/// How the system is sized.
fn sizing(question: &Question) -> Option<&'static dyn Sizing> {
    Systems::standard().find(&question.system).and_then(|kind| kind.sizing())
}
