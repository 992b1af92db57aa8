//! Hashtags that are counted in a run: what the windows say when processes die, tweets come late
//! and come again, and the law that the most frequent one keeps.

mod common;

use headwater_reports::Outcome;
use headwater_reports::outcome::VerdictStatus;

use common::{failed, ran, read};

/// Windows of 2 s, of tweets that may be a second late.
const WINDOWS: &str = "window.size = \"2s\"\nwindow.advance = \"2s\"\nmax.delay = \"1s\"\n";

/// It takes the schedule itself.
fn alone(options: &str, traffic: &str) -> String {
    format!("[system]\nkind = \"trending\"\n{options}\n[traffic]\n{traffic}\n")
}

/// Kafka with a count behind it, 400 events a second for 10 s, every other one with a hashtag.
fn chain(options: &str, faults: &str) -> String {
    format!(
        "[[system]]\nname = \"tweets\"\nkind = \"kafka\"\nbrokers = 1\npartitions = 4\n\
         replication.factor = 1\n[[system]]\nname = \"trending\"\nkind = \"trending\"\n\
         from = \"tweets\"\n{options}\n[traffic]\nrate = \"400/s\"\nduration = \"10s\"\n\
         hashtags.share = 0.5\nhashtags.drift = \"3s\"\n{faults}"
    )
}

fn crash(target: &str, at_ms: u32) -> String {
    format!(
        "[[fault]]\nkind = \"crash\"\ntarget = \"{target}\"\nat = \"{at_ms}ms\"\nfor = \"500ms\"\n"
    )
}

/// What was found of the windows.
fn ranked(outcome: &Outcome) -> (VerdictStatus, &str) {
    let found = outcome.verdicts.iter().find(|of| of.name == "ranked").expect("looked at");
    (found.status, &found.measured)
}

fn series<'a>(outcome: &'a Outcome, name: &str) -> impl Iterator<Item = f64> + 'a {
    let gauge = outcome.series.gauges.iter().find(|gauge| gauge.name.ends_with(name));
    gauge.unwrap_or_else(|| panic!("no {name}")).values.iter().flatten().copied()
}

fn most(outcome: &Outcome, name: &str) -> f64 {
    series(outcome, name).fold(0.0, f64::max)
}

fn read_again(outcome: &Outcome) -> u64 {
    let started = outcome.marks.iter().filter(|mark| mark.name == "counting_started");
    started.filter_map(|mark| mark.detail.split("read again ").nth(1)?.parse::<u64>().ok()).sum()
}

#[test]
fn windows_that_follow_one_another_or_overlap_are_those_of_the_schedule() {
    let overlap = "window.size = \"3s\"\nwindow.advance = \"500ms\"\nmax.delay = \"1s\"\n";
    for (options, windows) in [(WINDOWS, 5), (overlap, 25)] {
        for traffic in ["", "key = \"hashtag\"\n", "cascades.ratio = 0.4\n"] {
            let outcome = ran(&format!("{}{traffic}", chain(options, "")));
            let (status, measured) = ranked(&outcome);
            assert_eq!((failed(&outcome), status), (vec![], VerdictStatus::Pass), "{traffic}");
            assert!(measured.contains(&format!("of {windows} windows")), "{measured}");
            assert_eq!(most(&outcome, "late"), 0.0);
        }
    }
}

/// Killed here and there, it counts the windows anew that were open, from where they begin.
#[test]
fn whenever_its_process_is_killed_each_hashtag_counts_once_in_its_window() {
    let mut again = 0;
    for at in [4_100, 4_900, 6_990, 7_000, 7_010] {
        let crash = crash("trending.counter-1", at);
        let power = crash.replace("\"crash\"", "\"power-cut\"");
        let outcome = ran(&chain(WINDOWS, if at == 6_990 { &power } else { &crash }));
        let (status, measured) = ranked(&outcome);
        assert_eq!((failed(&outcome), status), (vec![], VerdictStatus::Pass), "{at}: {measured}");
        again += read_again(&outcome);
    }
    // A window and the delay at the most, each time.
    assert!((1_000..6_500).contains(&again), "{again}");
}

#[test]
fn one_that_begins_behind_what_is_there_counts_too_few() {
    let crash = crash("trending.counter-1", 4_900);
    let outcome = ran(&chain(&format!("{WINDOWS}restart = \"latest\""), &crash));
    assert_eq!(ranked(&outcome).0, VerdictStatus::Fail, "{}", ranked(&outcome).1);
    let explained = outcome.verdicts.iter().find(|of| of.name == "ranked").expect("looked at");
    assert!(explained.explanation.contains("not counted"), "{}", explained.explanation);
}

