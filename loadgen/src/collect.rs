//! The collector: one thread that counts, records and remembers all that is observed.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use headwater_check::{Events, History, Positions};
use headwater_models::batch::StreamId;
use headwater_reports::outcome::{Mark, Window};
use headwater_reports::{Recorder, Resource};
use headwater_scenarios::observe::ScheduleDigest;
use headwater_scenarios::scenario::Scenario;
use headwater_sim::time::Time;
use headwater_traffic::{Plan, Schedule};

use crate::clock::Clock;
use crate::systems::client::Observation;
use crate::utilisation::UtilisationSampler;

/// Longest wait for an observation before looking at the clock.
const POLL: Duration = Duration::from_millis(20);

/// Marks kept at the most.
const MARKS_MAX: usize = 1_000;

/// Counts that other threads may look at while the run goes on.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Events due.
    pub(crate) scheduled: AtomicU64,
    /// Events handed to the client.
    pub(crate) sent: AtomicU64,
    /// Events acknowledged.
    pub(crate) acked: AtomicU64,
    /// Events refused or given up.
    pub(crate) failed: AtomicU64,
    /// Events read back.
    pub(crate) delivered: AtomicU64,
    /// Lag of the event sent last, nanoseconds.
    pub(crate) lag: AtomicU64,
    /// Events due later than this are never offered, nanoseconds: the pacer has ended.
    pub(crate) offer_until: AtomicU64,
    /// The pacer was stopped before the end of the schedule: from now on only what was sent counts
    /// as offered. What would have been due may be more than can be counted.
    pub(crate) cut_off: AtomicBool,
}

impl Default for Counters {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            scheduled: zero(),
            sent: zero(),
            acked: zero(),
            failed: zero(),
            delivered: zero(),
            lag: zero(),
            offer_until: AtomicU64::new(u64::MAX),
            cut_off: AtomicBool::new(false),
        }
    }
}

impl Counters {
    /// Events sent and not resolved.
    pub(crate) fn outstanding(&self) -> u64 {
        let resolved = self.acked.load(Ordering::Relaxed) + self.failed.load(Ordering::Relaxed);
        self.sent.load(Ordering::Relaxed).saturating_sub(resolved)
    }
}

/// What was collected.
pub(crate) struct Collected {
    /// Counts, latencies, series.
    pub(crate) recorder: Recorder,
    /// For the checkers.
    pub(crate) history: History,
    /// Hash of the schedule, as far as it was due.
    pub(crate) digest: String,
    /// What happened.
    pub(crate) marks: Vec<Mark>,
    /// How busy everything was.
    pub(crate) resources: Vec<Resource>,
    /// Errors of the client, and how many events each took.
    pub(crate) errors: BTreeMap<&'static str, u64>,
    /// End of the run, nanoseconds.
    pub(crate) end: u64,
}

/// Collects.
pub(crate) struct Collector {
    recorder: Recorder,
    history: History,
    schedule: Peekable<Schedule>,
    digest: ScheduleDigest,
    marks: Vec<Mark>,
    errors: BTreeMap<&'static str, u64>,
    sampler: UtilisationSampler,
    interval: u64,
    clock: Clock,
    counters: Arc<Counters>,
}

impl Collector {
    /// For a run of `scenario`.
    pub(crate) fn new(
        scenario: &Scenario,
        plan: &Arc<Plan>,
        sampler: UtilisationSampler,
        clock: Clock,
    ) -> Self {
        let (from, until) = scenario.window();
        let window = Window { from_ns: from.0, until_ns: until.0 };
        let interval = scenario.measure.interval.0;
        Self {
            recorder: Recorder::new(interval, window),
            history: History::new(StreamId(0), Positions::Events),
            schedule: plan.schedule().peekable(),
            digest: ScheduleDigest::default(),
            marks: Vec::new(),
            errors: BTreeMap::new(),
            sampler,
            interval,
            clock,
            counters: Arc::default(),
        }
    }

