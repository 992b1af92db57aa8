//! From single events to the figures of each stream and of the whole, as the simulator has them.
//!
//! ```text
//! due ─> first stream ─> read there ─> engine ─> worked on ─> second stream ─> read there
//!        passage of the first        of the engine          of the second
//! ```
//!
//! Of the engine's events it is known when a reader beside it was handed them, in which batch it
//! worked on them, and when that was done.

use std::collections::BTreeMap;

use headwater_check::{History, Positions};
use headwater_models::batch::StreamId;
use headwater_reports::outcome::Window;
use headwater_reports::{Gauge, Latency, Recorder};
use headwater_scenarios::observe::{Measured, Started};
use headwater_scenarios::run::StreamAccount;
use headwater_scenarios::scenario::{Part, Scenario};
use headwater_sim::time::{Duration, Time};

use super::arrived::{Arrived, Record};
use super::course::Came;
use super::parts::Parts;
use crate::followed::Way;
use crate::systems::client::ReadBack;
use crate::systems::engine::{Batch, WHOLE};
use crate::systems::services::Level;

/// What a run was, as far as its events go.
pub(super) struct Timeline<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) parts: &'a Parts<'a>,
    pub(super) ways: &'a BTreeMap<u64, Way>,
    pub(super) came: &'a Came,
    /// The first record of each event.
    pub(super) firsts: BTreeMap<u64, &'a Record>,
    /// The batches, by number; of one that was made twice the last is told.
    pub(super) batches: BTreeMap<u64, &'a Batch>,
    /// The start of the run, microseconds since 1970.
    pub(super) epoch_us: u64,
    /// Its end, nanoseconds.
    pub(super) end: u64,
}

/// The first record of each event.
pub(super) fn firsts(arrived: &Arrived) -> BTreeMap<u64, &Record> {
    let mut firsts = BTreeMap::new();
    for record in &arrived.records {
        firsts.entry(record.number).or_insert(record);
    }
    firsts
}

/// What happened to events, at a time.
#[derive(Clone, Copy)]
enum What {
    Offered,
    Sent { intended: u64 },
    Acked { intended: u64, started: u64 },
    Failed,
    Delivered { intended: u64 },
}

type Event = (u64, What, u32);

