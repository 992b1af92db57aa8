//! The collector: one thread that counts, records and remembers all that is observed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headwater_check::{Entry, Events, History, Positions, Read, Written};
use headwater_models::batch::StreamId;
use headwater_reports::outcome::{Mark, Window};
use headwater_reports::{Recorder, Resource};
use headwater_scenarios::observe::ScheduleDigest;
use headwater_scenarios::scenario::Scenario;
use headwater_traffic::Place;

use crate::clock::Clock;
use crate::followed::Followed;
use crate::history::Recording;
use crate::prepare::Slice;
use crate::sampler::Sampler;
use crate::systems::client::{Delivered, Observation, Settled};
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
    /// Median response time of each interval that is over, nanoseconds.
    medians: Mutex<Vec<Option<u64>>>,
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
            medians: Mutex::default(),
        }
    }
}

impl Counters {
    /// Median response time of each interval that is over, nanoseconds.
    pub(crate) fn medians(&self) -> Vec<Option<u64>> {
        self.medians.lock().map(|medians| medians.clone()).unwrap_or_default()
    }

    fn set_medians(&self, of: &[Option<u64>]) {
        if let Ok(mut medians) = self.medians.lock() {
            of.clone_into(&mut medians);
        }
    }

    /// Events acknowledged or given up.
    pub(crate) fn resolved(&self) -> u64 {
        self.acked.load(Ordering::Relaxed) + self.failed.load(Ordering::Relaxed)
    }

    /// Events sent and not resolved.
    pub(crate) fn outstanding(&self) -> u64 {
        self.sent.load(Ordering::Relaxed).saturating_sub(self.resolved())
    }
}

/// What was collected.
pub(crate) struct Collected {
    /// Counts, latencies, series.
    pub(crate) recorder: Recorder,
    /// For the checkers.
    pub(crate) history: History,
    /// Where it is written down, if it is.
    pub(crate) recording: Option<Recording>,
    /// Every event, if they are followed.
    pub(crate) followed: Option<Followed>,
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
    recording: Option<Recording>,
    followed: Option<Followed>,
    used: Sender<Slice>,
    digest: ScheduleDigest,
    marks: Vec<Mark>,
    /// Events that were handed over ahead of their time: when they are due, and their sizes.
    ahead: VecDeque<(u64, u32)>,
    errors: BTreeMap<&'static str, u64>,
    sampler: UtilisationSampler,
    threads: Sampler,
    interval: u64,
    clock: Clock,
    counters: Arc<Counters>,
}

impl Collector {
    /// For a run of `scenario`; slices that are counted go to `used`.
    pub(crate) fn new(
        scenario: &Scenario,
        used: Sender<Slice>,
        sampler: UtilisationSampler,
        threads: Sampler,
        clock: Clock,
    ) -> Self {
        let (from, until) = scenario.window();
        let window = Window { from_ns: from.0, until_ns: until.0 };
        let interval = scenario.measure.interval.0;
        Self {
            recorder: Recorder::new(interval, window).with_phases(&scenario.phases()),
            history: History::new(StreamId(0), Positions::Events),
            recording: None,
            followed: None,
            used,
            digest: ScheduleDigest::default(),
            marks: Vec::new(),
            ahead: VecDeque::new(),
            errors: BTreeMap::new(),
            sampler,
            threads,
            interval,
            clock,
            counters: Arc::default(),
        }
    }

    /// The same, which writes its history down.
    pub(crate) fn recording(self, recording: Option<Recording>) -> Self {
        Self { recording, ..self }
    }

    /// The same, which follows each event if it is asked to.
    pub(crate) fn following(self, follows: bool) -> Self {
        Self { followed: follows.then(Followed::default), ..self }
    }

    /// Adds to the history, and to the file that it is written to.
    fn note(&mut self, entry: &Entry) {
        self.history.take(entry);
        if let Some(recording) = &mut self.recording {
            recording.add(entry);
        }
    }

    /// The counts, to be looked at from elsewhere.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Collects until `over` is raised and nothing is left. The samples of threads are not yet
    /// evaluated: their full names are not known.
    pub(crate) fn run(
        mut self,
        observed: &Receiver<Observation>,
        over: &AtomicBool,
    ) -> (Collected, Sampler) {
        let mut next_sample = self.interval;
        loop {
            match observed.recv_timeout(POLL) {
                Ok(observation) => self.take(observation),
                Err(RecvTimeoutError::Timeout) if !over.load(Ordering::Relaxed) => {}
                Err(_) => break,
            }
            let now = self.clock.now();
            self.offer(now);
            self.threads.sample(now);
            if now >= next_sample {
                self.counters.set_medians(&self.recorder.series().response_p50_ns);
            }
            while now >= next_sample {
                self.sampler.sample(next_sample);
                next_sample += self.interval;
            }
        }
        self.offer(u64::MAX);
        let collected = Collected {
            recorder: self.recorder,
            history: self.history,
            recording: self.recording,
            followed: self.followed,
            digest: self.digest.to_string(),
            marks: self.marks,
            resources: self.sampler.resources(),
            errors: self.errors,
            end: self.clock.now(),
        };
        (collected, self.threads)
    }

