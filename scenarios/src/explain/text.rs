//! An explanation for people.

use headwater_reports::text::{count, duration, percent};

use super::ablation::Figures;
use super::mechanism::Mechanism;
use super::{Explained, Explanation, Kind, Step};
use crate::table::aligned;

/// Steps of less than this share of an event's latency are told together.
const SHORT: f64 = 0.01;

/// Steps of a way that are shown.
const STEPS_MAX: usize = 24;

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::EndToEnd => "end to end",
        }
    }
}

impl Explanation {
    /// As tables.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}: where events waited (seed {}, fingerprint {})\n",
            self.scenario, self.seed, self.fingerprint
        );
        for kind in [Kind::Response, Kind::EndToEnd] {
            let these: Vec<&Explained> =
                self.events.iter().filter(|event| event.latency == kind).collect();
            if !these.is_empty() {
                text += &format!("\n{}\n", table(kind, &these));
            }
        }
        let means = |of: &Mechanism| format!("{}: {}", of.name(), of.means());
        let named: Vec<String> = self.mechanisms().iter().map(means).collect();
        if !named.is_empty() {
            text += &format!("\n{}\n", named.join("\n"));
        }
        let latest = |kind| self.events.iter().rev().find(move |event| event.latency == kind);
        let acked = latest(Kind::Response);
        text += &acked.map(way).unwrap_or_default();
        // Mostly it is the same event, and a step longer.
        let other = |of: &&Explained| acked.is_none_or(|acked| acked.event != of.event);
        text += &latest(Kind::EndToEnd).filter(other).map(way).unwrap_or_default();
        if !self.without.is_empty() {
            text += &format!("\n{}\n", self.ablations());
            text += &match &self.setting {
                Some(setting) => {
                    format!("\nthe last setting that would have helped: {setting}\n")
                }
                None => "\nno setting that is on would have helped by being off\n".to_owned(),
            };
        }
        text += &format!("reproduce: {}\n", self.reproduce);
        text
    }

    /// Those that any of the events waited for.
    fn mechanisms(&self) -> Vec<Mechanism> {
        let all = self.events.iter().flat_map(|event| &event.parts);
        let mut all: Vec<_> = all.map(|part| part.mechanism).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn ablations(&self) -> String {
        let row = |name: &str, figures: &Figures, gain: Option<i64>| {
            let or_dash = |ns: Option<u64>| ns.map_or("-".to_owned(), |ns| duration(ns as f64));
            let gain = gain.map_or(String::new(), |gain| {
                let sign = if gain < 0 { "worse by" } else { "better by" };
                let size = duration(gain.unsigned_abs() as f64);
                if gain == 0 { "the same".to_owned() } else { format!("{sign} {size}") }
            });
            vec![
                name.to_owned(),
                or_dash(figures.p50_ns),
                or_dash(figures.p99_ns),
                duration(figures.max_ns as f64),
                count(figures.lost),
                count(figures.failed),
                gain,
            ]
        };
        let head = ["without", "p50", "p99", "max", "lost", "failed", "tail"];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.push(row("(as it is)", &self.figures, None));
        for ablated in &self.without {
            rows.push(match (&ablated.figures, &ablated.refused) {
                (Some(figures), _) => row(&ablated.without, figures, Some(ablated.gain_ns)),
                (None, why) => {
                    let mut row = vec![ablated.without.clone()];
                    row.resize(6, "-".to_owned());
                    row.push(format!("can't be: {}", why.as_deref().unwrap_or_default()));
                    row
                }
            });
        }
        aligned(&rows)
    }
}

/// A row for each mechanism, a column for each event.
fn table(kind: Kind, events: &[&Explained]) -> String {
    let mut head = vec![kind.name().to_owned()];
    head.extend(events.iter().map(|event| event.at.to_owned()));
    let mut total = vec!["all".to_owned()];
    total.extend(events.iter().map(|event| duration(event.latency_ns as f64)));
    let mut rows = vec![head, total];
    let mut mechanisms: Vec<Mechanism> =
        events.iter().flat_map(|event| &event.parts).map(|part| part.mechanism).collect();
    mechanisms.sort_unstable();
    mechanisms.dedup();
    for mechanism in mechanisms {
        let mut row = vec![format!("  {}", mechanism.name())];
        row.extend(events.iter().map(|event| match event.waited(mechanism) {
            0 => "-".to_owned(),
            ns => {
                let share = ns as f64 / event.latency_ns.max(1) as f64;
                format!("{} ({})", duration(ns as f64), percent((share * 1e3).round() / 1e3))
            }
        }));
        rows.push(row);
    }
    aligned(&rows)
}

/// The way of one event, without what is short.
fn way(event: &Explained) -> String {
    let due = duration(event.due_ns as f64);
    let name = event.latency.name();
    let mut text = format!("\nthe {name} at {}: {}, due at {due}\n", event.at, event.event);
    let least = (event.latency_ns as f64 * SHORT) as u64;
    let mut longest: Vec<u64> = event.steps.iter().map(|step| step.took_ns).collect();
    longest.sort_unstable_by_key(|took| std::cmp::Reverse(*took));
    let least = longest.get(STEPS_MAX).map_or(least, |took| (*took).max(least));
    let mut rows = Vec::new();
    let mut short = (0, 0);
    for step in &event.steps {
        if step.took_ns < least {
            short = (short.0 + 1, short.1 + step.took_ns);
        } else {
            rows.push(row(step));
        }
    }
    text += &aligned(&rows);
    text += "\n";
    if short.0 > 0 {
        let took = duration(short.1 as f64);
        text += &format!("and {} shorter steps that took {took} together\n", count(short.0));
    }
    text
}

fn row(step: &Step) -> Vec<String> {
    vec![
        format!("  +{}", duration(step.from_ns as f64)),
        duration(step.took_ns as f64),
        step.mechanism.name().to_owned(),
        step.what.to_owned(),
        step.place.clone(),
        step.kind.to_owned(),
    ]
}
