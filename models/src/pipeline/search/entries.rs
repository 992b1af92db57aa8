//! Entries of a cache: each expires, and the one that was used longest ago goes where there is no
//! room.
//!
//! Stands for the keyspace of Redis 7.0 (`src/db.c`, `expireIfNeeded`; `src/evict.c`,
//! `allkeys-lru`): an entry that has expired is removed when it is asked for. Use does not put its
//! expiry off.
//!
//! Parameters: how long an entry is there, and how many there are at the most. Left out: the cycle
//! that removes expired entries that nobody asks for (they go by their age here), the sampling by
//! which Redis comes close to the one that was used longest ago (`maxmemory-samples`), memory in
//! bytes.

use std::collections::BTreeMap;

use headwater_sim::time::{Duration, Time};

#[derive(Clone, Copy, Debug)]
struct Entry {
    value: u32,
    expires: Time,
    /// When it was used last, as a number that ascends.
    used: u64,
}

/// What a look at a key finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// This.
    Hit(u32),
    /// Nothing.
    Missed,
    /// What is too old.
    Expired,
}

/// The entries.
#[derive(Clone, Debug)]
pub struct Entries {
    ttl: Duration,
    most: usize,
    entries: BTreeMap<u64, Entry>,
    /// Keys by when they were used last.
    by_use: BTreeMap<u64, u64>,
    uses: u64,
}

impl Entries {
    /// None yet, each of which will be there for `ttl`; `most` at once.
    pub const fn new(ttl: Duration, most: usize) -> Self {
        Self { ttl, most, entries: BTreeMap::new(), by_use: BTreeMap::new(), uses: 0 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// `GET`.
    pub fn get(&mut self, now: Time, key: u64) -> Looked {
        let Some(entry) = self.entries.get_mut(&key) else { return Looked::Missed };
        let (value, expired) = (entry.value, entry.expires <= now);
        self.by_use.remove(&entry.used);
        if expired {
            self.entries.remove(&key);
            return Looked::Expired;
        }
        self.uses += 1;
        entry.used = self.uses;
        self.by_use.insert(self.uses, key);
        Looked::Hit(value)
    }

    /// `SET .. EX`; true if another entry had to go.
    pub fn set(&mut self, now: Time, key: u64, value: u32) -> bool {
        self.uses += 1;
        let entry = Entry { value, expires: now + self.ttl, used: self.uses };
        if let Some(before) = self.entries.insert(key, entry) {
            self.by_use.remove(&before.used);
        }
        self.by_use.insert(self.uses, key);
        let full = self.entries.len() > self.most;
        if let Some((_, oldest)) = full.then(|| self.by_use.pop_first()).flatten() {
            self.entries.remove(&oldest);
        }
        full
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queries::{Load, Queries, Zipf};
    use headwater_sim::random::Seed;
    use headwater_sim::units::NodeId;

    #[test]
    fn an_entry_goes_by_its_age_or_by_its_use() {
        let mut all = Entries::new(Duration(10), 2);
        assert_eq!(all.get(Time(0), 1), Looked::Missed);
        assert!(!all.set(Time(0), 1, 11) && !all.set(Time(1), 2, 22));
        assert_eq!(all.get(Time(2), 1), Looked::Hit(11));
        // 2 was used longest ago.
        assert!(all.set(Time(3), 3, 33));
        assert_eq!((all.get(Time(4), 2), all.get(Time(9), 1)), (Looked::Missed, Looked::Hit(11)));
        // Use has not put it off.
        assert_eq!((all.get(Time(10), 1), all.get(Time(10), 1)), (Looked::Expired, Looked::Missed));
        assert!(!all.set(Time(11), 3, 34) && all.len() == 1 && !all.is_empty());
        assert_eq!(all.get(Time(20), 3), Looked::Hit(34));
    }

    const LOAD: Load =
        Load { after: Duration(0), rate: 100, queries: 2_000, alpha: 0.8, limit: Duration(1) };

    /// The share of hits of queries from the second third on; each miss is set at once.
    fn hits(ttl: Duration, most: usize, asked: usize) -> f64 {
        let mut all = Entries::new(ttl, most);
        let (mut hits, from) = (0, asked / 3);
        for query in Queries::new(&LOAD, Seed(11), NodeId(0)).take(asked) {
            match all.get(query.at, query.key) {
                Looked::Hit(_) => hits += u64::from(query.number >= from as u64),
                Looked::Missed | Looked::Expired => _ = all.set(query.at, query.key, 1),
            }
        }
        hits as f64 / (asked - from) as f64
    }

    /// Of a key that is asked for at rate r, an entry that is there for T answers r T queries for
    /// each miss: a share of r T / (1 + r T).
    fn of_expiry(ttl: f64) -> f64 {
        let zipf = Zipf::new(LOAD.queries, LOAD.alpha);
        let share = |rank| {
            let (p, asked) = (zipf.share(rank), zipf.share(rank) * f64::from(LOAD.rate) * ttl);
            p * asked / (1.0 + asked)
        };
        (0..LOAD.queries as usize).map(share).sum()
    }

    /// Che's approximation (Fricker, Robert, Roberts, arXiv 1202.3974): an entry is there for the
    /// time t in which as many keys are asked for as there is room for.
    fn of_room(most: f64) -> f64 {
        let zipf = Zipf::new(LOAD.queries, LOAD.alpha);
        let rates: Vec<f64> = (0..LOAD.queries as usize)
            .map(|rank| zipf.share(rank) * f64::from(LOAD.rate))
            .collect();
        let there = |t: f64| rates.iter().map(|rate| 1.0 - libm::exp(-rate * t)).sum::<f64>();
        let (mut low, mut high) = (0.0, 1e6);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if there(middle) < most { low = middle } else { high = middle }
        }
        let hit = |rate: &f64| rate * (1.0 - libm::exp(-rate * low));
        rates.iter().map(hit).sum::<f64>() / f64::from(LOAD.rate)
    }

    /// 20,000 queries count: the share of hits has a deviation of 0.0035 at the most if they were
    /// independent, and about twice that as an entry answers several.
    #[test]
    fn hits_are_those_of_expiry_and_of_ches_approximation() {
        let ample = LOAD.queries as usize;
        for ttl in [2, 10, 60] {
            let found = hits(Duration::from_secs(ttl), ample, 30_000);
            let law = of_expiry(ttl as f64);
            assert!((found - law).abs() < 0.02, "expiry of {ttl} s: {found}, not {law}");
        }
        for most in [20, 200, 800] {
            let found = hits(Duration::from_secs(1_000_000), most, 30_000);
            let law = of_room(most as f64);
            assert!((found - law).abs() < 0.02, "room for {most}: {found}, not {law}");
        }
    }
}
