//! Plans: what is taken is what trying everything takes, and its files do what it says.

use std::sync::atomic::AtomicBool;

use headwater_scenarios::plan::{
    File, Guess, MaxRate, Plan, Prices, Question, Survive, max_rate, plan, time,
};
use headwater_scenarios::profile::SHIPPED;
use headwater_scenarios::run::{Options, run};
use headwater_scenarios::scenario::Source;

/// A machine of one slow core, of which three are too few and six are enough, with quick clients.
fn slow(folder: &tempfile::TempDir) -> String {
    let (_, text) = SHIPPED[0];
    let slow = text.replacen("cpu_percent = 100", "cpu_percent = 1500", 1);
    let (server, client) = slow.split_once("[client]").expect("it has clients");
    let server = server.replacen("cores = 16", "cores = 1", 1);
    let client = client.replacen("cores = 16", "cores = 64", 1);
    let path = folder.path().join("slow.toml");
    std::fs::write(&path, format!("{server}[client]{client}")).expect("a file can be written");
    path.display().to_string()
}

fn question(profile: String) -> Question {
    let set = |path: &str, value: &str| (format!("system.{path}"), value.to_owned());
    Question {
        system: "kafka".into(),
        rate: Guess::rate("300").unwrap(),
        event_bytes: Guess::bytes("1000").unwrap(),
        peak: Guess::times("2x").unwrap(),
        peak_for: time("2s").unwrap(),
        p99: time("60ms").unwrap(),
        retention: time("1h").unwrap(),
        survive: Survive(0),
        recover: time("25s").unwrap(),
        prices: Prices::of(&profile),
        profile,
        share: 1.0,
        seeds: (1, 1),
        servers_max: 6,
        zones: 3,
        clients: Some(2),
        settings: vec![
            set("partitions", "6"),
            set("replication.factor", "3"),
            set("producer.acks", "-1"),
            set("producer.batch.size", "16384"),
        ],
        exhaustive: false,
        knee: false,
        insist: false,
    }
}

fn planned(question: &Question) -> Plan {
    let plan = plan(question, &AtomicBool::new(false), &|_| {});
    plan.unwrap_or_else(|problems| panic!("{problems}"))
}

/// Asserts that every file runs and does what it expects.
fn keeps(files: &[File]) {
    for File { name, text } in files {
        let read = Source::of(name.clone(), text.clone()).read(&[]);
        let scenario = read.unwrap_or_else(|problems| panic!("{problems}"));
        let outcome = run(&scenario, &Options::default()).outcome;
        assert!(outcome.ok(), "{name}: {:?}", outcome.expectations);
    }
}

#[test]
fn what_is_taken_is_what_trying_everything_takes() {
    let folder = tempfile::tempdir().unwrap();
    let profile = slow(&folder);
    let mut taken = Vec::new();
    let linger = ("system.producer.linger.ms".to_owned(), "5".to_owned());
    for (rate, p99, share, fixed) in
        [("600", "60ms", 1.0, None), ("200/300/600", "85ms", 0.6, Some(linger))]
    {
        let mut asked = question(profile.clone());
        asked.rate = Guess::rate(rate).unwrap();
        asked.p99 = time(p99).unwrap();
        asked.share = share;
        asked.settings.extend(fixed);
        let searched = planned(&asked);
        let exhausted = planned(&Question { exhaustive: true, ..asked });
        let pick = searched.pick.as_ref().expect("six brokers are enough");
        let best = exhausted.pick.as_ref().expect("six brokers are enough");
        assert_eq!(pick.options, best.options, "{}\n{}", searched.text(), exhausted.text());
        assert_eq!(pick.bill, best.bill);
        assert!((pick.kept - best.kept).abs() < 1e-9, "{} and {}", pick.kept, best.kept);
        assert!(pick.kept >= share - 1e-9);
        assert!(searched.runs <= exhausted.runs, "{} of {}", searched.runs, exhausted.runs);
        keeps(&searched.files);
        taken.push(pick.bill.month);
    }
    // What is to hold for certain, and within less, takes more.
    assert!(taken[0] > taken[1], "{taken:?}");
}

#[test]
fn a_server_may_be_lost_and_the_files_show_it() {
    let asked = Question {
        rate: Guess::rate("200").unwrap(),
        survive: Survive(1),
        settings: vec![
            ("system.partitions".into(), "6".into()),
            ("system.producer.linger.ms".into(), "5".into()),
            ("system.producer.batch.size".into(), "16384".into()),
        ],
        ..question("nvme-10gbe".into())
    };
    let found = planned(&asked);
    let pick = found.pick.as_ref().expect("three brokers are enough");
    assert_eq!(pick.name, "3 brokers, 3 copies, 2 in sync");
    let phases: Vec<&str> = pick.phases.iter().map(|of| of.phase.as_str()).collect();
    assert_eq!(phases, ["peak", "down-leader", "recovery-leader"]);
    // A session of 9 s ran out meanwhile, in both.
    assert!(pick.phases[1..].iter().all(|of| (6.0..15.0).contains(&of.gap_s)), "{pick:?}");
    keeps(&found.files);
    let hours = 3.0 * 730.0 * 1.248;
    assert!((pick.bill.lines[0].month - hours).abs() < 1e-6, "{:?}", pick.bill);
    // An hour of 200/s of 1000 B, three times.
    let disks = pick.bill.lines.iter().find(|line| line.what == "disks").expect("there are");
    assert!((disks.quantity - 2.16).abs() < 1e-9, "{disks:?}");
    let refused = found.considered.iter().find(|of| of.name.starts_with("2 brokers, 2 copies"));
    let why = &refused.expect("it is among the excuses").why;
    assert!(why.contains("survives the loss of 0 servers, not of 1"), "{why}");
    assert!(found.text().contains("Google Managed Kafka"), "{}", found.text());
}

#[test]
fn arithmetic_refuses_what_disks_cannot_hold() {
    let asked = Question {
        retention: time("365d").unwrap(),
        rate: Guess::rate("2000").unwrap(),
        servers_max: 3,
        ..question("nvme-10gbe".into())
    };
    let found = planned(&asked);
    assert_eq!((found.pick.is_none(), found.runs), (true, 0), "{}", found.text());
    // 63 TB, three times over three brokers of two drives of 1.9 TB.
    let why = &found.considered[0].why;
    assert!(why.contains("disk for what is kept") && why.contains("of 3,230 GB"), "{why}");
}

#[test]
fn the_highest_rate_of_a_cluster_is_kept_and_the_next_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let mut asked = question(slow(&folder));
    asked.settings.push(("system.producer.linger.ms".into(), "5".into()));
    let find = |asked: &Question| max_rate(asked, &AtomicBool::new(false), &|_| {});
    let message = find(&asked).expect_err("four clusters are left").to_string();
    assert!(message.contains("which cluster?"), "{message}");
    asked.settings.push(("system.brokers".into(), "3".into()));
    let MaxRate { rate, phases, files, .. } = find(&asked).unwrap();
    let (rate, broken) = (rate.expect("some rate is kept"), phases[0].broken.expect("it breaks"));
    assert!(100.0 < rate && rate < broken && broken <= rate * 1.25, "{rate} {broken}");
    assert!(phases[0].binds.as_ref().is_some_and(|of| of.contains("cpu")), "{phases:?}");
    keeps(&files);
}
