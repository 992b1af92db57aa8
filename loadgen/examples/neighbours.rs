//! What a busy neighbour on the same physical core makes of different kinds of work: which of them
//! tells how fast a virtual machine's core is for what servers do.
//!
//! ```text
//! cargo run --release -p headwater-loadgen --example neighbours
//! ```
//!
//! Nobody can be asked whether there is a neighbour. A loop of independent additions tells: it
//! wants all units of a core, and takes longest where another thread has half of them. It is run
//! before and after each piece of work, of a millisecond or less; pieces between two short ones
//! were alone, those between two long ones were not.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Pieces of each kind.
const PIECES: usize = 1_500;

/// Pieces are this far apart.
const REST: Duration = Duration::from_millis(3);

/// Between additions that take up to so many times their shortest time a piece was alone, between
/// such as take more than so many it was not.
const ALONE: f64 = 1.12;
const BESIDE: f64 = 1.3;

/// Pieces that there must be of both for a ratio.
const ENOUGH: usize = 10;

/// Eight sums that don't wait for each other.
fn additions() {
    let mut sums = [1_u64, 2, 3, 4, 5, 6, 7, 8];
    for round in 0..100_000_u64 {
        for sum in &mut sums {
            *sum = (*sum ^ round).wrapping_add(3);
        }
        sums = black_box(sums);
    }
}

fn multiplications() {
    let mut value = black_box(0x9e37_79b9_7f4a_7c15_u64);
    for _ in 0..100_000 {
        value = value.wrapping_mul(value | 1);
    }
    black_box(value);
}

/// Words of letters that no predictor knows, hashed and counted.
fn words(text: &[u8], counters: &mut [u32]) {
    let mut hash = 2_166_136_261_u32;
    for letter in text {
        if *letter < 40 {
            counters[hash as usize % counters.len()] += 1;
            hash = 2_166_136_261;
        } else {
            hash = (hash ^ u32::from(*letter)).wrapping_mul(16_777_619);
        }
    }
    black_box(counters);
}

fn sort(text: &[u8]) {
    let mut all = text[..6_000].to_vec();
    all.sort_unstable();
    black_box(all);
}

fn messages(one: &mut UnixStream, other: &mut UnixStream) {
    let mut message = [7; 100];
    for _ in 0..200 {
        one.write_all(&message).expect("a socket takes 100 B");
        other.read_exact(&mut message).expect("what was written can be read");
    }
}

/// Goes through so many places, each of which says where the next one is.
fn chase(chain: &[u32], steps: usize) {
    let mut at = 0;
    for _ in 0..steps {
        at = chain[at as usize];
    }
    black_box(at);
}

/// A chain through `kib` KiB, a place in each cache line, by steps that no prefetcher follows.
fn chain(kib: usize) -> Vec<u32> {
    const LINE: usize = 16;
    let lines = kib * 1024 / 64;
    // A step without a common factor passes all lines.
    let step = (lines * 5 / 13) | 1;
    let mut chain = vec![0; lines * LINE];
    let mut at = 0;
    for _ in 0..lines {
        let next = (at + step) % lines;
        chain[at * LINE] = (next * LINE) as u32;
        at = next;
    }
    chain
}

fn timed(work: &mut dyn FnMut()) -> f64 {
    let since = Instant::now();
    work();
    since.elapsed().as_secs_f64()
}

/// The median of those that were alone, and of those that were not.
fn medians(mut work: impl FnMut()) -> [(usize, f64); 2] {
    let mut pieces = Vec::new();
    for _ in 0..PIECES {
        let before = timed(&mut additions);
        let taken = timed(&mut work);
        let after = timed(&mut additions);
        pieces.push((before.min(after), before.max(after), taken));
        std::thread::sleep(REST);
    }
    let least = pieces.iter().map(|(low, ..)| *low).fold(f64::MAX, f64::min);
    let of = |belongs: &dyn Fn(f64, f64) -> bool| {
        let mut times: Vec<f64> = (pieces.iter())
            .filter(|(low, high, _)| belongs(low / least, high / least))
            .map(|(.., taken)| *taken)
            .collect();
        times.sort_by(f64::total_cmp);
        (times.len(), times.get(times.len() / 2).copied().unwrap_or(f64::NAN))
    };
    [of(&|_, high| high <= ALONE), of(&|low, _| low >= BESIDE)]
}

fn main() {
    // A fixed text: an xorshift generator is enough.
    let mut state = 88_172_645_463_325_252_u64;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        32 + (state >> 33) as u8 % 64
    };
    let text: Vec<u8> = (0..40_000).map(|_| letter()).collect();
    let mut counters = vec![0; 4_096];
    let (mut one, mut other) = UnixStream::pair().expect("a pair of sockets can be had");
    let (near, far) = (chain(256), chain(8 << 10));
    let (from, mut to) = (vec![5_u8; 256 << 10], vec![0_u8; 256 << 10]);
    let report = |name: &str, [(alone, short), (beside, long)]: [(usize, f64); 2]| {
        if alone < ENOUGH || beside < ENOUGH {
            println!("{name:32} {alone} pieces alone, {beside} beside a neighbour: too few");
        } else {
            let times = long / short;
            println!("{name:32} {times:.2} times as long ({alone} pieces alone, {beside} not)");
        }
    };
    report("independent additions", medians(additions));
    report("words counted", medians(|| words(&text, &mut counters)));
    report("bytes sorted", medians(|| sort(&text)));
    report("100 B through a socket", medians(|| messages(&mut one, &mut other)));
    report("a chain of multiplications", medians(multiplications));
    report("loads from 256 KiB", medians(|| chase(&near, 20_000)));
    report("loads from 8 MiB", medians(|| chase(&far, 5_000)));
    report("a copy of 256 KiB", medians(|| to.copy_from_slice(black_box(&from))));
    black_box(to);
}
