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

use std::fmt::Write;

use headwater_models::systems::Systems;

use super::candidate::Candidate;
use super::question::Question;
use super::world::World;
use crate::scenario::{Problems, Scenario, Source};
use crate::units::Duration;

/// A phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The peak, with all servers.
    Peak,
    /// The peak after this one has died and others have taken over.
    Down(&'static str),
    /// From so long after this one's death in the peak on; it comes back meanwhile.
    Recovery(&'static str, Duration),
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
        let Self { question, candidate, world, phase } = self;
        let mut text = format!(
            "# {}\n# Written by `headwater plan`. Reproduce: headwater run FILE\n\
             title = \"{}: {}\"\n\
             hypothesis = \"{}\"\nseed = {}\nprofile = \"{}\"\n\n[system]\nkind = \"{}\"\n",
            question,
            candidate.topology.name,
            phase.name(),
            self.hypothesis(),
            question.seeds.0,
            question.profile,
            question.system,
        );
        let clients = question.clients.unwrap_or_else(|| {
            ((world.rate * world.peak * world.event_bytes / CLIENT).ceil() as u32).max(2)
        });
        let kind = Systems::standard().find(&question.system);
        let clients = kind.and_then(|kind| kind.sizing()).map(|sizing| sizing.clients(clients));
        for (path, value) in candidate.options.iter().chain(clients.iter().flatten()) {
            let _ = writeln!(text, "{path} = {value}");
        }
        text + &self.events()
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
        let victims = Systems::standard().find(&question.system).and_then(|kind| kind.sizing());
        let taken_over = victims.map_or(AWAY, |sizing| sizing.taken_over());
        let mut begins = WARM_UP;
        let mut fault = String::new();
        let mut window = (begins, begins + RISE + peak);
        let mut held = peak;
        match phase {
            Phase::Peak => {}
            Phase::Down(victim) => {
                fault = crash(victim, begins, None);
                begins += taken_over;
                window = (begins, begins + RISE + peak);
            }
            Phase::Recovery(victim, after) => {
                let at = begins + RISE + Duration::from_secs(1);
                fault = crash(victim, at, Some(AWAY.min(*after)));
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

fn crash(victim: &str, at: Duration, lasts: Option<Duration>) -> String {
    let back = lasts.map_or_else(String::new, |lasts| format!("for = \"{lasts}\"\n"));
    format!("\n[[fault]]\nkind = \"crash\"\ntarget = \"{victim}\"\nat = \"{at}\"\n{back}")
}
