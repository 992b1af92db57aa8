//! Routing: key to segment, segment to container, as Pravega 0.13.0 hashes them.
//!
//! A key is hashed by murmur3_128 over its UTF-16 characters with the seed
//! `"EventRouter".hashCode()`, and 52 bits of it are a number in [0, 1); segments own equal ranges
//! of it (`client/stream/impl/StreamSegments.java`, `common/hash/HashHelper.java` @ v0.13.0; the
//! Rust client does the same, `shared/src/lib.rs` @ v0.3.7). A segment's name is hashed the same
//! way with the seed of `"SegmentToContainerMapper"`, and Guava's consistent hash gives the
//! container (`shared/segment/SegmentToContainerMapper.java`). So containers are not load-balanced:
//! few segments may share one. A key of the schedule is routed by its decimal text.
//!
//! Parameters: the number of segments and containers. Left out: keys other than numbers.

use crate::batch::Lane;
use crate::bugs::{Bug, BugSet};
use crate::collections::SortedVecMap;
use crate::pravega::config::Cluster;
use crate::pravega::container::id::ContainerId;
use crate::pravega::epochs::{Epochs, KeyRange, Successor};
use crate::pravega::segment::SegmentId;
use crate::pravega::stream::Stream;

/// Keys to segments of a stream, as far as the writer knows of its scales.
#[derive(Clone, Debug, PartialEq)]
pub struct Router {
    stream: Stream,
    seed: u64,
    /// Who owns the key space, by where the ranges end.
    owners: Vec<(f64, SegmentId)>,
    /// Segments that are sealed, with who owns their ranges from then on.
    replaced: SortedVecMap<SegmentId, Box<[Successor]>>,
    /// The first of those gets all of it: planted.
    misroutes: bool,
}

impl Router {
    /// A router over the segments of epoch 0.
    pub fn new(stream: Stream, bugs: BugSet) -> Self {
        assert!(stream.initial() > 0, "a stream has a segment");
        let first = Epochs::new(stream.initial());
        let owners = first.active().into_iter().map(|owner| (owner.range.high, owner.segment));
        Self {
            stream,
            seed: java_hash_code("EventRouter"),
            owners: owners.collect(),
            replaced: SortedVecMap::default(),
            misroutes: bugs.has(Bug::FirstSuccessorTakesAll),
        }
    }

    /// The place of a key in the key space, from 0 to below 1.
    pub fn place(&self, key: u64) -> f64 {
        place(key, self.seed)
    }

    /// The segment of a key; lanes are segments.
    pub fn lane(&self, key: u64) -> Lane {
        let place = self.place(key);
        let at = self.owners.partition_point(|(high, _)| *high < place);
        self.owners[at].1.into()
    }

    /// Every segment that owns a key at any time, of a stream whose scales are known beforehand.
    pub fn lanes_ever(&self, key: u64) -> impl Iterator<Item = Lane> {
        let (stream, place) = (self.stream, self.place(key));
        let epochs = (0..3).filter(move |epoch| stream.has_epoch(*epoch));
        epochs.map(move |epoch| stream.owner(epoch, place).into())
    }

    /// A segment is sealed: its successors own its range, and no more than that of what is theirs,
    /// as long as the writer has not been told of the others that they follow
    /// (`StreamSegments.withReplacementRange`).
    pub fn replace(&mut self, segment: SegmentId, successors: &[Successor]) {
        self.replaced.insert(segment, successors.into());
        let mut low = 0.0;
        let mut owners = Vec::with_capacity(self.owners.len() + successors.len());
        for (high, owner) in std::mem::take(&mut self.owners) {
            self.own(KeyRange { low, high }, owner, &mut owners);
            low = high;
        }
        self.owners = owners;
    }

    /// Who owns a range of which `owner` was the last one known.
    fn own(&self, range: KeyRange, owner: SegmentId, owners: &mut Vec<(f64, SegmentId)>) {
        let followed = self.replaced.get(&owner).filter(|followed| !followed.is_empty());
        let Some(followed) = followed else {
            // Neighbouring ranges of one segment are one.
            owners.pop_if(|(_, last)| *last == owner);
            return owners.push((range.high, owner));
        };
        if let (true, Some(first)) = (self.misroutes, followed.first()) {
            return self.own(range, first.owner.segment, owners);
        }
        for Successor { owner, .. } in followed {
            let low = owner.range.low.max(range.low);
            let high = owner.range.high.min(range.high);
            if low < high {
                self.own(KeyRange { low, high }, owner.segment, owners);
            }
        }
    }
}

/// Where a key lies, from 0 to below 1.
pub fn place_of(key: u64) -> f64 {
    place(key, java_hash_code("EventRouter"))
}

fn place(key: u64, seed: u64) -> f64 {
    let mut text = [0_u8; 40];
    fraction(murmur3(decimal_utf16(key, &mut text), seed))
}

/// The container of segment `segment` of the stream, out of `containers`. A segment that the stream
/// was not known to have beforehand is named as if it were of epoch 0.
pub fn container_of(stream: Stream, segment: SegmentId, containers: u32) -> ContainerId {
    let mut name = String::with_capacity(32);
    name.push_str("headwater/events/");
    name.push_str(&segment.0.to_string());
    name.push_str(".#epoch.");
    name.push_str(&stream.epoch_of(segment).unwrap_or(0).to_string());
    let hash = murmur3(&utf16(name.as_bytes()), java_hash_code("SegmentToContainerMapper"));
    ContainerId(consistent_hash(hash, containers))
}

/// Segments to containers.
#[derive(Clone, Debug)]
pub struct Containers {
    stream: Stream,
    count: u32,
    /// Of the segments that are known beforehand.
    known: Vec<ContainerId>,
}