impl Timeline<'_> {
    /// Nanoseconds since the start of the run of a time in microseconds since 1970.
    pub(super) fn since(&self, unix_us: u64) -> u64 {
        unix_us.saturating_sub(self.epoch_us) * 1_000
    }

    pub(super) fn window(&self) -> Window {
        let (from, until) = self.scenario.window();
        Window { from_ns: from.0, until_ns: until.0 }
    }

    fn recorder(&self, mut events: Vec<Event>) -> Recorder {
        let interval = self.scenario.measure.interval.0;
        let mut to = Recorder::new(interval, self.window()).with_phases(&self.scenario.phases());
        events.sort_by_key(|(at, ..)| *at);
        for (at, what, bytes) in events {
            let bytes = u64::from(bytes);
            match what {
                What::Offered => to.offered(at, 1, bytes),
                What::Sent { intended } => to.sent(at, intended, 1, bytes),
                What::Acked { intended, started } => to.acked(at, intended, started, 1, bytes),
                What::Failed => to.failed(at, 1),
                What::Delivered { intended } => to.delivered(at, intended, 1, bytes),
            }
        }
        to
    }

    /// The whole: what is due and acknowledged in the first stream, and what comes out behind the
    /// last, each event once.
    pub(super) fn total(&self) -> Measured {
        let mut started = Started::new(self.scenario.measure.interval);
        let mut events = vec![];
        for way in self.ways.values() {
            let Way { intended, started: sent, bytes, .. } = *way;
            started.add(Time(sent), Duration(sent.saturating_sub(intended)));
            events.push((intended, What::Offered, bytes));
            events.push((sent, What::Sent { intended }, bytes));
            let acked = way.acked.map(|at| (at, What::Acked { intended, started: sent }, bytes));
            events.extend(acked);
            events.extend(way.failed.map(|at| (at, What::Failed, bytes)));
        }
        for record in self.firsts.values() {
            let intended = self.since(record.intended_unix_us);
            events.push((record.at, What::Delivered { intended }, record.bytes));
        }
        Measured { recorder: self.recorder(events), started }
    }

    /// How long events were in the first stream, until a reader had them.
    pub(super) fn first_passage(&self) -> Latency {
        let read = |way: &Way| Some((way.intended, way.intended, way.read?));
        self.passage(self.ways.values().filter_map(read))
    }

    /// Of events that were due at a time, how long something took, from one time to another.
    fn passage(&self, of: impl Iterator<Item = (u64, u64, u64)>) -> Latency {
        let (window, mut passage) = (self.window(), Latency::default());
        for (_, from, until) in of.filter(|(due, ..)| window.contains(*due)) {
            passage.record(until.saturating_sub(from));
        }
        passage
    }

    /// When the engine could have an event: when a reader beside it was handed it.
    fn there(way: &Way) -> u64 {
        way.read.or(way.acked).unwrap_or(way.started)
    }

    /// What the engine took, and what it was done with, a batch after the other.
    fn engine_events(&self) -> Vec<Event> {
        let mut written: BTreeMap<u64, u64> = BTreeMap::new();
        let mut events = vec![];
        for (number, record) in &self.firsts {
            let Some(way) = self.ways.get(number) else { continue };
            // Here it is due when it is there.
            let (intended, bytes) = (Self::there(way), way.bytes);
            events.push((intended, What::Offered, bytes));
            let worked = self.since(record.worked_unix_us);
            events.push((worked, What::Delivered { intended }, bytes));
            let Some(batch) = self.batches.get(&record.batch) else { continue };
            *written.entry(record.batch).or_default() += 1;
            let (began, ended) =
                (self.since(batch.began_unix_us), self.since(batch.ended_unix_us()));
            events.push((began, What::Sent { intended }, bytes));
            events.push((ended, What::Acked { intended, started: began }, bytes));
        }
        // What a batch took and did not write, it is done with all the same.
        for batch in self.batches.values() {
            let (began, ended) =
                (self.since(batch.began_unix_us), self.since(batch.ended_unix_us()));
            let wrote = written.get(&batch.number).copied().unwrap_or(0);
            for _ in wrote..batch.rows {
                events.push((began, What::Offered, 0));
                events.push((began, What::Sent { intended: began }, 0));
                events.push((ended, What::Acked { intended: began, started: began }, 0));
            }
        }
        events
    }

    /// The engine's stream.
    pub(super) fn engine(&self) -> StreamAccount {
        let way = |(number, record): (&u64, &&Record)| {
            let way = self.ways.get(number)?;
            Some((way.intended, Self::there(way), self.since(record.worked_unix_us)))
        };
        let passage = self.passage(self.firsts.iter().filter_map(way));
        let engine = &self.parts.engine;
        let recorder = self.recorder(self.engine_events());
        self.account((engine.id, engine.part), &self.parts.first.name, recorder, passage)
    }

    /// The stream behind it. It is known of no record when its server acknowledged it: when a
    /// reader was handed it is told in place of that.
    pub(super) fn behind(&self) -> StreamAccount {
        let mut events = vec![];
        for record in &self.came.arrived.records {
            let worked = self.since(record.worked_unix_us);
            let (intended, of) = (worked, record.bytes);
            events.push((worked, What::Offered, of));
            events.push((worked, What::Sent { intended }, of));
            events.push((record.at, What::Acked { intended, started: worked }, of));
            events.push((record.at, What::Delivered { intended }, of));
        }
        let way = |record: &&Record| {
            let [due, worked] =
                [record.intended_unix_us, record.worked_unix_us].map(|at| self.since(at));
            (due, worked, record.at)
        };
        let passage = self.passage(self.firsts.values().map(way));
        let engine = &self.parts.engine;
        let recorder = self.recorder(events);
        let mut account =
            self.account((engine.to, engine.behind), &engine.part.name, recorder, passage);
        account.handed_again =
            self.came.arrived.records.len() as u64 - self.came.arrived.distinct();
        account
    }

    fn account(
        &self,
        (id, part): (StreamId, &Part),
        from: &str,
        recorder: Recorder,
        passage: Latency,
    ) -> StreamAccount {
        StreamAccount {
            name: part.name.clone(),
            system: part.system.kind().name().into(),
            from: Some(from.to_owned()),
            recorder,
            started: None,
            history: History::new(id, Positions::Events),
            // What was read is held to the numbers of the events, not to positions.
            readers: false,
            audited: false,
            drained: matches!(self.came.read_back, Ok(ReadBack::ToTheEnd)),
            given_up: 0,
            handed_again: 0,
            passage: Some(passage),
            outside: Vec::new(),
        }
    }

    /// What the engine tells of its batches, at the end of each interval, under the names of its
    /// model.
    pub(super) fn gauges(&self) -> Vec<Gauge> {
        let engine = &self.parts.engine;
        let trigger = self.trigger_ms();
        let (mut behind, mut repeated) = (0, 0);
        let mut done: Vec<(u64, BTreeMap<&'static str, f64>)> = vec![];
        for batch in self.batches.values() {
            behind += u64::from(trigger.is_some_and(|trigger| batch.whole_ms() > trigger));
            repeated +=
                if self.came.progress.repeated.contains(&batch.number) { batch.rows } else { 0 };
            let mut told: BTreeMap<&'static str, f64> =
                batch.took_ms.iter().map(|(name, took)| (*name, *took as f64)).collect();
            told.insert("num_input_rows", batch.rows as f64);
            told.insert("batches_falling_behind", behind as f64);
            told.insert("rows_repeated", repeated as f64);
            done.push((self.since(batch.ended_unix_us()), told));
        }
        let names: std::collections::BTreeSet<&'static str> =
            done.iter().flat_map(|(_, told)| told.keys().copied()).collect();
        let interval = self.scenario.measure.interval.0;
        let ends: Vec<u64> = (1..=self.end.div_ceil(interval)).map(|n| n * interval).collect();
        let gauge = |name: &'static str| {
            let at = |end: &u64| {
                let last = done.iter().rev().find(|(ended, _)| ended <= end)?;
                last.1.get(name).copied()
            };
            let unit = if name.ends_with("_ms") { "ms" } else { "events" };
            let process = engine.live.process();
            let name = format!("{}.{process}/{name}", engine.part.name);
            Gauge { name, unit: unit.into(), values: ends.iter().map(at).collect() }
        };
        names.into_iter().map(gauge).collect()
    }

    /// The levels that services have counted, by their models' names; they are known of the end.
    pub(super) fn of_services(&self) -> Vec<Gauge> {
        let last = (self.end.div_ceil(self.scenario.measure.interval.0) as usize).saturating_sub(1);
        let gauge = |(of, level): (&str, Level)| {
            let Level { node, name, unit, value } = level;
            let values = (0..=last).map(|at| (at == last).then_some(value)).collect();
            Gauge { name: format!("{of}.{node}/{name}"), unit: unit.into(), values }
        };
        self.came.served.levels().map(gauge).collect()
    }

    /// The interval of the engine's trigger, milliseconds, if it has one.
    fn trigger_ms(&self) -> Option<u64> {
        let options = self.scenario.configuration();
        let trigger = options.get(&format!("{}.trigger", self.parts.engine.part.name))?;
        let trigger: Duration = trigger.parse().ok()?;
        (trigger.0 > 0).then_some(trigger.0 / 1_000_000)
    }

    /// The batches whose triggers came within the measured window.
    pub(super) fn measured(&self) -> Vec<&Batch> {
        let window = self.window();
        let all = self.came.progress.batches.iter();
        all.filter(|batch| {
            window.contains(self.since(batch.began_unix_us)) && batch.took_ms.contains_key(WHOLE)
        })
        .collect()
    }
}
