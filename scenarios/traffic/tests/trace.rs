//! Traces: saved, replayed, sped up, and what is wrong with them.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use headwater_models::arrival::Arrival;
use headwater_sim::random::Seed;
use headwater_sim::time::{Duration, Time};
use headwater_traffic::{
    Format, KeyMode, Malformed, Origin, Preset, Rate, TraceSpec, TrafficSpec, Unit, describe, save,
};

fn burst(key: KeyMode) -> TrafficSpec {
    let shots = vec![Preset::Castle.shot(Duration::from_secs(1))];
    let (rate, duration) = (Rate::per_second(200.0), Duration::from_secs(3));
    TrafficSpec { key, shots, rate, duration, ..TrafficSpec::default() }
}

fn events(spec: &TrafficSpec) -> Vec<Arrival> {
    spec.schedule(Seed(7)).unwrap().collect()
}

/// A trace with these lines in a file of this name.
fn trace(folder: &Path, name: &str, lines: &str) -> TraceSpec {
    let path = folder.join(name);
    std::fs::write(&path, lines).unwrap();
    TraceSpec::of(path.to_str().unwrap())
}

fn replayed(trace: TraceSpec, key: KeyMode) -> TrafficSpec {
    let duration = Duration::from_secs(30);
    TrafficSpec { trace: Some(trace), key, duration, ..TrafficSpec::default() }
}

#[test]
fn a_saved_schedule_replays_as_the_same_schedule_for_any_number_of_producers() {
    let folder = tempfile::tempdir().unwrap();
    for key in [KeyMode::User, KeyMode::Hashtag, KeyMode::Cascade, KeyMode::None] {
        for format in [Format::Csv, Format::Ndjson] {
            let (spec, path) = (burst(key), folder.path().join("saved"));
            let mut out = BufWriter::new(File::create(&path).unwrap());
            let count = save(spec.schedule(Seed(7)).unwrap(), spec.keyed(), format, &mut out);
            drop(out);
            let of = TraceSpec { format: Some(format), ..TraceSpec::of(path.to_str().unwrap()) };
            let again = TrafficSpec { duration: spec.duration, ..replayed(of, key) };
            let (before, after) = (events(&spec), events(&again));
            assert_eq!(count.unwrap() as usize, before.len());
            assert!(before == after, "{key:?} {format:?}: {} and {}", before.len(), after.len());
            let source = again.source(Seed(1)).unwrap();
            let mut union: Vec<_> = (0..3).flat_map(|p| source(p, 3)).collect();
            union.sort_by_key(|a| a.index);
            assert!(union == before, "{key:?} {format:?} over three producers");
        }
    }
}

#[test]
fn a_trace_is_replayed_faster_from_a_point_on_and_up_to_the_duration() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "time,key,size\n1000,1,10\n1060,2,20\n1120.5,3,30\n1240,4,40\n";
    let plain = trace(folder.path(), "t.csv", lines);
    let first = TraceSpec { origin: Origin::First, speed: 60.0, ..plain.clone() };
    let times = |spec: TraceSpec| -> Vec<(u64, u64)> {
        events(&replayed(spec, KeyMode::User)).iter().map(|a| (a.at.0 / 1_000_000, a.key)).collect()
    };
    assert_eq!(times(first.clone()), [(0, 1), (1_000, 2), (2_008, 3), (4_000, 4)]);
    let later = TraceSpec { from: Duration::from_secs(60), ..first.clone() };
    assert_eq!(times(later), [(0, 2), (1_008, 3), (3_000, 4)]);
    let zero = TraceSpec { speed: 50.0, ..plain };
    assert_eq!(times(zero), [(20_000, 1), (21_200, 2), (22_410, 3), (24_800, 4)]);
    let short =
        TrafficSpec { duration: Duration::from_secs(2), ..replayed(first.clone(), KeyMode::User) };
    assert_eq!(events(&short).len(), 2);
    let survey = first.survey(true).unwrap();
    assert_eq!((survey.events, survey.length), (4, Duration::from_secs(5)));
    assert_eq!((survey.bytes_min, survey.skipped), (10, 0));
}