impl Containers {
    /// Those of a cluster.
    pub fn new(cluster: &Cluster) -> Self {
        let (stream, count) = (Stream::new(cluster), cluster.containers);
        let known = stream.all().map(|segment| container_of(stream, segment, count)).collect();
        Self { stream, count, known }
    }

    /// The container of a segment.
    pub fn of(&self, segment: SegmentId) -> ContainerId {
        let known = self.known.get(segment.index()).copied();
        known.unwrap_or_else(|| container_of(self.stream, segment, self.count))
    }
}

/// A number's decimal text as UTF-16, little endian.
fn decimal_utf16(mut number: u64, text: &mut [u8; 40]) -> &[u8] {
    let mut at = text.len();
    loop {
        at -= 2;
        text[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &text[at..];
        }
    }
}

/// Java's `String.hashCode` of ASCII text.
fn java_hash_code(text: &str) -> u64 {
    let hash =
        text.bytes().fold(0_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)));
    // Guava widens the seed as a signed int.
    i64::from(hash) as u64
}

/// `HashHelper.longToDoubleFraction`: bits 12 to 63 as a fraction.
fn fraction(hash: u64) -> f64 {
    f64::from_bits(0x3ff0_0000_0000_0000 | (hash >> 12)) - 1.0
}

/// Guava's `Hashing.consistentHash` (Lamping and Veach, with its linear congruential generator).
fn consistent_hash(hash: u64, buckets: u32) -> u32 {
    let mut state = hash;
    let mut candidate = 0_u32;
    loop {
        state = state.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let draw = f64::from((state >> 33) as u32 + 1) / f64::from(1_u32 << 31);
        let next = f64::from(candidate + 1) / draw;
        if next >= f64::from(buckets) {
            return candidate;
        }
        candidate = next as u32;
    }
}

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

fn mix_k1(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix_k2(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn final_mix(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ (k >> 33)
}

/// UTF-16, little endian, of ASCII text.
fn utf16(text: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|char| [*char, 0]).collect()
}

/// The first 64 bits of MurmurHash3_x64_128 (Guava's `Hashing.murmur3_128(seed)`, `asLong`).
fn murmur3(bytes: &[u8], seed: u64) -> u64 {
    let (mut h1, mut h2) = (seed, seed);
    let word = |part: &[u8]| {
        part.iter().enumerate().fold(0, |word, (at, byte)| word | u64::from(*byte) << (8 * at))
    };
    let blocks = bytes.chunks_exact(16);
    let tail = blocks.remainder();
    for block in blocks {
        h1 ^= mix_k1(word(&block[..8]));
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= mix_k2(word(&block[8..]));
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let (low, high) = tail.split_at(tail.len().min(8));
    h2 ^= mix_k2(word(high));
    h1 ^= mix_k1(word(low));
    let length = bytes.len() as u64;
    h1 ^= length;
    h2 ^= length;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = final_mix(h1);
    h2 = final_mix(h2);
    h1.wrapping_add(h2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pravega::config::Version;
    use crate::pravega::epochs::Owner;

    fn stream(segments: u32) -> Stream {
        Stream::new(&Cluster { segments, ..Cluster::defaults(Version::V0_13) })
    }

    #[test]
    fn the_seed_is_the_one_the_rust_client_writes_out() {
        assert_eq!(java_hash_code("EventRouter"), 1_741_865_571);
    }

    /// The reference value that SMHasher's users quote for this text and seed 0.
    #[test]
    fn murmur3_gives_the_reference_value() {
        let text = b"The quick brown fox jumps over the lazy dog";
        assert_eq!(murmur3(text, 0), 0xe34b_bc7b_bc07_1b6c);
        assert_eq!(murmur3(b"", 0), 0);
    }

    #[test]
    fn keys_spread_evenly_over_segments() {
        let router = Router::new(stream(8), BugSet::default());
        let mut count = [0_u32; 8];
        for key in 0..80_000 {
            count[router.lane(key).0 as usize] += 1;
        }
        assert!(count.iter().all(|count| (9_500..10_500).contains(count)), "{count:?}");
    }

    #[test]
    fn a_writer_that_knows_one_of_two_that_were_merged_keeps_the_other() {
        let mut router = Router::new(stream(4), BugSet::default());
        let merged = KeyRange { low: 0.25, high: 0.75 };
        let owner = Owner { segment: SegmentId(4), range: merged };
        let after = [Successor { owner, predecessors: [1, 2].map(SegmentId).into() }];
        router.replace(SegmentId(1), &after);
        let owners = |router: &Router| router.owners.iter().map(|one| one.1.0).collect::<Vec<_>>();
        assert_eq!(owners(&router), [0, 4, 2, 3]);
        // What was merged is split again before the writer hears of the other one.
        let halves =
            [0, 1].map(|part| Owner { segment: SegmentId(5 + part), range: merged.part(part, 2) });
        let after_that =
            halves.map(|owner| Successor { owner, predecessors: [SegmentId(4)].into() });
        router.replace(SegmentId(4), &after_that);
        assert_eq!(owners(&router), [0, 5, 2, 3]);
        router.replace(SegmentId(2), &after);
        assert_eq!(owners(&router), [0, 5, 6, 3]);
        assert_eq!(
            router.owners.iter().map(|one| one.0).collect::<Vec<_>>(),
            [0.25, 0.5, 0.75, 1.0]
        );
    }

    #[test]
    fn consistent_hashing_moves_a_segment_only_to_the_new_container() {
        for segment in 0..200 {
            for containers in 1..20 {
                let (few, more) = [0, 1]
                    .map(|more| container_of(stream(200), SegmentId(segment), containers + more))
                    .into();
                assert!(
                    more == few || more == ContainerId(containers),
                    "{segment}: {few:?} then {more:?}"
                );
            }
        }
    }
}
