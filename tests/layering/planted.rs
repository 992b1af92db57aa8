//! One planted violation per rule: a rule that can't fail holds nothing.

use headwater_tests::workspace::SourceFile;

use crate::graph::Graph;
use crate::rules::{self, check};

/// What to plant: an arrow, or a line of a source.
enum Plant {
    Member(&'static str),
    Arrow(&'static str, &'static str),
    Way(&'static [&'static str]),
    Binary(&'static str, &'static str),
    Line(&'static str, &'static str),
}

use Plant::{Arrow, Binary, Line, Member, Way};

const PLANTS: &[(&str, &[Plant])] = &[
    ("unknown crate", &[Member("headwater-cellar")]),
    (
        "arrow",
        &[
            Arrow("headwater-sim", "headwater-models"),
            Arrow("headwater-models", "headwater-scenarios"),
            Arrow("headwater-reports", "headwater-scenarios"),
            Arrow("headwater-reports", "headwater-sim"),
            Arrow("headwater-scenarios", "headwater-loadgen"),
            Arrow("headwater-pipeline", "headwater-loadgen"),
        ],
    ),
    ("binary", &[Binary("headwater", "headwater-loadgen")]),
    (
        "async runtime",
        &[
            Way(&["headwater-sim", "tokio"]),
            Way(&["headwater-models", "madsim"]),
            Way(&["headwater-benches", "turmoil"]),
            Way(&["headwater-scenarios", "some-crate", "tokio"]),
        ],
    ),
    (
        "live client",
        &[
            Way(&["headwater-scenarios", "rskafka"]),
            Way(&["headwater-reports", "some-crate", "reqwest"]),
            Way(&["headwater-models", "redis"]),
        ],
    ),
    ("command line", &[Way(&["headwater", "headwater-scenarios", "clap"])]),
    (
        "foreign randomness or threads",
        &[Way(&["headwater-sim", "some-crate", "fastrand"]), Way(&["headwater-models", "rayon"])],
    ),
    (
        "wall clock",
        &[
            Line("sim", "use std::time::Duration;"),
            Line("models", "use std::{fmt, time::{self}};"),
            Line("sim", "fn f() { let now = Instant::now(); }"),
            Line("models", "#[cfg(test)] mod tests { type T = SystemTime; }"),
        ],
    ),
    (
        "thread",
        &[
            Line("sim", "fn f() { std::thread::sleep(x); }"),
            Line("models", "use std::{thread, fmt};"),
        ],
    ),
    (
        "hash map",
        &[
            Line("models", "use std::collections::{BTreeMap, HashMap};"),
            Line("sim", "struct S { seen: HashSet<u64> }"),
        ],
    ),
    (
        "async",
        &[
            Line("sim", "async fn f() {}"),
            Line("models", "use tokio::net::TcpStream;"),
            Line("models", "macro_rules! m { () => { f().await } }"),
        ],
    ),
    (
        "input and output",
        &[
            Line("models", "fn f() { std::fs::write(a, b); }"),
            Line("sim", "use std::{env, fmt};"),
            Line("sim", "fn f() { println!(\"{}\", 1); }"),
        ],
    ),
    (
        "unseeded",
        &[
            Line("sim", "fn f() { rand::thread_rng(); }"),
            Line("models", "fn f() { X::from_os_rng(); }"),
            Line("models", "fn f() { let x = rand::rng(); }"),
            Line("sim", "fn f() -> u64 { rand::random() }"),
            Line("sim", "use rand::{Rng, random};"),
            Line("models", "use rand::{Rng, random_range};"),
            Line("models", "use rand::*;"),
            Line("sim", "use rand as dice;"),
            Line("models", "use rand::rngs::OsRng;"),
            Line("scenarios", "#[cfg(test)] mod tests { use rand::rngs::ThreadRng; }"),
        ],
    ),
    (
        "global",
        &[
            Line("models", "static COUNT: u64 = 0;"),
            Line("sim", "use std::sync::{Arc, Mutex};"),
            Line("sim", "use std::sync::atomic::AtomicBool;"),
        ],
    ),
    (
        "platform float",
        &[
            Line("sim", "fn f(x: f64) -> f64 { x.ln() }"),
            Line("models", "fn f(x: f64) -> f64 { f64::powf(x, 2.0) }"),
            Line("models", "fn f(x: f64) { assert!(x.sqrt() > 1.0); }"),
        ],
    ),
    ("domain in sim", &[Line("sim", "struct KafkaBroker;")]),
    (
        "fault in models",
        &[
            Line("models", "use headwater_sim::fault::Fault;"),
            Line("models", "use headwater_sim::{fault, node};"),
        ],
    ),
    (
        "system outside its folder",
        &[
            Line("scenarios", "use headwater_models::{kafka::config::Cluster, role};"),
            Line("scenarios", "fn f() { match system { System::Pravega(_) => 1, _ => 2 } }"),
            Line("models", "fn f(m: Message) { if let Message::BookKeeper(_) = m {} }"),
            Line("reports", "const A: u64 = headwater_models::bookkeeper::A;"),
        ],
    ),
];

