//! The command line: bad input is reported once, clearly, with exit code 2; failed expectations
//! give 1.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::{GOOD, command, errors, headwater, refused};

/// A scenario file with the text `good` in place of `bad`.
fn file(folder: &TempDir, from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, GOOD.replace(from, to)).expect("a temporary file");
    path.to_str().expect("a plain path").to_owned()
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn an_unknown_key_is_pointed_at_with_the_nearest_name() {
    let folder = folder();
    let path = file(&folder, "kind = \"kafka\"", "kind = \"kafka\"\nproducer.lingerms = 5");
    refused(&headwater(&["check", &path]), &["lingerms", "did you mean `linger.ms`?", "toml:7:"]);
    let path = file(&folder, "rate =", "rte =");
    refused(&headwater(&["run", &path]), &["unknown key `rte` in traffic", "did you mean `rate`?"]);
    let path = file(&folder, "[measure]", "[mesure]");
    refused(&headwater(&["run", &path]), &["mesure", "did you mean `[measure]`?"]);
}

#[test]
fn a_wrong_unit_says_which_units_there_are() {
    let folder = folder();
    let path = file(&folder, "200/s", "200ms");
    refused(&headwater(&["run", &path]), &["traffic.rate", "1600/s", "toml:8:8"]);
    let path = file(&folder, "\"2s\"", "2");
    refused(&headwater(&["run", &path]), &["traffic.duration", "toml:9:12"]);
    let path = file(&folder, "[measure]", "[expect]\nresponse.p99 = \"< 20\"\n[measure]");
    refused(&headwater(&["run", &path]), &["expect.response.p99", "20ms"]);
}

#[test]
fn all_errors_of_a_file_are_told_at_once() {
    let folder = folder();
    let path = folder.path().join("scenario.toml");
    let text = GOOD.replace("200/s", "fast").replace("kafka", "kafak").replace("warm_up", "warmup");
    std::fs::write(&path, text).expect("a temporary file");
    let path = path.to_str().expect("a plain path");
    refused(&headwater(&["check", path]), &["did you mean `kafka`?", "fast", "warmup", "3 errors"]);
}

#[test]
fn an_unknown_kind_does_not_hide_what_else_is_wrong() {
    let folder = folder();
    let text = GOOD.replace("\"kafka\"", "\"kafak\"\nbrokrs = 3")
        + "[[fault]]\nkind = \"crahs\"\ntarget = \"leader\"\natt = \"1s\"\nfactor = 3\n";
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, text).expect("a temporary file");
    let told = headwater(&["check", path.to_str().expect("a plain path")]);
    let wanted = ["`kafka`?", "`brokers`?", "`crash`?", "`at`?", "unknown key `factor` in fault.0"];
    refused(&told, &wanted);
}

#[test]
fn a_swarm_without_faults_says_so() {
    let folder = folder();
    let path = file(&folder, "a test", "a test");
    let told = errors(&headwater(&["swarm", &path, "--seeds", "1"]));
    for want in ["has no section [swarm]", "no fault is drawn: faults begin at 2s and are over 20s"]
    {
        assert!(told.contains(want), "{told}");
    }
    let own = ["swarm", "swarm/kafka", "--seeds", "1", "--json"];
    let output = headwater(&own);
    assert!(!errors(&output).contains("warning"), "{}", errors(&output));
    let swarm: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(swarm[0]["fingerprint"].as_str().expect("text").len(), 16);
}

