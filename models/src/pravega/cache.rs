//! The cache of a segment store: how full it is, and which generations may be evicted.
//!
//! Stands for `CacheManager`, `CachePolicy`, `CacheUtilizationProvider`, `DirectMemoryCache` @
//! v0.13.0. What is full takes no more: whoever has to put something in asks for an eviction, five
//! times, and fails then (`container/filling.rs`). Left out: the blocks of 4 KiB that an entry is
//! rounded up to (appends fill the last block, so that it is little) and cached attribute indexes.
//!
//! Parameters: the `cache` options of [`super::config::SegmentStore`], in bytes, s and percent.

use headwater_sim::time::Duration;

use super::config::SegmentStore;

/// A buffer, and what of it holds data: all blocks but the first (`CacheLayout.DefaultLayout`).
const BUFFER_BYTES: u64 = 2 << 20;
const BUFFER_DATA_BYTES: u64 = BUFFER_BYTES - (4 << 10);

/// Use and policy of a cache.
#[derive(Clone, Debug)]
pub struct Cache {
    size: u64,
    capacity: u64,
    target: u64,
    critical: u64,
    generations_max: u64,
    generation_time: Duration,
    insertion_threshold: f64,
    insertion_spread: f64,
    used: u64,
    pending: u64,
    generation: u64,
    oldest: u64,
    touched: bool,
}

impl Cache {
    /// An empty cache.
    pub fn new(store: &SegmentStore) -> Self {
        let share = |percent: u32| store.cache_size_max / 100 * u64::from(percent);
        let (target, max) = (store.cache_target_percent, store.cache_max_percent);
        let insertion_spread = 2.0 * f64::from(max - target) / 100.0;
        let generation_seconds = store.cache_generation_time_seconds;
        Self {
            size: store.cache_size_max,
            capacity: store.cache_size_max.div_ceil(BUFFER_BYTES) * BUFFER_DATA_BYTES,
            target: share(target),
            critical: share(max),
            generations_max: (store.cache_time_seconds_max / generation_seconds).max(1),
            generation_time: Duration::from_secs(generation_seconds),
            insertion_threshold: f64::from(max) / 100.0 - insertion_spread,
            insertion_spread,
            used: 0,
            pending: 0,
            generation: 0,
            oldest: 0,
            touched: false,
        }
    }

    /// Length of a generation: how often [`Self::begin_generation`] is due.
    pub fn generation_time(&self) -> Duration {
        self.generation_time
    }

    /// Bytes used.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Used and promised bytes as a share of the size.
    pub fn utilization(&self) -> f64 {
        (self.used + self.pending) as f64 / self.size as f64
    }

    /// Operations to take at a time out of 1000: fewer as the cache fills up
    /// (`getCacheInsertionCapacity`, `OperationProcessor.getFetchCount`).
    pub fn fetch_count(&self) -> usize {
        let over = (self.utilization() - self.insertion_threshold) / self.insertion_spread;
        (((1.0 - over.clamp(0.0, 1.0)) * 1_000.0) as usize).max(1)
    }

    /// An operation on its way will need `bytes`.
    pub fn promise(&mut self, bytes: u64) {
        self.pending += bytes;
    }

    /// It is through, or has failed.
    pub fn release(&mut self, bytes: u64) {
        self.pending -= bytes;
    }

    /// Inserts `bytes`; their generation.
    pub fn insert(&mut self, bytes: u64) -> u64 {
        self.used += bytes;
        self.touch()
    }

    /// An entry was read; its generation from now on.
    pub fn touch(&mut self) -> u64 {
        self.touched = true;
        self.generation
    }

    /// Removes `bytes`.
    pub fn remove(&mut self, bytes: u64) {
        self.used -= bytes;
    }

    /// True if `bytes` can be put in (`DirectMemoryCache.getNextAvailableBuffer`).
    pub fn has_room(&self, bytes: u64) -> bool {
        self.used + bytes <= self.capacity
    }

    /// True if only what is needed may be put in (`essentialEntriesOnly`).
    pub fn is_critical(&self) -> bool {
        self.used >= self.critical
    }

    fn is_above_target(&self) -> bool {
        self.used > self.target
    }

    /// A generation has passed (`applyCachePolicy`). `oldest` is the oldest generation of anything
    /// in the cache. Entries below the returned generation are to be evicted where tier 2 has them,
    /// and [`Self::evict_more`] asked thereafter. None if nothing is to be evicted.
    pub fn begin_generation(&mut self, oldest: u64) -> Option<u64> {
        if self.used == 0 {
            return None;
        }
        if self.touched || self.is_above_target() {
            self.generation += 1;
            self.touched = false;
        }
        self.age(oldest)
    }

    /// After an eviction that freed something: the next generation to evict, while too much is
    /// used.
    pub fn evict_more(&mut self, oldest: u64) -> Option<u64> {
        self.age(oldest)
    }

    fn age(&mut self, oldest: u64) -> Option<u64> {
        let permissible = (self.generation + 1).saturating_sub(self.generations_max);
        if !self.is_above_target() && oldest >= permissible {
            return None;
        }
        let next = (self.oldest.max(oldest) + 1).max(permissible).min(self.generation);
        let moved = next > self.oldest;
        self.oldest = self.oldest.max(next);
        moved.then_some(self.oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_operations_are_taken_as_the_cache_fills_up() {
        let mut cache = Cache::new(&SegmentStore { cache_size_max: 1_000, ..Default::default() });
        let mut counts = vec![];
        for step in [600, 150, 140, 50] {
            cache.insert(step);
            counts.push(cache.fetch_count());
        }
        assert_eq!(counts[0], 1_000, "60 % used");
        assert!(counts[1].abs_diff(500) <= 1, "75 % used: {}", counts[1]);
        assert!(counts[2].abs_diff(33) <= 1, "89 % used: {}", counts[2]);
        assert_eq!(counts[3], 1, "94 % used");
    }

    #[test]
    fn a_full_cache_takes_what_its_buffers_hold_and_no_more() {
        // 3 MB are two buffers of 511 blocks of 4 KiB each.
        let store = SegmentStore { cache_size_max: 3_000_000, ..Default::default() };
        let mut cache = Cache::new(&store);
        cache.insert(2 * 511 * 4_096 - 1);
        assert!(cache.has_room(1));
        assert!(!cache.has_room(2));
    }

    #[test]
    fn generations_leave_only_above_the_target() {
        let mut cache = Cache::new(&SegmentStore { cache_size_max: 1_000, ..Default::default() });
        cache.insert(700);
        assert_eq!(cache.begin_generation(0), None);
        cache.insert(100);
        assert_eq!(cache.begin_generation(0), Some(1));
        cache.remove(700);
        assert_eq!(cache.evict_more(1), None);
    }
}