    fn take(&mut self, observation: Observation) {
        match observation {
            Observation::Sent { slice, handed } => self.sent(slice, handed),
            Observation::SentLate(tokens) => {
                tokens.iter().for_each(|token| {
                    self.handed(token.started, token.intended, token.bytes);
                    if let Some(followed) = &mut self.followed {
                        followed.sent_late(token.started, token.place);
                    }
                });
                self.counters.sent.fetch_add(tokens.len() as u64, Ordering::Relaxed);
            }
            Observation::Settled(lot) => self.settled(&lot),
            Observation::Delivered(lot) => self.delivered(lot),
            Observation::Mark { at, name, detail } => {
                if self.marks.len() < MARKS_MAX {
                    self.marks.push(Mark { at_ns: at, name: name.to_owned(), detail });
                }
            }
        }
    }

    /// Events were offered, and as a rule sent.
    fn sent(&mut self, slice: Slice, handed: bool) {
        for event in &slice.events {
            let (at, bytes) = (event.arrival.at.0, event.arrival.bytes);
            self.digest.add(&event.arrival);
            self.note(&Entry::Sent(Written::at(at, Events::from(event.place))));
            if let Some(followed) = &mut self.followed {
                let started = if handed { event.started } else { at };
                followed.sent(&event.arrival, event.place, started);
            }
            if handed {
                self.recorder.offered(at, 1, bytes.into());
                self.handed(event.started, at, bytes);
            } else {
                self.ahead.push_back((at, bytes));
            }
        }
        let events = slice.events.len() as u64;
        self.counters.scheduled.fetch_add(events, Ordering::Relaxed);
        if handed {
            self.counters.sent.fetch_add(events, Ordering::Relaxed);
        }
        // When everything is prepared nobody takes it.
        let _ = self.used.send(slice);
    }

    /// Counts as offered what was handed over ahead of its time, which is `now`.
    fn offer(&mut self, now: u64) {
        while let Some((at, bytes)) = self.ahead.front().copied().filter(|(at, _)| *at <= now) {
            self.ahead.pop_front();
            self.recorder.offered(at, 1, bytes.into());
        }
    }

    fn handed(&mut self, started: u64, intended: u64, bytes: u32) {
        self.recorder.sent(started, intended, 1, bytes.into());
        self.counters.lag.store(started.saturating_sub(intended), Ordering::Relaxed);
    }

    fn settled(&mut self, lot: &[Settled]) {
        let (mut acked, mut failed) = (0, 0);
        let mut run: Option<(u64, Events)> = None;
        for Settled { at, token, why } in lot {
            let events = Events::from(token.place);
            if let Some(followed) = &mut self.followed {
                followed.settled(*at, token.place, why.is_none());
            }
            if let Some(why) = why {
                failed += 1;
                self.recorder.failed(*at, 1);
                self.note(&Entry::Failed(Written::at(*at, events)));
                *self.errors.entry(why).or_default() += 1;
                continue;
            }
            acked += 1;
            self.recorder.acked(*at, token.intended, token.started, 1, token.bytes.into());
            // What was acknowledged together stays together.
            match &mut run {
                Some((then, so_far)) if goes_on(so_far, &events) => {
                    (*then, so_far.count) = (*at, so_far.count + 1);
                }
                _ => {
                    if let Some((then, so_far)) = run.replace((*at, events)) {
                        self.note(&Entry::Acked(Written::at(then, so_far)));
                    }
                }
            }
        }
        if let Some((then, so_far)) = run {
            self.note(&Entry::Acked(Written::at(then, so_far)));
        }
        self.counters.acked.fetch_add(acked, Ordering::Relaxed);
        self.counters.failed.fetch_add(failed, Ordering::Relaxed);
    }

    fn delivered(&mut self, lot: Vec<Delivered>) {
        self.counters.delivered.fetch_add(lot.len() as u64, Ordering::Relaxed);
        for Delivered { at, reader, position, bytes, stamp } in lot {
            match (stamp, position) {
                (Ok(stamp), Some(position)) => {
                    if let Some(followed) = &mut self.followed {
                        followed.read(at, stamp.index);
                    }
                    // Only the first reader runs while events are written.
                    if reader == 0 {
                        self.recorder.delivered(at, stamp.at.0, 1, bytes.into());
                    }
                    let Place { writer, lane, seq } = stamp.place;
                    self.note(&Entry::Read(Read { at, reader, lane, position, writer, seq }));
                }
                (Err(damage), _) => {
                    self.note(&Entry::Damaged { at, reader, what: damage.to_string() });
                }
                (Ok(_), None) => {
                    let what = "without a position".to_owned();
                    self.note(&Entry::Damaged { at, reader, what });
                }
            }
        }
    }
}

/// Whether an event follows on those before it.
fn goes_on(before: &Events, next: &Events) -> bool {
    (before.writer, before.lane, before.first + before.count)
        == (next.writer, next.lane, next.first)
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