#[test]
fn every_rule_finds_each_violation_planted_for_it() {
    for (rule, plants) in PLANTS {
        for plant in *plants {
            let (graph, sources) = planted(plant);
            let violations = check(&graph, &sources);
            let rules: Vec<_> = violations.iter().map(|violation| violation.rule).collect();
            assert_eq!(rules, [*rule], "{violations:?}");
        }
    }
}

#[test]
fn every_rule_has_a_planted_violation() {
    for rule in rules::all() {
        assert!(PLANTS.iter().any(|(planted, _)| *planted == rule), "nothing planted for {rule}");
    }
}

#[test]
fn comments_strings_docs_and_lookalikes_break_no_rule() {
    let innocent = "
        //! Kafka's std::time::Instant and tokio.
        /// A `HashMap` of std::thread.
        fn f<'a>(x: &'static str, log: Log) -> u64 {
            // Instant::now()
            let text = \"std::time::Instant HashMap async\";
            let y = libm::log(2.0) + libm::sqrt(3.0);
            log.log(); crate::time::Time::ZERO; crate::fault::list();
            for exp in 0..exp { x.exponential(); }
            use rand::{Rng, RngCore, seq::SliceRandom};
            let (die, random) = (stream.random_range(0..6), stream.random());
            order.shuffle(ctx.random()); rand::distr::Distribution::sample(&law, rng);
            7_u64.ilog2()
        }
        #[cfg(test)]
        mod tests { fn f(x: f64) { x.sqrt(); } }";
    let file = SourceFile::planted("sim/src/innocent.rs", innocent);
    assert_eq!(check(&Graph::default(), &[file]), []);
}

#[test]
fn code_after_a_test_module_is_not_taken_for_a_test() {
    let text = "#[cfg(test)] mod tests { fn a() {} }\n#[cfg(test)] use x;\nfn f() { x.sqrt(); }";
    let violations = check(&Graph::default(), &[SourceFile::planted("sim/src/a.rs", text)]);
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert_eq!(violations[0].place, "sim/src/a.rs:3");
}

fn planted(plant: &Plant) -> (Graph, Vec<SourceFile>) {
    let mut graph = Graph::default();
    let mut sources = vec![];
    match plant {
        Member(name) => _ = graph.members.insert((*name).into()),
        Arrow(from, to) => {
            graph.members.extend([(*from).into(), (*to).into()]);
            graph.add(from, to, true);
        }
        Way(way) => way.windows(2).for_each(|step| graph.add(step[0], step[1], false)),
        Binary(binary, member) => {
            graph.binaries.insert((*binary).into(), (*member).into());
        }
        Line(folder, line) => {
            sources.push(SourceFile::planted(&format!("{folder}/src/planted.rs"), line));
        }
    }
    (graph, sources)
}
