//! How many seeds swarms take to find planted bugs, plain and guided: the table of docs/BUGS.md.
//!
//! ```text
//! cargo run --release -p headwater-scenarios --features planted-bugs --example reach
//! cargo run --release -p headwater-scenarios --features planted-bugs --example reach -- \
//!   5 500 unclean-election
//! ```
//!
//! Takes how often each is looked for (15), within how many seeds (2,000), and the bugs (all of the
//! list below). Both ways have the same first seeds: 1, 1,000,001, 2,000,001 and so on.

use std::sync::atomic::AtomicBool;

use headwater_scenarios::scenario::Source;
use headwater_scenarios::swarm::{Shard, SwarmRun, swarm};

/// Bugs that a plain swarm takes some time for.
const BUGS: [(&str, &str); 6] = [
    ("swarm/kafka", "truncate-to-high-watermark"),
    ("swarm/kafka", "one-batch-remembered"),
    ("swarm/kafka-five", "unclean-election"),
    ("swarm/kafka-five", "last-replica-standing"),
    ("swarm/pravega", "event-numbers-forgotten"),
    ("swarm/pravega", "failed-chunk-goes-on"),
];

/// Seeds up to and with the first that fails; one more than `most` if none does.
fn seeds((name, bug): (&str, &str), guided: bool, first: u64, most: u64) -> u64 {
    let stop = AtomicBool::new(false);
    let spec = SwarmRun {
        source: Source::find(name).expect("it is in the library"),
        settings: vec![("bugs".to_owned(), format!("[\"{bug}\"]"))],
        seeds: (first, most),
        shard: Shard::ALL,
        guided,
        until_failure: true,
        stop: &stop,
        progress: &|_| (),
    };
    let found = swarm(&spec).unwrap_or_else(|problems| panic!("{problems}"));
    if found.failures.is_empty() { most + 1 } else { found.runs }
}

/// The median and the quartiles.
fn quartiles(mut seeds: Vec<u64>) -> [u64; 3] {
    seeds.sort_unstable();
    [1, 2, 3].map(|quarter| seeds[(seeds.len() - 1) * quarter / 4])
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, default: u64| {
        let given = arguments.get(place);
        given.map_or(default, |text| text.parse().expect("a number: reach [TIMES] [MOST] [BUG]..."))
    };
    let (times, most) = (number(0, 15), number(1, 2_000));
    let asked = arguments.get(2..).unwrap_or_default();
    println!("| bug | swarm | plain: median (quartiles) | guided | guided / plain |");
    println!("|---|---|---|---|---|");
    for of in BUGS.into_iter().filter(|(_, bug)| asked.is_empty() || asked.iter().any(|a| a == bug))
    {
        let firsts = (0..times).map(|time| 1 + time * 1_000_000);
        let way = |guided| firsts.clone().map(|first| seeds(of, guided, first, most)).collect();
        let (plain, guided) = (quartiles(way(false)), quartiles(way(true)));
        let cell = |[low, median, high]: [u64; 3]| format!("{median} ({low} to {high})");
        let ratio = guided[1] as f64 / plain[1] as f64;
        println!("| `{}` | `{}` | {} | {} | {ratio:.2} |", of.1, of.0, cell(plain), cell(guided));
    }
}
