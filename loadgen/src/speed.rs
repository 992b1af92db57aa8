//! How fast the cores are at the moment. On a virtual machine it changes within seconds and stays
//! changed for minutes: a neighbour on the same physical core takes half of its units, and
//! neighbours share its caches. CPU time doesn't tell, as nobody takes the core away.
//!
//! What is measured has to slow down as requests do: loads and copies hardly do, and a chain of
//! multiplications doesn't where only units are taken (`examples/neighbours.rs` shows what does by
//! how much). So pieces of what servers and clients do: a message through the kernel, and words
//! counted in a table larger than a core's own caches.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use headwater_reports::outcome::Speed;
use headwater_scenarios::profile::Profile;
use headwater_sim::random::Seed;
use rand::Rng as _;

use crate::clock::cpu_time;
use crate::placement::{Placement, keep_to};
use crate::systems::system::Source;
use crate::terminal;

/// The hash of no letter, and what each multiplies it by (FNV-1a, 64 bits).
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// How long it is measured beside runs, and for a forecast. From one second to the next it differs
/// by some 13 % (standard deviation, a shared host), so that three of them tell it within 8 %, ten
/// within 4.
pub(crate) const BESIDE: Duration = Duration::from_secs(3);
pub(crate) const FORECAST: Duration = Duration::from_secs(10);

/// Of that a core rests between two pieces, so that a second has what comes and goes within it.
const REST: Duration = Duration::from_millis(4);

/// Messages of a piece, and their bytes.
const MESSAGES: usize = 200;
const MESSAGE: usize = 100;

/// Letters of a piece.
const LETTERS: usize = 1 << 16;

/// Counters in the table: 8 MiB, more than the second-level caches of today's servers.
const COUNTERS: usize = 2 << 20;

/// Why nothing is known of it.
pub(crate) const UNKNOWN: &str = "how fast the cores are is not measured: this program is not \
                                   optimised (build it with --release)";

/// Measures for so long, on all of these cores at once: means over them. Nothing where this program
/// is not optimised, as most of the times would be its own.
pub(crate) fn measure(cores: &[usize], time: Duration) -> Option<Speed> {
    if cfg!(debug_assertions) {
        return None;
    }
    terminal::note(format_args!("how fast the cores are is measured for {} s", time.as_secs()));
    mean(cores, time)
}

/// The same of the cores that a run has, where its cluster is launched here; another's machine is
/// not known.
pub(crate) fn of_launched(source: &Source, placement: &Placement, time: Duration) -> Option<Speed> {
    (*source == Source::Launch).then(|| measure(&placement.all(), time)).flatten()
}

/// What `run` gives, and how fast the machine was before and after it, as above.
pub(crate) fn around<T>(
    source: &Source,
    placement: &Placement,
    run: impl FnOnce() -> T,
) -> (T, Option<(Speed, Speed)>) {
    let measure = || of_launched(source, placement, BESIDE);
    let before = measure();
    let done = run();
    (done, before.zip(measure()))
}

fn mean(cores: &[usize], time: Duration) -> Option<Speed> {
    let of = |core: &usize| {
        let core = *core;
        std::thread::spawn(move || {
            keep_to(&[core]);
            of_core(time)
        })
    };
    let started: Vec<_> = cores.iter().map(of).collect();
    Speed::mean(started.into_iter().filter_map(|core| core.join().ok().and_then(Result::ok)))
}

/// The core's that this is called on.
fn of_core(time: Duration) -> std::io::Result<Speed> {
    let (mut one, mut other) = UnixStream::pair()?;
    let text = text();
    let mut counters = vec![0_u32; COUNTERS];
    // A first round fetches code and memory.
    pass(&mut one, &mut other)?;
    count(&text, &mut counters);
    let (mut taken, mut rounds) = ([Duration::ZERO; 2], 0_u32);
    let since = Instant::now();
    while rounds == 0 || since.elapsed() < time {
        std::thread::sleep(REST);
        let from = cpu_time();
        pass(&mut one, &mut other)?;
        let between = cpu_time();
        count(&text, &mut counters);
        taken[0] += between.saturating_sub(from);
        taken[1] += cpu_time().saturating_sub(between);
        rounds += 1;
    }
    let each = |taken: Duration, pieces: usize| {
        taken.as_nanos() as f64 / f64::from(rounds) / pieces as f64
    };
    Ok(Speed { message_ns: each(taken[0], MESSAGES), kib_ns: each(taken[1], LETTERS >> 10) })
}

