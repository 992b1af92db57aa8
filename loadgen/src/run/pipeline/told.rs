//! What is told of a pipeline besides its figures: the audit, the batches, and where events waited.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use headwater_reports::outcome::{Verdict, VerdictStatus};
use headwater_reports::text;
use serde::Serialize;

use super::arrived::Audit;
use super::course::Came;
use super::timeline::Timeline;
use crate::systems::client::ReadBack;

/// A distribution in a few numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Spread {
    /// Of how many.
    count: u64,
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    max: f64,
}

impl Spread {
    /// The median.
    pub(super) fn p50(self) -> f64 {
        self.p50
    }

    /// Of these.
    pub(super) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let count = values.len();
        // The smallest value that so many of all do not exceed.
        let at = |share: f64| values[((share * count as f64).ceil() as usize).clamp(1, count) - 1];
        (count > 0).then(|| Self {
            count: count as u64,
            mean: values.iter().sum::<f64>() / count as f64,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: values[count - 1],
        })
    }
}

/// Where events waited, and what batches took: what `stages.json` has.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Stages {
    /// Of each event of the measured window, milliseconds, one stage after the other.
    pub(super) stages_ms: BTreeMap<String, Spread>,
    /// From its intended time until it could be read behind the engine, milliseconds.
    pub(super) end_to_end_ms: Option<Spread>,
    /// Of each batch whose trigger came in the measured window, milliseconds, by its parts.
    pub(super) batch_ms: BTreeMap<String, Spread>,
    /// Events of such a batch.
    pub(super) batch_rows: Option<Spread>,
}

/// The stages in their order. A name begins with its place, so that they are listed so.
const STAGES: [&str; 4] = ["1 acknowledged", "2 taken", "3 worked_on", "4 visible"];

impl Stages {
    /// Of a run.
    pub(super) fn of(timeline: &Timeline<'_>) -> Self {
        let (window, batches) = (timeline.window(), &timeline.batches);
        let mut took: [Vec<f64>; 4] = Default::default();
        let mut whole = vec![];
        for (number, record) in &timeline.firsts {
            let way = timeline.ways.get(number).filter(|way| window.contains(way.intended));
            let (Some(way), Some(batch)) = (way, batches.get(&record.batch)) else { continue };
            let Some(acked) = way.acked else { continue };
            // A batch may take what is acknowledged while it finds out what there is.
            let taken = timeline.since(batch.began_unix_us).max(acked);
            let worked = timeline.since(record.worked_unix_us).max(taken);
            let ends = [way.intended, acked, taken, worked, record.at.max(worked)];
            for (stage, pair) in took.iter_mut().zip(ends.windows(2)) {
                stage.push((pair[1] - pair[0]) as f64 / 1e6);
            }
            whole.push(record.at.saturating_sub(way.intended) as f64 / 1e6);
        }
        let stages = STAGES.iter().zip(took);
        let stages = stages.filter_map(|(name, took)| Some(((*name).into(), Spread::of(took)?)));
        let measured = timeline.measured();
        let mut parts: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (name, ms) in measured.iter().flat_map(|batch| &batch.took_ms) {
            parts.entry((*name).to_owned()).or_default().push(*ms as f64);
        }
        let parts = parts.into_iter().filter_map(|(name, ms)| Some((name, Spread::of(ms)?)));
        Self {
            stages_ms: stages.collect(),
            end_to_end_ms: Spread::of(whole),
            batch_ms: parts.collect(),
            batch_rows: Spread::of(measured.iter().map(|batch| batch.rows as f64).collect()),
        }
    }

    /// The same as lines for people.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, of: &Spread| {
            let [p50, p90, p99, max] = [of.p50, of.p90, of.p99, of.max].map(ms);
            let _ = writeln!(out, "  {name:<24} {p50:>9} {p90:>9} {p99:>9} {max:>9}");
        };
        for (name, of) in &self.stages_ms {
            line(name, of);
        }
        if let Some(of) = &self.end_to_end_ms {
            line("end to end", of);
        }
        for (name, of) in &self.batch_ms {
            line(&format!("batch {name}"), of);
        }
        let head = format!("  {:<24} {:>9} {:>9} {:>9} {:>9}\n", "", "p50", "p90", "p99", "max");
        head + &out
    }
}

fn ms(of: f64) -> String {
    text::duration(of * 1e6)
}

/// What the run is held to besides its checkers. Where nothing hits the engine, no event may come
/// twice.
pub(super) fn verdicts(
    timeline: &Timeline<'_>,
    audit: &Audit,
    stages: &Stages,
    unhurt: bool,
) -> Vec<Verdict> {
    let engine = &timeline.parts.engine;
    let behind = Some(engine.behind.name.clone());
    let came = timeline.came;
    let mut all = vec![each_once(audit, unhurt, &behind), readable(came, timeline, &behind)];
    all.push(read(came, &behind));
    all.extend(batches(stages, &engine.part.name));
    all
}