#[test]
fn a_summary_is_in_colour_where_that_is_wanted() {
    let folder = folder();
    let path = file(&folder, "[measure]", "[expect]\nlost = 0\nacked = 7\n[measure]");
    let told = |name: &str, value: &str| {
        let mut command = command(&["run", &path]);
        let output = command.env_remove("NO_COLOR").env(name, value).output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let coloured = told("CLICOLOR_FORCE", "1");
    for want in ["\u{1b}[31mFailed", "\u{1b}[32mpass\u{1b}[0m  ", "\u{1b}[31mMISS\u{1b}[0m  "] {
        assert!(coloured.contains(want), "{coloured}");
    }
    assert!(!told("CLICOLOR_FORCE", "0").contains('\u{1b}'));
}

#[test]
fn a_file_that_is_no_toml_is_pointed_at() {
    let folder = folder();
    let path = file(&folder, "[system]", "[system");
    refused(&headwater(&["check", &path]), &["toml:5:"]);
}

#[test]
fn a_scenario_that_is_not_there_names_the_nearest() {
    refused(&headwater(&["run", "burst/castle-kafak"]), &["did you mean `burst/castle-kafka`?"]);
    refused(&headwater(&["run", "./nowhere.toml"]), &["no such file: ./nowhere.toml"]);
    let folder = folder();
    let path = file(&folder, "nvme-10gbe", "nvme-10gb");
    refused(&headwater(&["run", &path]), &["did you mean `nvme-10gbe`?", "toml:4:11"]);
}

#[test]
fn a_folder_in_place_of_a_file_names_the_command_for_folders() {
    refused(&headwater(&["run", "."]), &[". is a folder", "headwater test ."]);
}

#[test]
fn a_scenario_may_come_from_standard_input() {
    use std::io::Write;
    let mut run = command(&["run", "-", "--json"]);
    let run = run.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = run.spawn().expect("headwater can be started");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(GOOD.as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("a child");
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(outcome["scenario"]["title"], "a test");
}

#[test]
fn an_error_in_a_line_of_megabytes_fits_a_screen() {
    let folder = folder();
    let long = "x".repeat(5_000_000);
    let lines = [
        format!("rate = \"{long}\""),
        format!("rate = {long}"),
        format!("{long} = 1"),
        format!("rate = \"1600/s\" {long}"),
        format!("rate = \"{long}"),
    ];
    for line in lines {
        let path = file(&folder, "rate = \"200/s\"", &line);
        let output = headwater(&["check", &path]);
        refused(&output, &["scenario.toml:8"]);
        let told = errors(&output);
        assert!(told.len() < 4_000, "{} bytes: {}", told.len(), &told[..2_000]);
    }
}

#[test]
fn an_impossible_topology_is_refused_at_its_line() {
    let folder = folder();
    let kind = "kind = \"kafka\"";
    let path = file(&folder, kind, "kind = \"kafka\"\nreplication.factor = 4\nbrokers = 3");
    refused(&headwater(&["run", &path]), &["impossible topology", "only 3 brokers", "toml:7:"]);
    let quorums = "kind = \"bookkeeper\"\nledger.ack.quorum.size = 3\nledger.write.quorum.size = 2";
    let path = file(&folder, kind, quorums);
    refused(
        &headwater(&["run", &path]),
        &["ack.quorum.size 3 is above write.quorum.size 2", "toml:7:"],
    );
    let pravega = "kind = \"pravega\"\nbookkeeper.ack.quorum.size = 4";
    let path = file(&folder, kind, pravega);
    refused(&headwater(&["run", &path]), &["ack.quorum.size 4 is above write.quorum.size 3"]);
}

#[test]
fn a_fault_without_a_target_is_refused() {
    let folder = folder();
    let fault = "[[fault]]\nkind = \"crash\"\ntarget = \"brokr-1\"\nat = \"1s\"\n[measure]";
    let path = file(&folder, "[measure]", fault);
    refused(&headwater(&["run", &path]), &["no node `brokr-1`", "did you mean `broker-1`?"]);
}

#[test]
fn wrong_settings_and_wrong_usage_are_refused() {
    let run = ["run", "live/stress-1600-kafka", "--set"];
    let set = |value| headwater(&[run[0], run[1], run[2], value]);
    refused(&set("system.brokrs=3"), &["unknown key `brokrs`", "did you mean `brokers`?"]);
    refused(&set("traffic.rate=fast"), &["traffic.rate"]);
    refused(&set("nothing"), &["PATH=VALUE"]);
    refused(&headwater(&["rum"]), &["unrecognized subcommand", "run"]);
    refused(&headwater(&["sweep", "what-if/segments"]), &["--vary"]);
    let vary = ["sweep", "what-if/segments", "--vary", "system.segments=1,2", "--metric", "p99"];
    refused(&headwater(&vary), &["unknown metric `p99`"]);
}

#[test]
fn output_that_cannot_be_written_is_told_before_anything_is_run() {
    let folder = folder();
    let path = file(&folder, "a test", "a test");
    refused(&headwater(&["run", &path, "--out", "/dev/full"]), &["can't write /dev/full"]);
    refused(&headwater(&["run", &path, "--out", "/proc/nowhere"]), &["can't write /proc/nowhere"]);
}

#[test]
fn a_full_disk_behind_standard_output_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let output = command(&["list"]).stdout(full).output().expect("headwater can be started");
    refused(&output, &["can't write standard output"]);
}

#[test]
fn a_corrupt_outcome_file_is_pointed_at() {
    let folder = folder();
    let path = file(&folder, "a test", "a test");
    let out = folder.path().join("out");
    let out = out.to_str().expect("a plain path");
    let output = headwater(&["run", &path, "--out", out]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    for name in ["outcome.json", "report.html", "latency.hlog"] {
        let length = std::fs::metadata(Path::new(out).join(name)).expect(name).len();
        assert!(length > 0, "{name} is empty");
    }
    let outcome = Path::new(out).join("outcome.json");
    let text = std::fs::read_to_string(&outcome).expect("just written");
    std::fs::write(&outcome, &text[..text.len() / 2]).expect("a temporary file");
    refused(&headwater(&["compare", out, out]), &["outcome.json:", "headwater-outcome/3"]);
    refused(&headwater(&["compare", "/nowhere.json", out]), &["/nowhere.json"]);
}

#[test]
fn a_comparison_with_a_loss_that_a_scenario_expects_says_so_first_and_is_exit_code_1() {
    let reports = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reports/tests/reports");
    let path = reports.join("fixtures/version-1.json");
    let outcome = path.to_str().expect("a plain path");
    let output = headwater(&["compare", outcome, outcome]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("A lost 1,219 acknowledged events"), "{text}");
    assert!(text.contains("as expected, LOST 1,219"), "{text}");
}

#[test]
fn a_failed_expectation_is_exit_code_1_and_prints_how_to_reproduce_it() {
    let folder = folder();
    let path = file(&folder, "[measure]", "[expect]\nresponse.p99 = \"< 1ns\"\n[measure]");
    let output = headwater(&["run", &path, "--seed", "7"]);
    let errors = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains(&format!("reproduce: headwater run {path} --seed 7")), "{errors}");
}

#[test]
fn json_is_json_and_a_seed_has_one_fingerprint() {
    let folder = folder();
    let path = file(&folder, "a test", "a test");
    let run = || {
        let output = headwater(&["run", &path, "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    let (first, again) = (run(), run());
    assert!(first["fingerprint"].is_string());
    assert_eq!(first, again);
    let list = headwater(&["list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).expect("JSON");
    let names = list.as_array().expect("a list").iter();
    assert!(names.clone().any(|one| one["name"] == "burst/castle-kafka"), "{list}");
    assert!(names.clone().all(|one| one["reproduce"].is_string()), "{list}");
}

#[test]
fn a_sweep_does_not_depend_on_the_number_of_threads() {
    let folder = folder();
    let path = file(&folder, "a test", "a test");
    let sweep = |threads: &str| {
        let vary = "system.producer.linger.ms=0,5";
        let arguments = ["sweep", &path, "--vary", vary, "--seeds", "3", "--json"];
        let output = command(&arguments).env("RAYON_NUM_THREADS", threads).output();
        let output = output.expect("headwater can be started");
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    let (one, two) = (sweep("1"), sweep("2"));
    assert_eq!(one, two);
    let point = |variant: usize, seed: usize| &one["variants"][variant]["points"][seed];
    assert_eq!(point(0, 0)["traffic"], point(1, 0)["traffic"], "the same traffic for all variants");
    assert_ne!(point(0, 0)["traffic"], point(0, 1)["traffic"], "other traffic for another seed");
    let difference = &one["variants"][1]["differences"]["response.p50"];
    let (mean, half) = (difference["mean"].as_f64(), difference["half_width"].as_f64());
    // Lingering 5 ms costs some of it; the pairs tell it from noise with three seeds.
    assert!(mean.zip(half).is_some_and(|(mean, half)| mean > half), "{difference}");
}

/// Starts a run that would take for ever, interrupts it once, and gives its outcome.
fn interrupted(path: &str, settings: &[&str], out: &Path) -> headwater_reports::Outcome {
    let mut run = command(&["run", path, "--yes", "--out", out.to_str().expect("a plain path")]);
    let quiet = Stdio::null;
    run.args(settings).stdout(quiet()).stderr(quiet());
    let mut child = run.spawn().expect("headwater can be started");
    // The folder is made once signals are listened for.
    while !out.is_dir() {
        assert!(child.try_wait().expect("a child").is_none(), "it ended before it was stopped");
        std::thread::yield_now();
    }
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill is there").success());
    let status = child.wait().expect("a child");
    assert_eq!(status.code(), Some(1), "{status}");
    headwater_reports::Outcome::read(&out.join("outcome.json")).expect("an outcome")
}

#[test]
fn an_interrupted_run_writes_what_it_has_and_says_so() {
    use headwater_reports::outcome::Status;
    let folder = folder();
    let path = file(&folder, "\"2s\"", "\"1000h\"");
    let outcome = interrupted(&path, &[], &folder.path().join("out"));
    assert!(matches!(outcome.status, Status::Interrupted { .. }), "{:?}", outcome.status);
    // One interval of this is a hundred million events: the end of it is not waited for.
    let rate = ["--set", "traffic.rate=1000000000/s"];
    let outcome = interrupted(&path, &rate, &folder.path().join("flood"));
    assert!(matches!(outcome.status, Status::Interrupted { .. }), "{:?}", outcome.status);
    assert!(outcome.counts.scheduled < 100_000_000, "{:?}", outcome.counts);
}

#[test]
fn a_run_that_would_take_hours_is_refused_before_it_is_started() {
    let folder = folder();
    let path = file(&folder, "a test", "a test");
    let flood = headwater(&["run", &path, "--set", "traffic.rate=1000000000/s"]);
    refused(&flood, &["about 2,000,000,000 events", "traffic.rate", "--yes"]);
}

#[test]
fn exit_codes_are_in_the_help() {
    let help = String::from_utf8_lossy(&headwater(&["--help"]).stdout).into_owned();
    assert!(help.contains("Exit codes:") && help.contains("headwater run burst/"), "{help}");
}

#[test]
fn what_was_hardly_meant_is_told_with_its_place_and_stops_nothing() {
    let folder = TempDir::new().expect("a temporary folder");
    let fault = "[[fault]]\nkind = \"pause\"\ntarget = \"broker-1\"\nat = \"300s\"\n";
    let path = file(&folder, "[measure]", &format!("{fault}[measure]"));
    for command in ["check", "run"] {
        let output = headwater(&[command, &path]);
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(0), "{errors}");
        let told = "pause never begins: the run is over at 62s";
        assert!(errors.contains("warning: ") && errors.contains(told), "{errors}");
        assert!(errors.contains("scenario.toml:13:6"), "{errors}");
    }
}

#[test]
fn a_scenario_to_begin_with_runs_as_it_is_and_overwrites_nothing() {
    let folder = folder();
    for system in ["kafka", "pravega", "bookkeeper"] {
        let path = folder.path().join(format!("{system}.toml"));
        let path = path.to_str().expect("a plain path");
        let new = headwater(&["new", path, "--system", system]);
        assert_eq!(new.status.code(), Some(0), "{}", errors(&new));
        let run = headwater(&["run", path, "--set", "traffic.rate=100/s"]);
        assert_eq!(run.status.code(), Some(0), "{system}: {}", errors(&run));
        std::fs::write(path, "mine").expect("a temporary file");
        refused(&headwater(&["new", path, "--system", system]), &["can't write", "exists"]);
        assert_eq!(std::fs::read_to_string(path).expect("a file"), "mine");
    }
}

#[test]
fn a_scenario_of_the_library_is_shown_as_it_is_written() {
    let show = headwater(&["show", "faults/broker-crash"]);
    assert_eq!(show.status.code(), Some(0), "{}", errors(&show));
    let text = String::from_utf8_lossy(&show.stdout);
    let reproduce = "# Reproduce: headwater run faults/broker-crash";
    assert!(text.starts_with("# Shows:") && text.contains(reproduce), "{text}");
    refused(&headwater(&["show", "faults/broker-crsh"]), &["did you mean `faults/broker-crash`?"]);
}

#[test]
fn an_outcome_is_told_in_the_formats_of_others() {
    let folder = folder();
    let path = file(&folder, "a test", "a test");
    let out = folder.path().join("out");
    let out = out.to_str().expect("a plain path");
    assert_eq!(headwater(&["run", &path, "--out", out]).status.code(), Some(0));
    let export = |format: &str| {
        let output = headwater(&["export", out, "--format", format]);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(export("hgrm").contains("TotalCount"));
    assert!(export("prometheus").contains("# TYPE headwater_latency_seconds summary"));
    let result = serde_json::from_str::<serde_json::Value>(&export("openmessaging"));
    assert!(result.expect("JSON")["aggregatedPublishLatency50pct"].is_number());
    let hlog = std::fs::read_to_string(folder.path().join("out/latency.hlog")).expect("a log");
    assert_eq!(export("hlog").trim_end(), hlog.trim_end());
    refused(&headwater(&["export", &path, "--format", "hgrm"]), &["scenario.toml"]);
    refused(&headwater(&["export", out, "--format", "hgrn"]), &["hgrm", "prometheus"]);
}
