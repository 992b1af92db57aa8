//! Every figure that `[expect]`, `--until` and `--metric` take, with its unit and what it means:
//! `headwater metrics`.

use headwater_check::CHECKERS;
use headwater_models::systems::Systems;
use serde::Serialize;

use super::metric::{BESIDE_CHECKERS, Kind, Metric};
use super::phase_metric::FIGURES_OF_PHASE;

/// A figure that there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its name; what stands in capitals is to be put there.
    pub name: String,
    /// Its unit, or what may stand there.
    pub unit: String,
    /// What it means.
    pub meaning: String,
    /// The only system that has it, if one has.
    pub system: Option<&'static str>,
}

const ANY: &str = "any percentile, .mean, .max";

/// Those that every run has.
const OF_RUNS: [(&str, &str); 26] = [
    ("response.p99", "acknowledged minus intended: what a user waits"),
    ("service.p99", "acknowledged minus taken by the writer"),
    ("schedule_lag.p99", "taken by the writer minus intended"),
    ("end_to_end.p99", "delivered to a reader minus intended"),
    ("offered_rate", "events that were due, over the measured window"),
    ("sent_rate", "events that writers took, over the measured window"),
    ("acked_rate", "events that were acknowledged, over the measured window"),
    ("consumed_rate", "events that readers were handed, over the measured window"),
    ("scheduled", "in the schedule, over the whole run"),
    ("sent", "taken by a writer, over the whole run"),
    ("acked", "acknowledged, over the whole run"),
    ("failed", "given up by their writer, over the whole run"),
    ("delivered", "handed to a reader, duplicates included, over the whole run"),
    ("lost", "acknowledged, and not readable in the end"),
    ("expired", "acknowledged, and removed by retention before it was read"),
    ("duplicated", "delivered again, or stored twice"),
    ("reordered", "delivered after a later one of the same writer and lane"),
    ("acked_share", "acknowledged out of what was in the schedule"),
    ("backlog.max", "most events offered and not yet acknowledged, at the end of an interval"),
    ("ack_gap.max", "longest time in which nothing was acknowledged though something was due"),
    ("recovery", "from the first fault until as few events waited for an answer as before"),
    ("catch_up", "from the first fault until readers were as close behind as before"),
    ("aftermath", "from the end of the last fault until as few waited for an answer as before"),
    ("binding", "the busiest resource: `none` where none was busy, `stalled` where writers stood"),
    ("utilisation.binding", "how busy the busiest resource was, over the measured window"),
    ("utilisation.NAME", "how busy a resource was, such as broker-1/request-handlers"),
];

/// All of them, those of `systems` included.
pub fn list(systems: &Systems) -> Vec<Listed> {
    let of_runs = OF_RUNS.iter().map(|(name, meaning)| {
        let any = if name.ends_with(".p99") { format!(" ({ANY})") } else { String::new() };
        listed((*name).to_owned(), format!("{meaning}{any}"))
    });
    let of_phases = FIGURES_OF_PHASE.iter().map(|figure| {
        let name = format!("phase.during-1.{figure}");
        Listed { name: format!("phase.NAME.{figure}"), ..listed(name, of_phase(figure)) }
    });
    let checkers = CHECKERS.iter().map(|checker| (checker.name, checker.means));
    let judges = checkers.chain(BESIDE_CHECKERS);
    let verdicts = judges.map(|(name, means)| Listed {
        unit: "pass, fail, info".into(),
        ..listed(format!("verdict.{name}"), means.to_owned())
    });
    of_runs.chain(of_phases).chain(verdicts).chain(of_systems(systems)).collect()
}

/// A figure whose unit its name says.
fn listed(name: String, meaning: String) -> Listed {
    let kind = Metric::parse(&name).map_or(Kind::Word, |metric| metric.kind());
    let unit = match kind {
        Kind::Time => "a time, such as 20ms",
        Kind::Rate => "events per second",
        Kind::Count => "events",
        Kind::Share => "a share, such as 95%",
        Kind::Word => "a name",
    };
    Listed { name, unit: unit.into(), meaning, system: None }
}

fn of_phase(figure: &str) -> String {
    match figure {
        "due" => "due in that phase".to_owned(),
        "unanswered" => "due in that phase and never acknowledged".to_owned(),
        "lost" => "acknowledged in that phase, and not readable in the end".to_owned(),
        "acked_share" => "acknowledged out of what was due in that phase".to_owned(),
        latency if latency.ends_with(".p99") => {
            format!("of the events that were due in that phase ({ANY})")
        }
        _ => "the same of what happened while that phase lasted".to_owned(),
    }
}

/// Levels of each system, and what happens in it.
fn of_systems(systems: &Systems) -> Vec<Listed> {
    let mut all = Vec::new();
    for kind in systems.iter() {
        for gauge in kind.signals().gauges.iter().filter(|gauge| !gauge.limit) {
            let unit = if gauge.unit.is_empty() { "a number" } else { gauge.unit };
            let meaning = "a level at its highest, added up over the nodes that have it";
            all.push(Listed {
                name: format!("gauge.{}", gauge.name),
                unit: unit.to_owned(),
                meaning: meaning.to_owned(),
                system: Some(kind.name()),
            });
        }
        let meaning = "from the first fault until something of that name happened";
        all.extend(kind.signals().marks.iter().map(|mark| Listed {
            system: Some(kind.name()),
            ..listed(format!("mark.{}", mark.name), meaning.to_owned())
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::metric::examples;
    use super::*;

    #[test]
    fn every_figure_is_listed_and_what_is_listed_is_one() {
        let all = list(&Systems::standard());
        for (name, _) in examples() {
            let general = match name.strip_prefix("phase.").and_then(|rest| rest.split_once('.')) {
                Some((_, figure)) => format!("phase.NAME.{figure}"),
                None => name.clone(),
            };
            assert!(all.iter().any(|of| of.name == general), "{general}");
        }
        for of in &all {
            let name = of.name.replace("phase.NAME", "phase.before");
            assert!(Metric::parse(&name).is_ok(), "{name}");
            assert!(!of.meaning.is_empty() && !of.unit.is_empty(), "{name}");
        }
        let unit = |name: &str| all.iter().find(|of| of.name == name).map(|of| of.unit.as_str());
        assert_eq!(unit("gauge.cache_used_bytes"), Some("bytes"));
        assert_eq!(unit("phase.NAME.acked_rate"), Some("events per second"));
    }
}