#[test]
fn columns_fields_units_and_words_are_understood_as_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let csv = "# of a web server\nlevel,bytes,key,timestamp\nx,5,\"a, b\",1500\n\ny,6,9,1600.5\r\n";
    let csv = TraceSpec { unit: Unit::Ms, ..trace(folder.path(), "t.csv", csv) };
    let json = "{\"key\": \"a, b\", \"at\": 1.5, \"bytes\": 5, \"more\": {\"x\": [1]}}\n\
                {\"time\":1.6005e0,\"key\":9,\"size\":6}\n";
    let json = trace(folder.path(), "t.jsonl", json);
    let csv = events(&replayed(csv, KeyMode::User));
    assert_eq!(csv, events(&replayed(json, KeyMode::User)));
    assert_eq!((csv[0].at, csv[0].bytes), (Time(1_500_000_000), 5));
    assert_eq!((csv[1].at, csv[1].key, csv[1].bytes), (Time(1_600_500_000), 9, 6));
    assert!(csv[0].key > 1 << 32, "a word is a key by its hash, not {}", csv[0].key);
}

#[test]
fn a_malformed_line_is_told_by_its_number_and_the_rest_is_used_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("0.5,1,10\nsoon,2,20\n1,3,30\n", "line 2: \"soon\"; expected a time in seconds"),
        ("0.5,1,10\n0.6,2,0\n1,3,30\n", "line 2: \"0\"; expected a size from 1 to 67108864"),
        (
            "0.5,1,10\n0.4,2,20\n1,3,30\n",
            "line 2: \"0.4 s\"; expected lines in order of time, from 0.5",
        ),
        ("0.5,1,10\n0.6,,20\n1,3,30\n", "line 2: \"0.6,,20\"; expected a key (or traffic.key"),
        ("0.5,1,10\n0.6;2;20\n1,3,30\n", "line 2: \"0.6;2;20\"; expected time, key and size"),
    ];
    for (lines, message) in cases {
        let refuse = trace(folder.path(), "t.csv", lines);
        let error = refuse.survey(true).unwrap_err().to_string();
        assert!(error.starts_with("traffic.trace.file is ") && error.contains(message), "{error}");
        let skip = TraceSpec { malformed: Malformed::Skip, ..refuse.clone() };
        let survey = skip.survey(true).unwrap();
        assert_eq!((survey.events, survey.skipped), (2, 1), "{lines}");
        assert!(survey.first_skipped.unwrap().contains(message));
        let keys: Vec<_> = events(&replayed(skip, KeyMode::User)).iter().map(|a| a.key).collect();
        assert_eq!(keys, [1, 3], "{lines}");
        let error = describe(&replayed(refuse, KeyMode::User), Seed(1)).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let json =
        trace(folder.path(), "t.ndjson", "{\"time\":1,\"key\":2,\"size\":3}\n{\"time\":2}\n");
    let error = json.survey(true).unwrap_err().to_string();
    assert!(
        error.contains("line 2: \"{\"time\":2}\"; expected an object such as {\"time\""),
        "{error}"
    );
}

#[test]
fn a_trace_without_a_header_a_file_a_format_or_an_event_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = |spec: TraceSpec| spec.survey(true).unwrap_err().to_string();
    let named = trace(folder.path(), "t.csv", "when,what\n1,2\n");
    assert!(error(named).contains("a first line that names time, key and size"));
    let missing = TraceSpec::of(folder.path().join("no.csv").to_str().unwrap());
    assert!(error(missing.clone()).contains("expected a file that can be read"));
    let plan = std::sync::Arc::new(replayed(missing, KeyMode::User).plan(Seed(1)).unwrap());
    assert_eq!(plan.schedule().count(), 0);
    assert!(plan.trouble().unwrap().contains("no.csv"), "{:?}", plan.trouble());
    let unknown = trace(folder.path(), "t.txt", "1,2,3\n");
    assert!(error(unknown).contains("expected a name that ends in .csv, .ndjson or .jsonl"));
    let empty = trace(folder.path(), "e.csv", "time,key,size\n");
    assert!(error(empty).contains("expected a trace with at least one event"));
    let long = format!("1,2,3\n2,{},4\n3,4,5\n", "x".repeat(2 << 20));
    let long = TraceSpec { malformed: Malformed::Skip, ..trace(folder.path(), "l.csv", &long) };
    let survey = long.survey(true).unwrap();
    assert_eq!((survey.events, survey.skipped), (2, 1));
    assert!(survey.first_skipped.unwrap().contains("expected a line of at most 1048576 bytes"));
}

#[test]
fn keys_are_left_out_where_none_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let spec = trace(folder.path(), "t.csv", "time,size\n1,10\n2,20\n");
    let keys: Vec<_> =
        events(&replayed(spec.clone(), KeyMode::None)).iter().map(|a| a.key).collect();
    assert_eq!(keys, [0, 1]);
    let error = spec.survey(true).unwrap_err().to_string();
    assert!(error.contains("a first line that names time, key and size"), "{error}");
}
