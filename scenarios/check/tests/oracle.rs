//! The checkers, which work on ranges, against oracles that look at every single event.

use headwater_models::signal::Level;
use std::collections::{BTreeMap, BTreeSet};

use headwater_check::{Audience, Events, History, Once, Positions, Promises, Replica, Suite};
use headwater_models::batch::StreamId;
use headwater_models::bugs::BugSet;
use headwater_sim::time::Time;
use headwater_sim::units::NodeId;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

#[derive(Clone, Debug)]
enum Step {
    Acked(Events),
    Failed(Events),
    Delivered(u32, Events, u64),
    /// The next events of the lane at the next positions: what a sound reader is handed.
    Next(u32, u32, u64),
    Level(u64, u64),
    Kept(usize, Events),
}

fn events() -> impl Strategy<Value = Events> {
    (0_u32..2, 0_u32..2, 0_u64..25, 1_u64..6).prop_map(|(writer, lane, first, count)| Events {
        stream: StreamId(0),
        writer,
        lane,
        first,
        count,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => events().prop_map(Step::Acked),
        1 => events().prop_map(Step::Failed),
        2 => (0_u32..3, events(), 0_u64..30).prop_map(|(r, e, p)| Step::Delivered(r, e, p)),
        4 => (0_u32..3, 0_u32..2, 1_u64..6).prop_map(|(r, l, c)| Step::Next(r, l, c)),
        1 => (0_u64..2, 0_u64..9).prop_map(|(entity, value)| Step::Level(entity, value)),
        2 => (0_usize..3, events()).prop_map(|(disk, e)| Step::Kept(disk, e)),
    ];
    prop::collection::vec(step, 0..40)
}

type Event = (u32, u32, u64);

/// One event handed to a reader: (reader, event as lane, writer, sequence number, position).
type Handed = (u32, Event, u64);

/// The same run, event by event.
#[derive(Default)]
struct Naive {
    acked: BTreeSet<Event>,
    handed: Vec<Handed>,
    falls: u64,
    levels: BTreeMap<u64, u64>,
    disks: [BTreeSet<Event>; 3],
}

fn each(events: &Events) -> impl Iterator<Item = Event> + use<> {
    let Events { writer, lane, first, count, .. } = *events;
    (first..first + count).map(move |seq| (lane, writer, seq))
}

fn play(steps: &[Step]) -> (History, Naive) {
    let (mut history, mut naive) = (History::new(StreamId(0), Positions::Events), Naive::default());
    let mut disks = [(); 3].map(|()| Replica { copies: 1, ..Replica::default() });
    let mut next = BTreeMap::<(u32, u32), u64>::new();
    for (at, step) in (0..).zip(steps) {
        // Some within and some beyond the time for which a range grows.
        let at = Time(at * 4_000_000);
        match step {
            Step::Acked(events) => {
                history.acked(at, *events);
                naive.acked.extend(each(events));
            }
            Step::Failed(events) => history.failed(at, *events),
            Step::Delivered(reader, events, position) => {
                history.delivered(at, *reader, *events, *position, 0);
                let positions = *position..;
                naive.handed.extend(each(events).zip(positions).map(|(e, p)| (*reader, e, p)));
            }
            Step::Next(reader, lane, count) => {
                let first = next.entry((*reader, *lane)).or_default();
                let events = Events {
                    stream: StreamId(0),
                    writer: 0,
                    lane: *lane,
                    first: *first,
                    count: *count,
                };
                history.delivered(at, *reader, events, *first, 0);
                let positions = *first..;
                naive.handed.extend(each(&events).zip(positions).map(|(e, p)| (*reader, e, p)));
                *first += count;
            }
            Step::Level(entity, value) => {
                history.watermark(at, NodeId(0), const { &Level::new("epoch") }, *entity, *value);
                let before = naive.levels.insert(*entity, *value);
                naive.falls += u64::from(before.is_some_and(|before| before > *value));
            }
            Step::Kept(disk, events) => {
                disks[*disk].stored.insert(*events, at);
                naive.disks[*disk].extend(each(events));
            }
        }
    }
    disks.into_iter().for_each(|disk| history.replica(disk));
    (history, naive)
}

impl Naive {
    fn readers(&self) -> u32 {
        self.handed.iter().map(|(reader, ..)| reader + 1).max().unwrap_or(0)
    }

    fn loss(&self, audience: Audience, drained: bool) -> u64 {
        let lost = (0..audience.count(self.readers())).map(|group| {
            let handed = self.handed.iter().filter(|(r, ..)| audience.group_of(*r) == group);
            let read: BTreeSet<Event> = handed.map(|(_, event, _)| *event).collect();
            let missing = self.acked.iter().filter(|event| !read.contains(event));
            let later = |event: &Event| {
                read.iter().any(|(l, w, s)| (*l, *w) == (event.0, event.1) && *s > event.2)
            };
            missing.filter(|event| drained || later(event)).count() as u64
        });
        lost.sum()
    }

    /// (events at more than one position, events read again at one)
    fn duplicates(&self, audience: Audience) -> (u64, u64) {
        let mut places = BTreeMap::<Event, BTreeSet<u64>>::new();
        let mut times = BTreeMap::<(Event, u32, u64), u64>::new();
        for (reader, event, position) in &self.handed {
            places.entry(*event).or_default().insert(*position);
            let scope = audience.group_of(*reader);
            *times.entry((*event, scope, *position)).or_default() += 1;
        }
        let again = times.iter().filter(|(_, count)| **count > 1).map(|((event, ..), _)| event);
        let stored = places.values().filter(|positions| positions.len() > 1).count() as u64;
        (stored, again.collect::<BTreeSet<_>>().len() as u64)
    }

    fn disorder(&self) -> u64 {
        let mut seen = BTreeMap::<(u32, u32, u32), BTreeSet<u64>>::new();
        let mut late = 0;
        for (reader, (lane, writer, seq), _) in &self.handed {
            let seen = seen.entry((*reader, *lane, *writer)).or_default();
            let behind = seen.last().is_some_and(|latest| latest > seq);
            late += u64::from(behind && !seen.contains(seq));
            seen.insert(*seq);
        }
        late
    }

    fn skips(&self, audience: Audience) -> u64 {
        let mut end = BTreeMap::<(u32, u32), u64>::new();
        let mut skipped = 0;
        for (reader, (lane, ..), position) in &self.handed {
            let end = end.entry((*reader, *lane)).or_default();
            let by_other = |p: &u64| {
                let mut handed = self.handed.iter();
                let same = |r: u32| audience.group_of(r) == audience.group_of(*reader);
                handed.any(|(r, (l, ..), at)| r != reader && same(*r) && l == lane && at == p)
            };
            skipped += (*end..*position).filter(|p| !by_other(p)).count() as u64;
            *end = (*end).max(position + 1);
        }
        skipped
    }

    fn conflicts(&self) -> u64 {
        let mut readings = BTreeMap::<(u32, u64), BTreeSet<Event>>::new();
        for (_, event, position) in &self.handed {
            readings.entry((event.0, *position)).or_default().insert(*event);
        }
        readings.values().filter(|events| events.len() > 1).count() as u64
    }

    fn thin(&self, copies: usize) -> u64 {
        let held = |event: &Event| self.disks.iter().filter(|disk| disk.contains(event)).count();
        self.acked.iter().filter(|event| held(event) < copies).count() as u64
    }
}

/// How a history is judged.
type Judged = (Vec<Step>, bool, bool, bool, u32);

fn judged() -> impl Strategy<Value = Judged> {
    (steps(), any::<bool>(), any::<bool>(), any::<bool>(), 1_u32..4)
}

/// Every checker's count is its oracle's, with these defects planted in the checkers.
fn agree((steps, each, drained, delivered, copies): Judged, bugs: BugSet) -> TestCaseResult {
    let audience = if each { Audience::Each } else { Audience::Group };
    let once = if delivered { Once::Delivered } else { Once::Stored };
    let promises = Promises { audience, drained, once, copies, bugs, ..Promises::default() };
    let (history, naive) = play(&steps);
    let (stored, again) = naive.duplicates(audience);
    let expected = [
        ("no_acked_loss", naive.loss(audience, drained)),
        ("no_duplicates", stored + if delivered { again } else { 0 }),
        ("order_per_lane", naive.disorder()),
        ("prefix_reads", naive.skips(audience)),
        ("readers_agree", naive.conflicts()),
        ("watermarks_monotone", naive.falls),
        ("durable_replicas", naive.thin(copies as usize)),
    ];
    let verdicts = Suite::from(promises).run(&history);
    let got: Vec<_> = verdicts.iter().map(|v| (v.name, v.violations)).collect();
    prop_assert_eq!(got, expected);
    for verdict in verdicts {
        prop_assert_eq!(verdict.passed, verdict.violations == 0);
        prop_assert_eq!(verdict.findings.is_empty(), verdict.passed);
    }
    Ok(())
}

/// A checker that is blind is found by its oracle, in few histories, and the history that shows it
/// is small.
#[test]
fn a_blind_checker_is_told_by_its_oracle() {
    use headwater_models::bugs::Bug;
    use proptest::test_runner::{TestError, TestRunner};
    for (bug, steps_max) in [(Bug::LossBlindToTail, 1), (Bug::DuplicatesBlindElsewhere, 2)] {
        let bugs = BugSet::from_iter([bug]);
        let found = TestRunner::deterministic().run(&judged(), |judged| agree(judged, bugs));
        let Err(TestError::Fail(why, (steps, ..))) = found else { panic!("{bug}: {found:?}") };
        assert_eq!(steps.len(), steps_max, "{bug}: {steps:?}, {why}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_checker_counts_what_its_oracle_counts(judged in judged()) {
        agree(judged, BugSet::default())?;
    }

    #[test]
    fn a_history_in_two_parts_is_the_history_in_one(steps in steps(), cut in 0_usize..40) {
        // Levels are compared within one part only, so leave them out.
        let steps: Vec<_> =
            steps.into_iter().filter(|step| !matches!(step, Step::Level(..))).collect();
        let steps: Vec<_> =
            steps.into_iter().filter(|step| !matches!(step, Step::Next(..))).collect();
        let cut = cut.min(steps.len());
        let (whole, _) = play(&steps);
        let (mut parts, _) = play(&steps[..cut]);
        parts.absorb(play(&steps[cut..]).0);
        let promises = Promises { once: Once::Delivered, ..Promises::default() };
        let count = |history: &History| {
            let verdicts = Suite::from(promises.clone()).run(history);
            verdicts.iter().map(|v| (v.name, v.violations)).collect::<Vec<_>>()
        };
        prop_assert_eq!(count(&whole), count(&parts));
    }
}