fn each_once(audit: &Audit, unhurt: bool, stream: &Option<String>) -> Verdict {
    let Audit { acked, distinct, lost, repeated, unsent, first } = audit;
    let failed = *lost > 0 || *unsent > 0 || (unhurt && *repeated > 0);
    let mut measured = format!(
        "{} of {} acknowledged events came; {lost} lost, {repeated} repeated",
        text::count(*distinct),
        text::count(*acked)
    );
    if *unsent > 0 {
        measured += &format!(", {unsent} never sent");
    }
    let mut explanation = "Each event has a number: what was acknowledged in the first stream is \
                           looked for behind the engine, by reading that stream to its end when \
                           nobody writes it any more."
        .to_owned();
    if !first.is_empty() {
        explanation += &format!(" Found: {}", first.join("; "));
    }
    let expected = match unhurt {
        true => "each once",
        false => "each at least once: the engine was hurt, and makes a batch again",
    };
    Verdict {
        name: "each_once".into(),
        stream: stream.clone(),
        status: match (failed, *acked) {
            (true, _) => VerdictStatus::Fail,
            (false, 0) => VerdictStatus::Info,
            (false, _) => VerdictStatus::Pass,
        },
        measured,
        expected: expected.into(),
        explanation,
    }
}

/// Whether every event was what the engine takes it for, and every record what is expected of it.
fn readable(came: &Came, timeline: &Timeline<'_>, stream: &Option<String>) -> Verdict {
    let unreadable: u64 = timeline.batches.values().map(|batch| batch.unreadable).sum();
    let (first, malformed) = &came.arrived.malformed;
    let failed = unreadable + malformed > 0;
    let advice = match first {
        Some(first) => format!(" The first record that is none: {first}"),
        None if failed => " Events that have no room for JSON are none: traffic.size".to_owned(),
        None => String::new(),
    };
    Verdict {
        name: "events_parse".into(),
        stream: stream.clone(),
        status: if failed { VerdictStatus::Fail } else { VerdictStatus::Pass },
        measured: format!(
            "{unreadable} events were no tweet's JSON and were left out, {malformed} records \
             behind the engine were malformed"
        ),
        expected: "none".into(),
        explanation: format!("What does not parse goes no further.{advice}"),
    }
}

fn read(came: &Came, stream: &Option<String>) -> Verdict {
    let (status, measured) = match (&came.trouble, &came.read_back) {
        (Some(why), _) => (VerdictStatus::Fail, why.clone()),
        (None, Ok(ReadBack::ToTheEnd)) => {
            (VerdictStatus::Pass, "read to the end offsets".to_owned())
        }
        (None, Ok(_)) => (VerdictStatus::Fail, "stopped before the end".to_owned()),
        (None, Err(why)) => (VerdictStatus::Fail, why.clone()),
    };
    Verdict {
        name: "read_back".into(),
        stream: stream.clone(),
        status,
        measured,
        expected: "everything".into(),
        explanation: "Only what was read back can be checked.".into(),
    }
}

/// What batches took, as a verdict that judges nothing.
fn batches(stages: &Stages, name: &str) -> Option<Verdict> {
    let (whole, rows) = (stages.batch_ms.get(crate::systems::engine::WHOLE)?, stages.batch_rows?);
    Some(Verdict {
        name: "batches".into(),
        stream: Some(name.to_owned()),
        status: VerdictStatus::Info,
        measured: format!(
            "{} batches of {} events in the mean took {} at the median, {} at the most",
            whole.count,
            text::count(rows.mean.round() as u64),
            ms(whole.p50),
            ms(whole.max)
        ),
        expected: "not judged".into(),
        explanation: "As the engine reports them, of triggers in the measured window.".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_so_many_do_not_exceed() {
        let of = Spread::of((1..=100).map(f64::from).collect()).unwrap();
        assert_eq!((of.count, of.mean, of.p50), (100, 50.5, 50.0));
        assert_eq!((of.p90, of.p99, of.max), (90.0, 99.0, 100.0));
        assert_eq!(Spread::of(vec![7.0]).unwrap().p99, 7.0);
        assert_eq!(Spread::of(vec![]), None);
    }

    #[test]
    fn what_is_repeated_is_held_against_an_engine_that_nothing_hit() {
        let audit = Audit { acked: 10, distinct: 10, repeated: 3, ..Audit::default() };
        let of = |audit: &Audit, unhurt| each_once(audit, unhurt, &None).status;
        assert_eq!(of(&audit, true), VerdictStatus::Fail);
        assert_eq!(of(&audit, false), VerdictStatus::Pass);
        let lost = Audit { distinct: 9, lost: 1, ..audit };
        assert_eq!(of(&lost, false), VerdictStatus::Fail);
        assert_eq!(of(&Audit::default(), true), VerdictStatus::Info, "nothing to check");
    }
}
