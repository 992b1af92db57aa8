//! What a run will cost, roughly, before it is started: a typing error in a rate or a duration
//! should not cost an hour and all memory.

use headwater_reports::text::{bytes, count, duration as show};
use headwater_sim::time::Duration;

use crate::scenario::Scenario;

/// CPU time of an event in a release build: 0.24 to 0.39 s for 50,000 events of Kafka were measured
/// on a machine of two cores.
const SIMULATED_EVENT_NS: f64 = 8_000.0;

/// Memory that an event takes as long as it is kept: 0.69 GB for a million of Kafka's were
/// measured.
const SIMULATED_EVENT_BYTES: f64 = 700.0;

/// How long an event is kept where what nobody needs is folded, seconds: 91 MB at 1,600 a second
/// were measured. It is on every disk after 35 s, and its times are told apart for 120 s.
const KEPT_SECONDS: f64 = 90.0;

/// CPU time of a second without events: timers, heartbeats, fetches that wait.
const SIMULATED_SECOND_NS: f64 = 20e6;

/// The pacer's time for an event: its payload, and the way through the client.
const LIVE_EVENT_NS: f64 = 1_000.0;

/// Memory of a live generator: observations on their way, and what clients queue. It does not grow
/// with the run.
const LIVE_BYTES: f64 = 512e6;

/// Time above which a simulation is not started unless the user insists.
const SIMULATED_MAX: Duration = Duration::from_secs(1_800);

/// How much longer than its schedule a live run may take before it is not started: then the
/// generator can't keep the schedule.
const LIVE_STRETCH: f64 = 1.5;

/// What a run costs, about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Events of the schedule.
    pub events: f64,
    /// How long it takes, nanoseconds.
    pub time_ns: f64,
    /// How long it may take unless the user insists, nanoseconds.
    pub time_ns_max: f64,
    /// Memory at its end, bytes.
    pub memory: f64,
}

impl Estimate {
    /// Of a simulation on one core.
    pub fn simulated(scenario: &Scenario) -> Self {
        let events = events(scenario);
        let seconds = scenario.traffic.duration.as_secs_f64();
        Self {
            events,
            time_ns: events * SIMULATED_EVENT_NS + seconds * SIMULATED_SECOND_NS,
            time_ns_max: SIMULATED_MAX.0 as f64,
            memory: kept(scenario, events) * SIMULATED_EVENT_BYTES,
        }
    }

    /// Of a live run.
    pub fn live(scenario: &Scenario) -> Self {
        let (events, length) = (events(scenario), scenario.traffic.duration.0 as f64);
        Self {
            events,
            time_ns: length.max(events * LIVE_EVENT_NS),
            time_ns_max: length * LIVE_STRETCH,
            memory: LIVE_BYTES,
        }
    }

    /// Whether it may be started on this machine without the user's insistence.
    ///
    /// # Errors
    /// What is too much, and what to do, in one line.
    pub fn check(&self) -> Result<(), String> {
        self.check_against(available_memory())
    }

    fn check_against(&self, available: Option<f64>) -> Result<(), String> {
        let Self { events, time_ns, time_ns_max, memory } = *self;
        let short = available.filter(|available| memory > *available);
        if time_ns <= time_ns_max && short.is_none() {
            return Ok(());
        }
        let there = short.map_or_else(String::new, |available| {
            format!(" of which this machine has {} free,", bytes(available))
        });
        Err(format!(
            "about {} events would take {} (the limit is {}) and {} of memory,{there} if it were \
             started: lower traffic.rate or traffic.duration, or give --yes to start it all the \
             same",
            count(events as u64),
            show(time_ns),
            show(time_ns_max),
            bytes(memory)
        ))
    }
}

/// Events that are kept at once at the most: all, unless they are folded; then the greatest burst.
fn kept(scenario: &Scenario, events: f64) -> f64 {
    if !crate::run::folds(scenario) {
        return events;
    }
    let peak = scenario.traffic.shots.iter().map(|shot| shot.peak).fold(1.0, f64::max);
    events.min(scenario.traffic.rate.as_per_second() * peak * KEPT_SECONDS)
}

/// Events of the schedule: the base rate and the area of each shot. A daily wave is left out, which
/// at most doubles a part of a period.
fn events(scenario: &Scenario) -> f64 {
    let traffic = &scenario.traffic;
    let (rate, length) = (traffic.rate.as_per_second(), traffic.duration.as_secs_f64());
    let shots = traffic.shots.iter().map(|shot| {
        let left = (length - shot.at.as_secs_f64()).max(0.0);
        let [rise, hold, decay] = [shot.rise, shot.hold, shot.decay].map(Duration::as_secs_f64);
        (shot.peak - 1.0) * rate * (rise / 2.0 + hold + decay).min(left)
    });
    rate * length + shots.sum::<f64>()
}

/// Bytes that are free for a new process (`MemAvailable` of proc(5)), if the system says so.
fn available_memory() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(traffic: &str) -> Scenario {
        let text = format!(
            "title = 't'\nhypothesis = 'h'\nprofile = 'small-vm'\n[system]\nkind = 'kafka'\n\
             [traffic]\n{traffic}"
        );
        Scenario::parse(&text, "t", None, &[]).unwrap()
    }

    #[test]
    fn the_events_are_those_of_the_schedule_about() {
        let traffic = "rate = '500/s'\nduration = '20s'\n[[traffic.shots]]\npreset = 'castle'\n\
                       at = '5s'\n";
        let scenario = scenario(traffic);
        let counted = scenario.traffic.schedule(headwater_sim::random::Seed(1)).unwrap().count();
        let off = Estimate::simulated(&scenario).events / counted as f64;
        assert!((0.97..1.03).contains(&off), "{off} x {counted}");
    }

    #[test]
    fn a_rate_that_nobody_can_keep_is_refused_in_both_worlds() {
        let scenario = scenario("rate = '1000000000/s'\nduration = '4s'\n");
        let plenty = Some(1e15);
        for estimate in [Estimate::simulated(&scenario), Estimate::live(&scenario)] {
            assert_eq!(estimate.events, 4e9);
            let message = estimate.check_against(plenty).unwrap_err();
            assert!(message.starts_with("about 4,000,000,000 events would take"), "{message}");
            assert!(message.contains("--yes"), "{message}");
        }
    }

    #[test]
    fn more_memory_than_there_is_is_refused() {
        let day = scenario("rate = '1600/s'\nduration = '24h'\n");
        assert_eq!(Estimate::simulated(&day).memory, 1_600.0 * 90.0 * 700.0, "it is folded");
        let scenario = scenario("rate = '10000/s'\nduration = '60s'\n");
        let estimate = Estimate::simulated(&scenario);
        assert_eq!(estimate.check_against(Some(1e9)), Ok(()));
        let message = estimate.check_against(Some(1e8)).unwrap_err();
        assert!(
            message.contains("420 MB of memory, of which this machine has 100 MB"),
            "{message}"
        );
        assert_eq!(estimate.check_against(None), Ok(()));
    }

    #[test]
    fn the_whole_library_may_be_started() {
        for (name, _) in crate::library::SCENARIOS {
            let scenario = Scenario::load(name, &[]).unwrap();
            let estimates = [Estimate::simulated(&scenario), Estimate::live(&scenario)];
            for estimate in estimates {
                assert_eq!(estimate.check_against(Some(4e9)), Ok(()), "{name}: {estimate:?}");
            }
        }
    }
}
