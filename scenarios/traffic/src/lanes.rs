//! Lanes of a writer outside of the simulation: buckets of keys, or partitions it chose itself.

use headwater_sim::fingerprint::mix;

use super::payload::Place;

/// Numbers one writer's events per lane, in the order in which it takes them.
#[derive(Clone, Debug)]
pub struct Lanes {
    writer: u32,
    next: Vec<u64>,
}

impl Lanes {
    /// For `writer`, with lanes `0 .. count`; `count` must not be zero.
    pub fn new(writer: u32, count: u32) -> Self {
        assert!(count > 0, "a writer needs a lane");
        Self { writer, next: vec![0; count as usize] }
    }

    /// The next place on the lane that `key` belongs to: keys are spread over the lanes by a hash,
    /// so a key's events share a lane and keep their order in it.
    pub fn by_key(&mut self, key: u64) -> Place {
        let spread = mix(key, 0x510e_527f_ade6_82d1);
        let lane = (u128::from(spread) * self.next.len() as u128) >> 64;
        self.on(lane as u32)
    }

    /// The next place on `lane`.
    pub fn on(&mut self, lane: u32) -> Place {
        let next = &mut self.next[lane as usize];
        *next += 1;
        Place { writer: self.writer, lane, seq: *next - 1 }
    }
}
