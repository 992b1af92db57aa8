//! Plans: what is taken is what trying everything takes, and its files do what it says.

use std::sync::atomic::AtomicBool;

use headwater_scenarios::plan::{
    File, Guess, MaxRate, Plan, Prices, Question, Survive, max_rate, plan, time,
};
use headwater_scenarios::profile::SHIPPED;
use headwater_scenarios::run::{Options, run};
use headwater_scenarios::scenario::Source;
use headwater_scenarios::units::Duration;

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
        survive: Survive::Nodes(0),
        recover: time("25s").unwrap(),
        prices: Prices::of(std::slice::from_ref(&profile)),
        profiles: vec![profile],
        zone_latency: Duration::ZERO,
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
        survive: Survive::Nodes(1),
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

/// As [`question`], with everything fixed but how many brokers and copies there are.
fn of_brokers(survive: Survive) -> Question {
    Question {
        rate: Guess::rate("200").unwrap(),
        survive,
        settings: vec![
            ("system.partitions".into(), "6".into()),
            ("system.producer.linger.ms".into(), "5".into()),
            ("system.producer.batch.size".into(), "16384".into()),
        ],
        ..question("nvme-10gbe".into())
    }
}

#[test]
fn two_servers_may_be_lost_one_after_the_other() {
    let found = planned(&of_brokers(Survive::Nodes(2)));
    let pick = found.pick.as_ref().expect("five brokers are enough");
    assert_eq!(pick.name, "5 brokers, 5 copies, 3 in sync", "{}", found.text());
    let down = found.files.iter().find(|file| file.name == "down-leader-and-1-more.toml");
    let down = &down.expect("it is among the phases").text;
    assert_eq!(down.matches("kind = \"crash\"").count(), 2, "{down}");
    let refused = found.considered.iter().find(|of| of.name.starts_with("3 brokers, 3 copies"));
    let why = &refused.expect("it is among the excuses").why;
    assert!(why.contains("survives the loss of 1 servers, not of 2"), "{why}");
    keeps(&found.files);
}

#[test]
fn a_zone_may_be_lost_and_what_is_between_zones_is_waited_for() {
    let near = Question { servers_max: 4, ..of_brokers(Survive::Zone) };
    let far = Question { zone_latency: Duration::from_millis(1), ..near.clone() };
    let [near, far] = [near, far].map(|question| planned(&question));
    let picks = [&near, &far].map(|found| {
        found.pick.as_ref().unwrap_or_else(|| panic!("three are enough: {}", found.text()))
    });
    assert!(picks.iter().all(|pick| pick.name == "3 brokers, 3 copies, 2 in sync"), "{picks:?}");
    // There, to the nearer follower, and back, and what queues behind that.
    let [near_s, far_s] = picks.map(|pick| pick.phases[0].p99_s.expect("it was measured"));
    assert!((0.002..0.030).contains(&(far_s - near_s)), "{near_s} and {far_s}");
    let phases: Vec<&str> = picks[0].phases.iter().map(|of| of.phase.as_str()).collect();
    assert_eq!(phases, ["peak", "down-zone", "recovery-zone"]);
    let between = picks[1].bill.lines.iter().find(|line| line.what == "network between zones");
    assert!(between.is_some_and(|line| line.month > 0.0), "{:?}", picks[1].bill);
    keeps(&far.files);
    let mut four = of_brokers(Survive::Zone);
    four.settings.push(("system.brokers".into(), "4".into()));
    let four = planned(&four);
    let why = |name: &str| four.considered.iter().find(|of| of.name.starts_with(name));
    let why = &why("4 brokers, 3 copies, 2 in").expect("it is among the excuses").why;
    assert!(four.pick.is_none() && why.contains("4 brokers in 3 zones"), "{why}");
}

#[test]
fn the_cheapest_of_two_kinds_of_machines_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let slow = slow(&folder);
    let prices = |slow: f64| {
        let more = format!("[servers.slow]\nhour = {slow}\n\n[network]");
        Prices::parse(&Prices::example().replacen("[network]", &more, 1), "test.toml").unwrap()
    };
    let asked = |hour: f64, exhaustive: bool| {
        let mut asked = question(slow.clone());
        asked.rate = Guess::rate("600").unwrap();
        asked.profiles.push("nvme-10gbe".into());
        asked.settings.push(("system.producer.linger.ms".into(), "5".into()));
        planned(&Question { prices: prices(hour), exhaustive, ..asked })
    };
    // Six slow machines do what three quick ones do: 1.248 an hour each.
    for (hour, want) in [(0.1, "slow"), (1.0, "nvme-10gbe")] {
        let found = asked(hour, false);
        let pick = found.pick.as_ref().expect("either is enough");
        let machine = pick.name.rsplit(['/', ' ']).next().unwrap();
        assert_eq!(machine.trim_end_matches(".toml"), want, "{}", found.text());
        keeps(&found.files);
        if want == "slow" {
            let best = asked(hour, true);
            let best = best.pick.as_ref().expect("either is enough");
            assert_eq!((&pick.options, &pick.bill), (&best.options, &best.bill));
        }
    }
}