    /// The counts, to be looked at from elsewhere.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Collects until `over` is raised and nothing is left.
    pub(crate) fn run(mut self, observed: &Receiver<Observation>, over: &AtomicBool) -> Collected {
        let mut next_sample = self.interval;
        loop {
            match observed.recv_timeout(POLL) {
                Ok(observation) => self.take(observation),
                Err(RecvTimeoutError::Timeout) if !over.load(Ordering::Relaxed) => {
                    self.offer(self.clock.now(), None);
                }
                Err(_) => break,
            }
            while self.clock.now() >= next_sample {
                self.sampler.sample(next_sample);
                next_sample += self.interval;
            }
        }
        Collected {
            recorder: self.recorder,
            history: self.history,
            digest: self.digest.to_string(),
            marks: self.marks,
            resources: self.sampler.resources(),
            errors: self.errors,
            end: self.clock.now(),
        }
    }

    /// Counts as offered what is due by `now`, and what was sent in any case: all up to `sent`.
    fn offer(&mut self, now: u64, sent: Option<u64>) {
        let now = now.min(self.counters.offer_until.load(Ordering::Relaxed));
        let counters = Arc::clone(&self.counters);
        let due = |at: u64| {
            let is_sent = sent.is_some_and(|sent| at <= sent);
            is_sent || (at <= now && !counters.cut_off.load(Ordering::Relaxed))
        };
        while let Some(arrival) = self.schedule.next_if(|arrival| due(arrival.at.0)) {
            self.digest.add(&arrival);
            self.recorder.offered(arrival.at.0, 1, arrival.bytes.into());
            self.counters.scheduled.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(&mut self, observation: Observation) {
        match observation {
            Observation::Sent(token) => {
                self.offer(token.started, Some(token.intended));
                let bytes = token.bytes.into();
                self.recorder.sent(token.started, token.intended, 1, bytes);
                self.counters.sent.fetch_add(1, Ordering::Relaxed);
                let lag = token.started.saturating_sub(token.intended);
                self.counters.lag.store(lag, Ordering::Relaxed);
            }
            Observation::Acked { at, token } => {
                let (intended, started) = (token.intended, token.started);
                self.recorder.acked(at, intended, started, 1, token.bytes.into());
                self.history.acked(Time(at), Events::from(token.place));
                self.counters.acked.fetch_add(1, Ordering::Relaxed);
            }
            Observation::Failed { at, token, why } => {
                self.recorder.failed(at, 1);
                self.history.failed(Time(at), Events::from(token.place));
                *self.errors.entry(why).or_default() += 1;
                self.counters.failed.fetch_add(1, Ordering::Relaxed);
            }
            Observation::Delivered { at, reader, position, bytes, stamp } => {
                match (stamp, position) {
                    (Ok(stamp), Some(position)) => {
                        // Only the first reader runs while events are written.
                        if reader == 0 {
                            self.recorder.delivered(at, stamp.at.0, 1, bytes.into());
                        }
                        let events = Events::from(stamp.place);
                        self.history.delivered(Time(at), reader, events, position, bytes.into());
                    }
                    (Err(damage), _) => self.history.damaged(Time(at), reader, damage),
                    (Ok(_), None) => self.history.damaged(Time(at), reader, "without a position"),
                }
                self.counters.delivered.fetch_add(1, Ordering::Relaxed);
            }
            Observation::Mark { at, name, detail } => {
                if self.marks.len() < MARKS_MAX {
                    self.marks.push(Mark { at_ns: at, name: name.to_owned(), detail });
                }
            }
        }
    }
}

impl Collected {
    /// Counts what was sent and never resolved as failed.
    pub(crate) fn give_up(&mut self, outstanding: u64) {
        if outstanding > 0 {
            self.recorder.failed(self.end, outstanding);
            *self.errors.entry("not_acknowledged_in_time").or_default() += outstanding;
        }
    }
}
