//! Several topics in one cluster: which of them an event goes to, and which partitions are whose.
//!
//! Stands for a cluster that applications share, each with topics of its own. All topics have the
//! same number of partitions and the same options (`[system.topic]`); every producer writes to all
//! of them, every consumer group reads all of them. A topic's partitions follow one another, those
//! of the first topic first, so that the first replica of each is on the next broker
//! (`StripedReplicaPlacer` @ apache/kafka 3.9.0; its random start for each topic is left out). Left
//! out: options of one topic alone, groups that have subscribed to some topics only.

use headwater_sim::fingerprint::mix;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sets the draws of topics apart from other hashes of the same numbers.
const SALT: u64 = 0x746f_7069_6373;

/// How many topics there are, and how busy each is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "an arrangement of events; no option of Kafka"))]
pub struct Topics {
    /// How many. An event's key decides which of them it goes to, or, without keys, a draw.
    pub count: u32,
    /// How much each of them gets, in relation to the others; none of it: the same for all.
    pub shares: Vec<u32>,
}

impl Default for Topics {
    fn default() -> Self {
        Self { count: 1, shares: Vec::new() }
    }
}

impl Topics {
    /// What makes them impossible, if anything.
    ///
    /// # Errors
    /// The impossible value and what would be possible.
    pub fn check(&self) -> Result<(), String> {
        let (count, shares) = (self.count as usize, &self.shares);
        if count == 0 {
            return Err("topics.count is 0, but there must be at least 1".into());
        }
        if !shares.is_empty() && shares.len() != count {
            return Err(format!(
                "topics.shares has {} numbers, but topics.count is {count}: one for each topic, or \
                 none",
                shares.len()
            ));
        }
        if !shares.is_empty() && shares.iter().all(|share| *share == 0) {
            return Err("topics.shares are all 0: no topic is written to".into());
        }
        Ok(())
    }

    /// The topic, from 0, of the events with this key or number.
    pub fn pick(&self, by: u64) -> u32 {
        if self.count == 1 {
            return 0;
        }
        let draw = mix(mix(SALT, by), by);
        let share = |topic: u32| self.shares.get(topic as usize).map_or(1, |share| (*share).into());
        let total: u64 = (0..self.count).map(share).sum();
        let mut left = ((u128::from(draw) * u128::from(total)) >> 64) as u64;
        let mut topics = 0..self.count;
        let mut takes = |topic: &u32| {
            let here = left < share(*topic);
            left = left.wrapping_sub(share(*topic));
            here
        };
        topics.find(|topic| takes(topic)).expect("a draw is below the sum of the shares")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_topic_gets_its_share() {
        let topics = Topics { count: 4, shares: vec![6, 0, 3, 1] };
        let mut counts = [0; 4];
        (0..10_000).for_each(|at| counts[topics.pick(at) as usize] += 1);
        let near = |(count, expected): (&u64, u64)| count.abs_diff(expected) <= 150;
        assert!(counts.iter().zip([6_000, 0, 3_000, 1_000]).all(near), "{counts:?}");
    }

    #[test]
    fn shares_that_cannot_be_are_told() {
        let told = |count, shares: &[u32]| Topics { count, shares: shares.to_vec() }.check();
        assert!(told(2, &[]).is_ok() && told(2, &[1, 3]).is_ok());
        assert!(told(0, &[]).is_err());
        assert!(told(2, &[1]).unwrap_err().contains("topics.count is 2"));
        assert!(told(2, &[0, 0]).is_err());
    }
}
