//! What the index of vectors costs on this machine, and what it finds: tweets of invented words are
//! put in, and each of some hundred is looked for by all its words, by three of them, and by one.
//!
//! ```text
//! cargo run --release -p headwater-pipeline --example index -- 50000 128 200
//! ```
//! Tweets, dimensions of a vector, candidates that a search keeps.

use std::time::Instant;

use headwater_pipeline::search::index::{Index, Shape};

/// Queries of each kind.
const QUERIES: u64 = 300;
/// Words of a tweet.
const WORDS: u64 = 14;
/// Tweets of an answer that are looked at.
const K: usize = 100;

/// A number that looks drawn.
fn drawn(of: u64, salt: u64) -> u64 {
    let mixed = (of ^ salt.wrapping_mul(0xd6e8_feb8_6659_fd93)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
}

/// The words of a tweet, of some thousand that are used in proportion to 1/n, nearly; the last is
/// of its own.
fn words(id: u64) -> Vec<String> {
    let word = |salt| {
        let share = (drawn(id, salt) % 10_000) as f64 / 10_000.0;
        format!("w{}", 8_000_f64.powf(share) as u64)
    };
    (1..WORDS).map(word).chain([format!("own{id}")]).collect()
}

/// The words of a query, of those of a tweet.
type Query = fn(&[String]) -> String;

fn main() {
    let given: Vec<usize> = std::env::args().skip(1).filter_map(|of| of.parse().ok()).collect();
    let of = |place: usize, usual| given.get(place).copied().unwrap_or(usual);
    let (tweets, dimensions, ef) = (of(0, 20_000) as u64, of(1, 128), of(2, 200));
    let index = Index::new(Shape { dimensions, m: 16, ef });
    let begun = Instant::now();
    (0..tweets).for_each(|id| index.insert(id, &words(id).join(" ")));
    let took = begun.elapsed().as_secs_f64();
    println!("{tweets} tweets, {dimensions} dimensions: {:.0} inserted/s", tweets as f64 / took);
    let kinds: [(&str, Query); 3] = [
        ("all words", |words| words.join(" ")),
        ("three words", |words| words[words.len() - 3..].join(" ")),
        ("its own word", |words| words[words.len() - 1].clone()),
    ];
    for (name, query) in kinds {
        let begun = Instant::now();
        let asked = (0..QUERIES).map(|n| drawn(n, 77) % tweets);
        let near = |id: &u64| index.near(&query(&words(*id)), K).iter().any(|(of, _)| of == id);
        let found = asked.filter(near).count();
        let each = begun.elapsed().as_secs_f64() * 1e3 / QUERIES as f64;
        println!("by {name}: {found} of {QUERIES} among the nearest {K}, {each:.2} ms each");
    }
}