/// An engine that is killed between write and commit writes tweets twice: counted are they once,
/// unless nobody looks at their ids.
#[test]
fn tweets_that_come_again_count_once_if_their_ids_are_looked_at() {
    let systems = |options: &str| {
        let text = chain(&format!("{WINDOWS}{options}"), &crash("engine.driver-1", 5_240));
        let engine = "[[system]]\nname = \"engine\"\nkind = \"spark\"\nfrom = \"tweets\"\n\
                      trigger = \"1s\"\ncosts.start = \"1s\"\n[[system]]\nname = \"second\"\n\
                      kind = \"kafka\"\nfrom = \"engine\"\nbrokers = 1\npartitions = 4\n\
                      replication.factor = 1\n[[system]]\nname = \"trending\"";
        let text = text.replace("[[system]]\nname = \"trending\"", engine);
        text.replace(
            "kind = \"trending\"\nfrom = \"tweets\"",
            "kind = \"trending\"\nfrom = \"second\"",
        )
        .replace("max.delay = \"1s\"", "max.delay = \"6s\"")
    };
    let outcome = ran(&systems(""));
    assert_eq!((failed(&outcome), ranked(&outcome).0), (vec![], VerdictStatus::Pass));
    let again = most(&outcome, "counted_before");
    assert!((50.0..400.0).contains(&again), "{again}");
    let outcome = ran(&systems("distinct = false"));
    assert_eq!(failed(&outcome), ["ranked"], "{}", ranked(&outcome).1);
}

/// The stream stands for 3 s: with a delay of 1 s the windows do not wait for it, and say so.
#[test]
fn tweets_that_come_too_late_are_told_of_and_not_counted() {
    let pause = "[[fault]]\nkind = \"pause\"\ntarget = \"tweets.broker-1\"\nat = \"4s\"\n\
                 for = \"3s\"\n";
    let outcome = ran(&chain(WINDOWS, pause));
    let late = most(&outcome, "late");
    assert!((100.0..600.0).contains(&late), "{late}");
    assert_eq!(failed(&outcome), [] as [&str; 0]);
    assert!(ranked(&outcome).1.contains("came late"), "{}", ranked(&outcome).1);
    let patient = WINDOWS.replace("max.delay = \"1s\"", "max.delay = \"5s\"");
    let outcome = ran(&chain(&patient, pause));
    assert_eq!((failed(&outcome), most(&outcome, "late")), (vec![], 0.0));
}

/// Of Zipf's law over `n` hashtags the first has 1 / (1 + 1/2 + .. + 1/n) of them; in a window that
/// is a Poisson number.
#[test]
fn the_most_frequent_hashtag_has_the_share_of_its_rank() {
    let (share, count, rate, window) = (0.5, 100, 200.0, 2.0);
    let traffic = "rate = \"200/s\"\nduration = \"120s\"\nhashtags.count = 100\n\
                   hashtags.share = 0.5\nkey = \"none\"";
    let outcome = ran(&alone(WINDOWS, traffic));
    assert_eq!((failed(&outcome), ranked(&outcome).0), (vec![], VerdictStatus::Pass));
    let harmonic: f64 = (1..=count).map(|rank| 1.0 / f64::from(rank)).sum();
    let mean = rate * window * share / harmonic;
    // One sample for each window: levels are sampled more often than windows end.
    let counts: Vec<f64> = series(&outcome, "top_count").skip(10).step_by(20).take(58).collect();
    let n = counts.len() as f64;
    let found = counts.iter().sum::<f64>() / n;
    let spread = counts.iter().map(|of| (of - found).powi(2)).sum::<f64>() / (n - 1.0);
    let error = (mean / n).sqrt();
    // The greatest of several is above the first one's mean by a little.
    assert!((found - mean).abs() < 4.0 * error, "{found}, not {mean} +- {error}");
    assert!((0.5..1.6).contains(&(spread / mean)), "Fano {}", spread / mean);
}

#[test]
fn what_cannot_be_is_refused_at_its_place() {
    let refused = |options: &str| read(&alone(options, "rate = \"9/s\"")).expect_err(options);
    let odd = refused("window.advance = \"3s\"");
    assert!(odd.contains("window.size is 10s, and window.advance 3s"), "{odd}");
    let none = refused("top = 0");
    assert!(none.contains("top is 0"), "{none}");
    let typo = refused("windw.size = \"3s\"");
    assert!(typo.contains("window"), "{typo}");
}
