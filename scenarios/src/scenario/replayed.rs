//! Traffic that is a recorded trace: where its file is, what it has, what can't stand beside it.

use std::path::Path;

use headwater_traffic::{Rate, Survey, TrafficSpec};

use super::Section;
use headwater_reading::decode;
use headwater_reading::problem::Finding;

/// What a trace says in place of the description.
const SAID_BY_A_TRACE: [&str; 8] =
    ["rate", "arrivals", "shots", "diurnal", "weekly", "noise", "regimes", "cascades"];

/// Finds the trace of a description, if it has one, from the scenario's folder on (`near`), and
/// reads it over: its mean rate is the rate, and its length the duration unless one is given.
/// What is hardly meant is returned.
pub(super) fn settle(
    traffic: &mut Section<TrafficSpec>,
    near: Option<&Path>,
    findings: &mut Vec<Finding>,
) -> Vec<Finding> {
    let keyed = traffic.value.keyed();
    let Some(trace) = &mut traffic.value.trace else { return Vec::new() };
    let place = |path: &[&str]| {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        decode::locate(&traffic.tree, &path)
    };
    for key in SAID_BY_A_TRACE.into_iter().chain(["size"]) {
        if traffic.tree.get(key).is_some() {
            let message = format!("traffic.{key} beside traffic.trace: the trace says it");
            let finding = Finding::new(message, place(&[key]).0).label("this has no effect");
            findings.push(finding.help("traffic.trace.speed replays a trace faster or slower"));
        }
    }
    if let Some(near) = near.filter(|_| Path::new(&trace.file).is_relative()) {
        trace.file = near.join(&trace.file).to_string_lossy().into_owned();
    }
    match trace.survey(keyed) {
        Ok(survey) => {
            let doubts = left_out(&survey, place(&["trace", "file"]).1);
            let seconds = survey.length.as_secs_f64();
            traffic.value.rate = Rate::per_second((survey.events as f64 / seconds).max(1e-6));
            if traffic.tree.get("duration").is_none() {
                traffic.value.duration = survey.length;
            }
            doubts
        }
        Err(error) => {
            // What is wrong with another field is told where all of them are checked.
            if error.field == "trace.file" {
                let finding = Finding::new(error.to_string(), place(&["trace", "file"]).1);
                findings.push(finding.label("named here"));
                traffic.value.trace = None;
            }
            Vec::new()
        }
    }
}

fn left_out(survey: &Survey, span: Option<std::ops::Range<usize>>) -> Vec<Finding> {
    let Some(first) = &survey.first_skipped else { return Vec::new() };
    let lines = if survey.skipped == 1 { "line is" } else { "lines are" };
    let message = format!("{} malformed {lines} left out, first {first}", survey.skipped);
    vec![Finding::new(message, span).label("of this trace")]
}

#[cfg(test)]
mod tests {
    use crate::scenario::Scenario;
    use crate::units::Duration;

    const HEAD: &str = "title = 't'\nhypothesis = 'h'\nprofile = 'nvme-10gbe'\n\
                        [system]\nkind = 'kafka'\n[traffic]\n";

    fn read(folder: &std::path::Path, traffic: &str) -> Result<Scenario, String> {
        let read = Scenario::parse(&format!("{HEAD}{traffic}"), "t.toml", Some(folder), &[]);
        read.map_err(|problems| problems.to_string())
    }

    fn folder(name: &str, lines: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("headwater-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("t.csv"), lines).unwrap();
        folder
    }

    #[test]
    fn a_trace_is_beside_its_scenario_and_says_how_long_and_how_fast() {
        let lines: String = (0..800).map(|n| format!("{}.5,{n},100\n", n / 10)).collect();
        let folder = folder("beside", &lines);
        let scenario = read(&folder, "trace.file = 't.csv'\ntrace.speed = 2.0\n").unwrap();
        assert_eq!(scenario.traffic.duration, Duration::from_secs(40));
        assert_eq!(scenario.traffic.rate.as_per_second(), 20.0);
        let cut = read(&folder, "duration = '10s'\ntrace.file = 't.csv'\n").unwrap();
        assert_eq!(cut.traffic.duration, Duration::from_secs(10));
        let events = cut.traffic.schedule(headwater_sim::random::Seed(1)).unwrap().count();
        assert_eq!(events, 100);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_wrong_with_a_trace_is_told_where_it_is_named() {
        let folder = folder("wrong", "1,1,100\n2,2\n3,3,100\n9,4,100\n");
        let error = read(&folder, "trace.file = 't.csv'\n").unwrap_err();
        for part in ["t.csv, line 2: \"2,2\"; expected time, key and size", "t.toml:7:14"] {
            assert!(error.contains(part), "{error}");
        }
        let skipped = "trace = { file = 't.csv', malformed = 'skip' }\n";
        let scenario = read(&folder, skipped).unwrap();
        let warnings = scenario.warnings.to_string();
        assert!(warnings.contains("1 malformed line is left out, first"), "{warnings}");
        assert!(warnings.contains("line 2: \"2,2\""), "{warnings}");
        let both = read(&folder, "rate = '5/s'\ntrace.file = 'no.csv'\n").unwrap_err();
        for part in ["traffic.rate beside traffic.trace", "no.csv (", "a file that can be read"] {
            assert!(both.contains(part), "{both}");
        }
        let speed = read(&folder, "trace.file = 't.csv'\ntrace.speed = 0.0\n").unwrap_err();
        assert!(speed.contains("traffic.trace.speed is 0; expected a factor"), "{speed}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
