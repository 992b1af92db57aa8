//! `loadgen ceiling`: the generator's highest rate, beside that of the load test that comes with
//! the system, on one cluster and by turns.
//!
//! Both write as fast as their clients have room for events, with the same options of the client,
//! and are counted when they are warm. What the generator does besides is done as in any run:
//! schedule, stamps and checksums, latencies, history.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use headwater_reports::outcome::Window;
use headwater_sim::random::Seed;
use headwater_sim::units::Bytes;

use super::{Interrupt, named, reach};
use crate::arguments::{Ceiling, Reach, Run};
use crate::clock::Clock;
use crate::collect::Collector;
use crate::failure::{Failure, Result};
use crate::launch::Places;
use crate::load_test::Running;
use crate::pacing::{Pace, Pacer};
use crate::placement::Placement;
use crate::plan::RunPlan;
use crate::prepare::prepare;
use crate::sampler::Sampler;
use crate::systems::client::{Observer, Writer};
use crate::systems::system::{Cluster, Connection, Load, LoadTest, Source};
use crate::utilisation::{UtilisationSampler, Watched, cpu_seconds};
use crate::{systems, terminal};

/// How long each side writes before it is counted: code is compiled and batches have grown by then.
/// Load tests tell every five seconds how it goes, so that this is one of their lines.
const WARM_UP: Duration = Duration::from_secs(5);

/// How often a load test's output is looked at.
const POLL: Duration = Duration::from_millis(20);

/// How long a load test may take to say something.
const SAYS: Duration = Duration::from_secs(60);

/// More than any client takes, events per second.
const FLOOD: &str = "10000000/s";

/// How fast one side was, when it was warm.
#[derive(Clone, Copy, Debug)]
struct Speed {
    /// Events per second that were acknowledged.
    rate: f64,
    /// CPU of its process, cores.
    cores: f64,
}

impl Speed {
    /// Of so many events and seconds of CPU in `time`.
    fn of(events: u64, cpu: f64, time: Duration) -> Self {
        let seconds = time.as_secs_f64().max(1e-9);
        Self { rate: events as f64 / seconds, cores: cpu / seconds }
    }

    /// CPU time of an event, microseconds.
    fn us(self) -> f64 {
        self.cores / self.rate.max(1e-9) * 1e6
    }

    fn tell(self) -> String {
        let (rate, cores, us) = (self.rate, self.cores, self.us());
        format!("{rate:>9.0}/s, {cores:.2} cores, {us:.2} us/event")
    }
}

/// The speeds of a turn: the generator's, and that of the system's load test, if it has one.
type Turn = (Speed, Option<Speed>);

