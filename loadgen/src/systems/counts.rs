//! What clients count of their own work, for those who ask: requests and bytes.

use std::collections::BTreeMap;
use std::ops::{Add, Mul, Sub};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clock::monotonic_ns;

/// Work of a client, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    /// Requests that write.
    pub(crate) writes: f64,
    /// Requests that read.
    pub(crate) reads: f64,
    /// Other requests.
    pub(crate) others: f64,
    /// Bytes to servers.
    pub(crate) sent: f64,
    /// Bytes from servers.
    pub(crate) received: f64,
    /// Events written.
    pub(crate) written: f64,
    /// Events read.
    pub(crate) read: f64,
    /// Flushes that servers make for requests that write.
    pub(crate) flushes: f64,
}

impl Counts {
    fn each(self, other: Self, of: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            writes: of(self.writes, other.writes),
            reads: of(self.reads, other.reads),
            others: of(self.others, other.others),
            sent: of(self.sent, other.sent),
            received: of(self.received, other.received),
            written: of(self.written, other.written),
            read: of(self.read, other.read),
            flushes: of(self.flushes, other.flushes),
        }
    }

    /// KiB that go through the sockets.
    pub(crate) fn kib(&self) -> f64 {
        (self.sent + self.received) / 1024.0
    }

    /// All requests.
    pub(crate) fn requests(&self) -> f64 {
        self.writes + self.reads + self.others
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.each(other, |a, b| a + b)
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.each(other, |a, b| a - b)
    }
}

impl Mul<f64> for Counts {
    type Output = Self;

    fn mul(self, by: f64) -> Self {
        self.each(self, |a, _| a * by)
    }
}

/// What a client had done by a time, nanoseconds on the machine's monotonic clock.
type Reached = (u64, Counts);

/// What clients have told, by their names. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counting(Arc<Mutex<BTreeMap<String, Vec<Reached>>>>);

impl Counting {
    /// How often clients tell, and CPU time is looked at beside them.
    pub(crate) const EVERY: Duration = Duration::from_millis(100);

    /// `client` has done so much by `at`, nanoseconds on the machine's monotonic clock.
    pub(crate) fn tell(&self, client: &str, at: u64, counts: Counts) {
        if let Ok(mut told) = self.0.lock() {
            told.entry(client.to_owned()).or_default().push((at, counts));
        }
    }

    /// What all did from one time to another; in proportion where they told before and after.
    pub(crate) fn between(&self, from: u64, until: u64) -> Counts {
        let Ok(told) = self.0.lock() else { return Counts::default() };
        let done = |of: &Vec<Reached>| reached(of, until) - reached(of, from);
        told.values().map(done).fold(Counts::default(), Add::add)
    }
}

/// What one client counts as it goes, told now and then to whoever asks.
#[derive(Debug)]
pub(crate) struct Teller {
    to: Option<Counting>,
    client: String,
    counts: Counts,
    /// When it last told.
    told: u64,
}

impl Teller {
    /// Of a client of this name; nobody is told where nobody asks.
    pub(crate) fn new(to: Option<Counting>, client: String) -> Self {
        Self { to, client, counts: Counts::default(), told: 0 }
    }

    /// So much was done, just now.
    pub(crate) fn add(&mut self, done: Counts) {
        let Some(to) = &self.to else { return };
        self.counts = self.counts + done;
        let now = monotonic_ns();
        if now - self.told >= Counting::EVERY.as_nanos() as u64 {
            self.told = now;
            to.tell(&self.client, now, self.counts);
        }
    }
}

/// What was done by a time.
fn reached(told: &[Reached], at: u64) -> Counts {
    let after = told.partition_point(|(then, _)| *then <= at);
    let before = after.checked_sub(1).map_or((0, Counts::default()), |before| told[before]);
    let Some(next) = told.get(after) else { return before.1 };
    if before.0 == 0 {
        // It had not told anything before.
        return next.1;
    }
    let share = (at - before.0) as f64 / (next.0 - before.0).max(1) as f64;
    before.1 + (next.1 - before.1) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_tells_all_that_it_has_done() {
        let counting = Counting::default();
        let mut teller = Teller::new(Some(counting.clone()), "one".into());
        let one = Counts { writes: 1.0, written: 500.0, ..Counts::default() };
        teller.add(one);
        teller.told = 0;
        teller.add(one);
        let told = counting.0.lock().unwrap()["one"].clone();
        assert_eq!(told.iter().map(|(_, of)| of.written).collect::<Vec<_>>(), [500.0, 1_000.0]);
        Teller::new(None, "two".into()).add(one);
        assert_eq!(counting.0.lock().unwrap().len(), 1, "nobody asked it");
    }

    #[test]
    fn what_was_done_between_two_times_is_in_proportion() {
        let counting = Counting::default();
        let counts = |writes: f64| Counts { writes, sent: writes * 100.0, ..Counts::default() };
        for (at, writes) in [(1_000, 50.0), (2_000, 150.0), (3_000, 350.0)] {
            counting.tell("one", at, counts(writes));
            counting.tell("two", at, counts(1.0));
        }
        let done = counting.between(1_500, 2_500);
        assert_eq!((done.writes, done.sent, done.requests()), (150.0, 15_000.0, 150.0));
        assert_eq!(counting.between(3_000, 9_000), Counts::default());
        assert_eq!(counting.between(500, 1_000).writes, 0.0, "what came before is not known");
    }
}