/// Sends messages through the kernel and takes them out again.
fn pass(one: &mut UnixStream, other: &mut UnixStream) -> std::io::Result<()> {
    let mut message = [0x5a; MESSAGE];
    for _ in 0..MESSAGES {
        one.write_all(&message)?;
        other.read_exact(&mut message)?;
    }
    Ok(())
}

/// Words of one to a dozen letters.
fn text() -> Vec<u8> {
    let mut draws = Seed(1).stream("speed", 0);
    (0..LETTERS)
        .map(|_| if draws.random_ratio(1, 6) { b' ' } else { draws.random_range(b'a'..=b'z') })
        .collect()
}

/// Counts the words in a table, at the place that each has by its hash (FNV-1a).
fn count(text: &[u8], counters: &mut [u32]) {
    let mut hash = FNV_BASIS;
    for letter in text {
        if *letter == b' ' {
            let place = (hash % COUNTERS as u64) as usize;
            counters[place] = counters[place].wrapping_add(1);
            hash = FNV_BASIS;
        } else {
            hash = (hash ^ u64::from(*letter)).wrapping_mul(FNV_PRIME);
        }
    }
    black_box(counters);
}

/// Two speeds are alike if the same work takes the same time, within this share: about twice as
/// much as what is measured beside a run is off by.
pub(crate) const ALIKE: f64 = 0.15;

/// Whether a machine that is so many times slower is as fast.
pub(crate) fn alike(slower: f64) -> bool {
    slower.ln().abs() <= ALIKE.ln_1p()
}

/// How many times slower a machine is than its profile says; as fast where either is not known.
pub(crate) fn slower(now: Option<Speed>, profile: &Profile) -> f64 {
    now.zip(profile.speed).map_or(1.0, |(now, then)| now.slower_than(&then))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::allowed;

    #[test]
    fn both_kinds_of_work_take_time_on_each_core() {
        let speed = mean(&allowed(), Duration::from_millis(50)).unwrap();
        speed.check().unwrap();
        assert!(speed.message_ns > 10.0 && speed.kib_ns > 10.0, "{speed:?}");
    }

    #[test]
    fn the_text_has_words_that_are_counted_all_over_the_table() {
        let mut counters = vec![0; COUNTERS];
        let text = text();
        count(&text, &mut counters);
        let words = text.iter().filter(|letter| **letter == b' ').count();
        assert_eq!(counters.iter().sum::<u32>() as usize, words);
        let different = counters.iter().filter(|count| **count > 0).count();
        assert!(different > words / 2, "{different} of {words}");
    }

    #[test]
    fn a_machine_is_as_slow_as_both_kinds_of_work_in_the_mean() {
        let then = Speed { message_ns: 2_000.0, kib_ns: 3_000.0 };
        let now = Speed { message_ns: 2_400.0, kib_ns: 4_500.0 };
        let slower = now.slower_than(&then);
        assert!((slower - 1.8_f64.sqrt()).abs() < 1e-9, "{slower}");
        assert!((then.slower_than(&now) * slower - 1.0).abs() < 1e-9);
        assert!(!alike(slower) && alike(1.14) && alike(1.0 / 1.14) && !alike(0.85));
        let mut profile = Profile::load("small-vm", None).unwrap();
        assert_eq!(super::slower(Some(now), &profile), 1.0, "nobody knows");
        profile.speed = Some(then);
        assert_eq!(super::slower(Some(now), &profile), slower);
        assert_eq!(super::slower(None, &profile), 1.0);
    }
}
