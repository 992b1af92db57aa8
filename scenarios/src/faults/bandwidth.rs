//! `bandwidth`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::impairment::Impairment;
use headwater_sim::units::{Bytes, BytesPerSecond};

use super::parameters::PEERS;
use super::prelude::*;
use super::shapes::impair;
use crate::targets::Target;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bandwidth {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peers: Option<Target>,
    rate: BytesPerSecond,
    #[serde(default = "bottleneck_queue")]
    queue: Bytes,
}

impl FaultKind for Bandwidth {
    const ENTRY: Entry = Entry {
        name: "bandwidth",
        family: Family::Network,
        what: "No more than a rate passes, behind a queue that ends.",
        parameters: &[
            PEERS,
            ("rate", "bytes a second"),
            ("queue", "bytes that wait at the most; 64KiB"),
        ],
        cause: "A noisy neighbour, a shaped link.",
        live: Live::Proxy(
            "all connections of a server together, each way; in place of `queue` senders wait",
        ),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| {
            Self {
                peers: None,
                rate: BytesPerSecond(stream.random_range(200_000..=20_000_000)),
                queue: Bytes::from_kib(stream.random_range(32..=512)),
            }
            .into()
        },
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let narrow = Impairment::Bandwidth { rate: self.rate, queue: self.queue };
        at_once(impair(hit, &narrow, true))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        let wide = Impairment::Bandwidth { rate: BytesPerSecond::UNLIMITED, queue: Bytes(0) };
        impair(hit, &wide, true)
    }

    fn peers(&self) -> Option<&Target> {
        self.peers.as_ref()
    }
}

/// Queue of a cheap switch port: some forty full frames.
const fn bottleneck_queue() -> Bytes {
    Bytes::from_kib(64)
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, hit};

    #[test]
    fn bites() {
        // 2 kB each 10 ms, and a twentieth of it passes.
        let seen = hit("kind = 'bandwidth'\nrate = '10KB/s'\nqueue = '4KiB'");
        assert_eq!(seen.datagrams("b", "a", BEFORE).len(), 50);
        let letters = seen.letters("b", "a", 1_100..2_000).len();
        let passed = letters + seen.datagrams("b", "a", 1_100..2_000).len();
        assert!((5..=12).contains(&passed), "{passed} kB in 0.9 s at 10 kB/s");
        assert_eq!(seen.datagrams("b", "a", AFTER).len(), 50);
    }
}
