//! Which stretches of a long scenario are simulated, and what each stands for.

use headwater_traffic::ShotSpec;

use crate::scenario::Scenario;
use crate::units::Duration;

/// How long a stretch runs before it is measured: by then the kernel has begun to write back what
/// the stretch itself wrote (`vm.dirty_expire_centisecs` 30 s, looked at every 5 s), and heaps have
/// been collected.
pub(super) const WARM_UP: Duration = Duration::from_secs(35);

/// How long a calm stretch is measured.
pub(super) const MEASURED: Duration = Duration::from_secs(10);

/// How long after a fault or a burst its stretch still goes on: leaders move back after five
/// minutes at most (`leader.imbalance.check.interval.seconds`), which is a calm stretch's matter;
/// what has queued up is gone sooner.
const SETTLED: Duration = Duration::from_secs(60);

/// A part of the schedule that is simulated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    /// Where its measured part begins.
    pub from: Duration,
    /// Where it ends.
    pub until: Duration,
    /// How much of the schedule each second of it stands for; 1 for what happens but once.
    pub weight: f64,
    /// It stands for others of its kind.
    pub calm: bool,
}

impl Stretch {
    /// Where its scenario begins, so that what it measures is warm.
    fn begin(&self) -> Duration {
        self.from.saturating_sub(WARM_UP)
    }

    /// How much of the schedule it simulates.
    pub fn simulated(&self) -> Duration {
        self.until.saturating_sub(self.begin())
    }
}

/// Spans of time in which something happens (a burst, a fault), joined where they overlap.
fn busy(scenario: &Scenario) -> Vec<(Duration, Duration)> {
    let end = scenario.traffic.duration;
    let shot = |shot: &ShotSpec| {
        // After three time constants a twentieth of it is left.
        (shot.at, shot.at + shot.rise + shot.hold + shot.decay * 3 + SETTLED)
    };
    let shots = scenario.traffic.shots.iter().map(shot);
    let faults = scenario.faults.iter().map(|fault| {
        let until = fault.until.map_or(end, |until| until + SETTLED);
        (fault.at, until)
    });
    let begin = (Duration::ZERO, scenario.measure.warm_up.max(WARM_UP));
    let mut spans: Vec<_> = shots.chain(faults).chain([begin]).collect();
    spans.sort_unstable();
    let mut joined: Vec<(Duration, Duration)> = Vec::new();
    for (from, until) in spans {
        let (from, until) = (from.min(end), until.min(end));
        match joined.last_mut() {
            // A calm stretch that has no room in between is not worth one.
            Some((_, last)) if from <= *last + WARM_UP + MEASURED => *last = until.max(*last),
            _ => joined.push((from, until)),
        }
    }
    joined
}

/// The stretches of a scenario: all of what happens but once, and `calm` of the rest, evenly spread
/// over it: so they meet each rate of a daily wave as often as the day does.
pub(super) fn of(scenario: &Scenario, calm: u32) -> Vec<Stretch> {
    let busy = busy(scenario);
    let warm_up = scenario.measure.warm_up;
    let mut stretches: Vec<_> = busy
        .iter()
        .map(|(from, until)| (*from.max(&warm_up), *until))
        .map(|(from, until)| Stretch { from, until, weight: 1.0, calm: false })
        .filter(|stretch| stretch.from < stretch.until)
        .collect();
    let ends = busy.iter().map(|(from, _)| *from).skip(1).chain([scenario.traffic.duration]);
    let quiet: Vec<_> = busy.iter().map(|(_, until)| *until).zip(ends).collect();
    let length = |(from, until): &(Duration, Duration)| until.saturating_sub(*from);
    let total: u64 = quiet.iter().map(|span| length(span).0).sum();
    let weight = total as f64 / (f64::from(calm) * MEASURED.0 as f64);
    for number in 0..calm {
        // The middle of the `number`th part of all that is quiet.
        let mut at = (total as f64 * (f64::from(number) + 0.5) / f64::from(calm)) as u64;
        for span in &quiet {
            let length = length(span).0;
            if at < length {
                let from = span.0 + Duration(at.min(length.saturating_sub(MEASURED.0)));
                stretches.push(Stretch { from, until: from + MEASURED, weight, calm: true });
                break;
            }
            at -= length;
        }
    }
    stretches
}

/// The scenario of a stretch alone.
pub(super) fn scenario_of(whole: &Scenario, stretch: &Stretch) -> Scenario {
    let begin = stretch.begin();
    let mut scenario = whole.clone();
    let traffic = &mut scenario.traffic;
    traffic.duration = stretch.simulated();
    let period = traffic.diurnal.period.0.max(1);
    traffic.diurnal.peak =
        Duration((traffic.diurnal.peak.0 % period + period - begin.0 % period) % period);
    traffic.weekly.start = (traffic.weekly.start + begin.0 as f64 / period as f64) % 7.0;
    if let Some(trace) = &mut traffic.trace {
        trace.from += Duration((begin.0 as f64 * trace.speed) as u64);
    }
    traffic.shots.retain(|shot| shot.at >= begin && shot.at < stretch.until);
    traffic.shots.iter_mut().for_each(|shot| shot.at = shot.at.saturating_sub(begin));
    let over = |until: Option<Duration>| until.is_some_and(|until| until <= begin);
    scenario.faults.retain(|fault| fault.at < stretch.until && !over(fault.until));
    for fault in &mut scenario.faults {
        fault.at = fault.at.saturating_sub(begin);
        fault.until = fault.until.map(|until| until.saturating_sub(begin));
    }
    scenario.measure.warm_up = stretch.from.saturating_sub(begin);
    scenario.measure.until = Duration::ZERO;
    scenario.measure.interval = Duration::from_millis(100);
    scenario.expect.clear();
    scenario
}
