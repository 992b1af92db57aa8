//! Ways in: what there is to set, for people, editors and shells.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::{GOOD, command, errors, headwater, refused};

fn text(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", errors(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&text(&headwater(arguments))).expect("JSON")
}

/// Runs it with something on standard input.
fn piped(arguments: &[&str], input: &str) -> Output {
    let mut run = command(arguments);
    let run = run.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = run.spawn().expect("headwater can be started");
    let mut pipe = child.stdin.take().expect("a pipe");
    // Who refuses its arguments does not read.
    let _ = pipe.write_all(input.as_bytes());
    drop(pipe);
    child.wait_with_output().expect("a child")
}

#[test]
fn options_say_default_meaning_and_source_and_what_is_not_modelled() {
    let told = text(&headwater(&["options", "kafka", "linger"]));
    assert!(told.contains("producer.linger.ms = 0\n    Time that a batch waits"), "{told}");
    assert!(told.contains("5 with version 4.x") && told.contains("rdkafka_conf.c"), "{told}");
    let all = json(&["options", "kafka", "--json"]);
    let find = |name: &str| {
        let options = all["options"].as_array().expect("a list");
        options.iter().find(|option| option["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(find("producer.acks")["kind"], "one of 0, 1, -1, \"all\"");
    assert!(find("broker.log.dirs")["kind"].as_str().unwrap().starts_with("list of"));
    assert!(all["not_modelled"].as_array().unwrap().contains(&"num.replica.fetchers".into()));
    refused(&headwater(&["options", "kafka", "lingerr.ms"]), &["did you mean", "linger.ms"]);
    refused(&headwater(&["options", "kafak"]), &["invalid value 'kafak'", "pravega"]);
}

#[test]
fn an_option_as_it_is_listed_can_be_set() {
    for system in ["kafka", "pravega", "bookkeeper"] {
        let all = json(&["options", system, "--json"]);
        let settings = all["options"].as_array().expect("a list").iter().map(|option| {
            let [name, default] = ["name", "default"].map(|key| option[key].as_str().unwrap());
            format!("--set=system.{name}={default}")
        });
        let settings: Vec<_> = settings.collect();
        let mut arguments = vec!["check", "-"];
        arguments.extend(settings.iter().map(String::as_str));
        text(&piped(&arguments, &GOOD.replace("\"kafka\"", &format!("\"{system}\""))));
    }
}

#[test]
fn lists_and_rates_may_be_set_in_every_usual_way() {
    let set = |setting: &str| {
        let told =
            text(&headwater(&["check", "paper/stress-1600-kafka", "--json", "--set", setting]));
        serde_json::from_str::<Value>(&told).expect("JSON")
    };
    let rate = |setting: &str| set(setting)["traffic"]["rate"].clone();
    assert_eq!(rate("traffic.rate=1600"), "1600/s");
    assert_eq!(rate("traffic.rate=50k/s"), "50000/s");
    assert_eq!(rate("traffic.rate=1e9/s"), "1000000000/s");
    assert_eq!(set("system.version=3.9")["systems"][0]["version"], "3.9");
    let dirs = set("system.broker.log.dirs=[0]")["configuration"]["broker.log.dirs"].clone();
    assert_eq!(dirs, "[0]");
    let wrong = ["check", "paper/stress-1600-kafka", "--set", "system.broker.log.dirs=[0"];
    let told =
        ["the command line:1:30", "--set system.broker.log.dirs=[0", "^^ expected a sequence"];
    refused(&headwater(&wrong), &told);
}

#[test]
fn a_file_may_be_standard_input_wherever_one_is_taken() {
    let out = tempfile::tempdir().expect("a temporary folder");
    let folder = out.path().to_str().expect("a plain path");
    text(&piped(&["run", "-", "--out", folder], GOOD));
    let outcome = std::fs::read_to_string(out.path().join("outcome.json")).expect("it is there");
    let sweep = ["sweep", "-", "--vary", "traffic.rate=100,200", "--seeds", "1"];
    let find = [
        "find",
        "-",
        "--max",
        "traffic.rate",
        "--until",
        "lost = 0",
        "--seeds",
        "1",
        "--limit",
        "300/s",
    ];
    let profile = include_str!("../../../profiles/laptop.toml");
    for (arguments, input) in [
        (&["check", "-"][..], GOOD),
        (&["show", "-"], GOOD),
        (&["traffic", "-"], GOOD),
        (&["swarm", "-", "--seeds", "1"], GOOD),
        (&sweep, GOOD),
        (&["export", "-", "--format", "hgrm"], outcome.as_str()),
        (&["compare", folder, "-"], outcome.as_str()),
        (&["profile", "show", "-"], profile),
    ] {
        text(&piped(arguments, input));
    }
    // The objective holds at all rates up to the limit.
    assert_eq!(piped(&find, GOOD).status.code(), Some(1));
}

#[test]
fn a_check_may_be_read_by_a_machine() {
    let good = json(&["check", "faults/broker-crash", "--json"]);
    assert_eq!((&good["ok"], &good["faults"][0]["kind"]), (&true.into(), &"crash".into()));
    let wrong = piped(&["check", "-", "--json"], &GOOD.replace("rate", "rte"));
    assert_eq!(wrong.status.code(), Some(2));
    let told: Value = serde_json::from_slice(&wrong.stdout).expect("JSON");
    assert_eq!((&told["ok"], &told["errors"][0]["line"]), (&false.into(), &8.into()));
    assert_eq!(told["errors"][0]["help"], "did you mean `rate`?");
}

#[test]
fn a_shell_is_offered_scenarios_and_paths() {
    let asked = |words: &[&str]| {
        let mut all = vec!["--", "headwater"];
        all.extend(words);
        let mut command = command(&all);
        command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", words.len().to_string());
        command.env("_CLAP_COMPLETE_COMP_TYPE", "9").env("_CLAP_COMPLETE_SPACE", "false");
        text(&command.env("_CLAP_IFS", "\n").output().expect("headwater can be started"))
    };
    assert_eq!(asked(&["run", "faults/broker-"]), "faults/broker-crash\nfaults/broker-stop");
    let set = asked(&["sweep", "x", "--set", "system.producer.linger"]);
    assert_eq!(set, "system.producer.linger.ms=");
    let set = asked(&["run", "x", "--set", "traffic.users."]);
    assert_eq!(set, "traffic.users.count=\ntraffic.users.sigma=");
    for shell in ["bash", "zsh", "fish"] {
        assert!(text(&headwater(&["completions", shell])).contains("COMPLETE"));
    }
}

#[test]
fn every_command_has_a_man_page() {
    let out = tempfile::tempdir().expect("a temporary folder");
    text(&headwater(&["man", "--out", out.path().to_str().expect("a plain path")]));
    let page = |name: &str| std::fs::read_to_string(out.path().join(name)).expect("a page");
    assert!(page("headwater.1").contains("headwater\\-find(1)"));
    assert!(page("headwater-run.1").contains("headwater run paper/stress"), "with its examples");
    assert!(text(&headwater(&["man"])).starts_with(".ie"));
}