/// Measures and prints.
pub(crate) fn run(arguments: &Ceiling) -> Result<ExitCode> {
    let interrupt = Interrupt::listen()?;
    let plans: Vec<(Bytes, RunPlan)> = arguments
        .sizes
        .iter()
        .map(|size| Ok((*size, RunPlan::new(&asked(arguments, *size))?)))
        .collect::<Result<_>>()?;
    let Some((_, first)) = plans.first() else {
        return Err(Failure::new("which sizes: give --size 100B, or several with commas"));
    };
    let source = reach::find(first, &asked(arguments, arguments.sizes[0]))?;
    let placement = Placement::find(arguments.cores, source == Source::Launch)?;
    placement.keep_generator();
    let cluster = reach::reach(first, &source, || Places::find(false, placement.clone()))?;
    // The load test runs where the generator does.
    let beside = Placement { cluster: placement.generator.clone(), ..placement.clone() };
    let places = Places::find(false, beside)?;
    let head = head(arguments, first, &cluster, &placement);
    terminal::result(&head).map_err(cant_print)?;
    for (size, plan) in &plans {
        let sides = Sides { plan, cluster: &cluster, places: &places, interrupt: &interrupt };
        let speeds = sides.by_turns(*size, arguments)?;
        terminal::result(&conclude(*size, &speeds)).map_err(cant_print)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn cant_print(error: std::io::Error) -> Failure {
    Failure::io("can't write to standard output", &error)
}

/// The run that a side of the comparison is.
fn asked(arguments: &Ceiling, size: Bytes) -> Run {
    let own = |(path, value): (&str, &str)| (path.to_owned(), value.to_owned());
    let traffic = [("traffic.key", "none"), ("traffic.arrivals", "constant")];
    let system = systems::by_name(&arguments.target).map_or(&[][..], |of| of.load_test_settings());
    // What is asked for comes last, and wins.
    let mut settings: Vec<_> = traffic.into_iter().chain(system.iter().copied()).map(own).collect();
    settings.extend(arguments.settings.iter().cloned());
    Run {
        rate: FLOOD.parse().ok(),
        duration: Some(headwater_sim::time::Duration::from_secs(3_600)),
        size: Some(size),
        settings,
        reach: Reach { launch: arguments.launch, accept_differences: true, ..Reach::default() },
        ..Run::of(&arguments.target, arguments.systems.clone())
    }
}

fn head(arguments: &Ceiling, plan: &RunPlan, cluster: &Cluster, placement: &Placement) -> String {
    let options = plan.system.client_options(&plan.scenario);
    let options: Vec<String> = options
        .iter()
        .filter_map(|(name, value)| {
            let name = name.rsplit_once('.').map_or(name.as_str(), |_| name);
            ["acks", "linger.ms", "batch.size", "enable.idempotence"]
                .iter()
                .find(|of| name.ends_with(*of))
                .map(|of| format!("{of} {value}"))
        })
        .collect();
    format!(
        "{}; {}; cores {placement}; {} after {} s of warm-up, {} times by turns",
        cluster.describes,
        options.join(", "),
        arguments.time,
        WARM_UP.as_secs(),
        arguments.pairs
    )
}

/// The medians over the turns, and how the generator compares.
fn conclude(size: Bytes, speeds: &[Turn]) -> String {
    let median = |of: &dyn Fn(&Turn) -> Option<f64>| {
        let mut all: Vec<f64> = speeds.iter().filter_map(of).collect();
        all.sort_by(f64::total_cmp);
        let middle = all.get(all.len().saturating_sub(1) / 2).zip(all.get(all.len() / 2));
        middle.map(|(low, high)| (low + high) / 2.0)
    };
    let rate = median(&|(own, _)| Some(own.rate)).unwrap_or(0.0);
    let us = median(&|(own, _)| Some(own.us())).unwrap_or(0.0);
    let mut text = format!("{size}: generator {rate:.0}/s at {us:.2} us/event");
    let rates = median(&|(own, other)| other.map(|other| own.rate / other.rate));
    let cpu = median(&|(own, other)| other.map(|other| own.us() / other.us()));
    let used = median(&|(own, other)| other.map(|other| own.cores / other.cores));
    if let (Some(rates), Some(cpu), Some(used)) = (rates, cpu, used) {
        text += &format!(
            "; {rates:.2} times the rate of the system's load test, at {cpu:.2} times its CPU an \
             event and {used:.2} times its CPU a second (medians of {} turns)",
            speeds.len()
        );
    }
    text
}

/// Both sides.
struct Sides<'a> {
    plan: &'a RunPlan,
    cluster: &'a Cluster,
    places: &'a Places,
    interrupt: &'a Interrupt,
}

impl Sides<'_> {
    /// Measures both, as often as asked, beginning with the one and with the other.
    fn by_turns(&self, size: Bytes, arguments: &Ceiling) -> Result<Vec<Turn>> {
        let time = Duration::from_nanos(arguments.time.0);
        let mut speeds = Vec::new();
        for turn in 1..=arguments.pairs {
            let (own, other) = if turn % 2 == 1 {
                let own = self.own(time)?;
                (own, self.other(time)?)
            } else {
                let other = self.other(time)?;
                (self.own(time)?, other)
            };
            terminal::note(format_args!("{size}, turn {turn}: generator {}", own.tell()));
            if let Some((name, other)) = other {
                let ratio = own.rate / other.rate;
                terminal::note(format_args!(
                    "{size}, turn {turn}: {name} {}; {ratio:.2} times",
                    other.tell()
                ));
            }
            speeds.push((own, other.map(|(_, speed)| speed)));
        }
        Ok(speeds)
    }

    /// The generator's speed.
    fn own(&self, time: Duration) -> Result<Speed> {
        let (plan, (observer, observations)) = (self.plan, Observer::new(Clock::default()));
        let connection = plan.system.open(&plan.scenario, self.cluster, &observer)?;
        // Nothing is read back: the other side reads nothing either.
        let Connection { mut writers, lanes, storage, .. } = connection;
        let traffic = plan.scenario.traffic.plan(Seed(plan.seed));
        let traffic = Arc::new(traffic.map_err(|error| Failure::new(error.to_string()))?);
        let (preparer, slices, used) = prepare(traffic, lanes);
        let (window, interval) = (Window::default(), plan.scenario.measure.interval.0);
        let sampler = UtilisationSampler::new(Watched::default(), window, interval);
        let threads = Sampler::new(Watched::default(), window, plan.scenario.traffic.duration.0);
        let collector =
            Collector::new(&plan.scenario, used, sampler, threads, observer.clock.clone());
        let counters = collector.counters();
        let (stop, over) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
        let pacer =
            Pacer { slices, observer: observer.clone(), stop: Arc::clone(&stop), pace: Pace::Room };
        let speed = std::thread::scope(|scope| {
            let ended = &over;
            named(scope, "collector", move || collector.run(&observations, ended));
            named(scope, "preparer", move || preparer.run());
            observer.clock.start();
            let writers: &mut [Box<dyn Writer>] = &mut writers;
            let pacing = named(scope, "pacer", move || {
                pacer.run(writers);
                writers.iter_mut().for_each(|writer| writer.abandon());
            });
            let now = || (counters.acked.load(Ordering::Relaxed), Instant::now(), own_cpu());
            let speed = self.sleep(WARM_UP).and_then(|()| {
                let before = now();
                self.sleep(time)?;
                let after = now();
                Ok(Speed::of(after.0 - before.0, after.2 - before.2, after.1 - before.1))
            });
            stop.store(true, Ordering::Relaxed);
            let ended = pacing.join().map_err(|_| Failure::new("the pacer panicked"));
            over.store(true, Ordering::Relaxed);
            ended.and(speed)
        });
        storage.remove()?;
        speed
    }

    /// The speed of the system's load test, with its name.
    fn other(&self, time: Duration) -> Result<Option<(&'static str, Speed)>> {
        let (plan, cluster) = (self.plan, self.cluster);
        let (system, load) = (plan.system, Load::default());
        let Some(test) = system.load_test(&plan.scenario, &load, cluster, self.places)? else {
            return Ok(None);
        };
        let mut running = Running::start(&test, self.places)?;
        let speed = self.read(&test, &mut running, time);
        running.kill();
        test.storage.remove()?;
        Ok(Some((test.name, speed?)))
    }

    /// Reads what a load test prints until it has been counted for so long.
    fn read(&self, test: &LoadTest, running: &mut Running, time: Duration) -> Result<Speed> {
        let (mut seen, mut events, mut seconds) = (0, 0, 0.0);
        let (mut cpu_before, mut last) = (0.0, Instant::now());
        loop {
            self.sleep(POLL)?;
            let printed = running.printed();
            let lines: Vec<(u64, f64)> = printed.lines().filter_map(test.line).collect();
            let cpu = cpu_seconds(running.pid).unwrap_or(0.0);
            for (count, rate) in &lines[seen.min(lines.len())..] {
                last = Instant::now();
                if seen == 0 {
                    cpu_before = cpu;
                } else {
                    events += count;
                    seconds += *count as f64 / rate.max(1e-9);
                }
                seen += 1;
            }
            if seconds >= time.as_secs_f64() * 0.99 {
                let time = Duration::from_secs_f64(seconds);
                return Ok(Speed::of(events, cpu - cpu_before, time));
            }
            if !running.alive()? || last.elapsed() > SAYS {
                let said = running.last_words();
                return Err(Failure::new(format!("{} ended too early: {said}", test.name)));
            }
        }
    }

    /// Sleeps, unless it is interrupted.
    fn sleep(&self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if self.interrupt.raised() {
                return Err(Failure::new("interrupted before there was anything to compare"));
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
        Ok(())
    }
}

fn own_cpu() -> f64 {
    cpu_seconds(std::process::id()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_compared_by_medians_of_their_ratios() {
        let speed = |rate: f64, cores: f64| Speed { rate, cores };
        let turns = [
            (speed(600.0, 1.0), Some(speed(500.0, 1.0))),
            (speed(900.0, 1.0), Some(speed(300.0, 2.0))),
            (speed(500.0, 1.0), Some(speed(500.0, 1.0))),
        ];
        let text = conclude(Bytes(100), &turns);
        assert!(
            text.contains("generator 600/s") && text.contains("; 1.20 times the rate"),
            "{text}"
        );
        let alone = conclude(Bytes(100), &[(speed(600.0, 1.0), None)]);
        assert!(alone.ends_with("us/event"), "{alone}");
    }

    #[test]
    fn cpu_is_told_by_the_second_and_by_the_event() {
        let speed = Speed::of(2_000_000, 3.0, Duration::from_secs(2));
        assert_eq!((speed.rate, speed.cores, speed.us()), (1_000_000.0, 1.5, 1.5));
    }
}
