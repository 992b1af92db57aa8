//! The lanes of a run: what a system keeps in order, and how events are spread over it.

use headwater_models::arrival::Arrival;
use headwater_sim::fingerprint::mix;
use headwater_traffic::{Lanes, Place};

/// Which lane an event goes to. A lane is what order is promised in.
pub(crate) struct LanePlan {
    lanes: Lanes,
    spread: Spread,
}

/// How events are spread over lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// A key's events share a lane.
    ByKey,
    /// Whatever is due within [`STICKY_NS`] shares a lane: what clients do with records that have
    /// no key.
    Sticky {
        /// Lanes.
        count: u32,
        /// The writer: each chooses for itself.
        writer: u32,
    },
}

/// `sticky.partitioning.linger.ms` of librdkafka is 10 ms (`CONFIGURATION.md` @ 2.x).
const STICKY_NS: u64 = 10_000_000;

impl LanePlan {
    /// Spreads the events of `writer` over `count` lanes, above zero.
    pub(crate) fn new(writer: u32, count: u32, keyed: bool) -> Self {
        let spread = if keyed { Spread::ByKey } else { Spread::Sticky { count, writer } };
        Self { lanes: Lanes::new(writer, count), spread }
    }

    /// The lanes of `writers` writers.
    pub(crate) fn of_writers(writers: u32, count: u32, keyed: bool) -> Vec<Self> {
        (0..writers).map(|writer| Self::new(writer, count, keyed)).collect()
    }

    /// The place of the next event of the schedule.
    pub(crate) fn place(&mut self, arrival: &Arrival) -> Place {
        match self.spread {
            Spread::ByKey => self.lanes.by_key(arrival.key),
            Spread::Sticky { count, writer } => {
                let salt = mix(writer.into(), 0x1f83_d9ab_fb41_bd6b);
                let hash = mix(arrival.at.0 / STICKY_NS, salt);
                self.lanes.on(((u128::from(hash) * u128::from(count)) >> 64) as u32)
            }
        }
    }
}
