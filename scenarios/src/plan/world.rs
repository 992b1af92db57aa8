//! The worlds that a question may come true in: each guess with each other, and their weights.

use serde::Serialize;

use super::question::{Question, Survive};
use headwater_models::sizing::Demand;

/// A world.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct World {
    /// Events a second on average.
    pub rate: f64,
    /// Bytes of an event.
    pub event_bytes: f64,
    /// The peak, as a multiple of the mean.
    pub peak: f64,
    /// How likely it is; all weights add up to 1.
    pub weight: f64,
}

impl World {
    /// What it demands.
    pub fn demand(&self, question: &Question) -> Demand {
        Demand {
            rate: self.rate,
            peak: self.rate * self.peak,
            event_bytes: self.event_bytes,
            retention_s: question.retention.as_secs_f64(),
            survive: question.survive.count(),
            by_zone: question.survive == Survive::Zone,
            zones: question.zones,
        }
    }

    /// Whether it asks for as much as another, or more, of everything.
    pub fn is_as_hard_as(&self, other: &Self) -> bool {
        self.rate >= other.rate && self.event_bytes >= other.event_bytes && self.peak >= other.peak
    }

    /// In a few words.
    pub fn show(&self) -> String {
        format!("{}/s of {} B, peak {}x", self.rate, self.event_bytes, self.peak)
    }

    /// The bytes a second of its peak.
    fn hardness(&self) -> f64 {
        self.rate * self.event_bytes * self.peak
    }
}

/// All of them, the hardest first.
pub fn worlds(question: &Question) -> Vec<World> {
    let mut all = Vec::new();
    for (rate, of_rate) in question.rate.weighted() {
        for (event_bytes, of_bytes) in question.event_bytes.weighted() {
            for (peak, of_peak) in question.peak.weighted() {
                let weight = of_rate * of_bytes * of_peak;
                all.push(World { rate, event_bytes, peak, weight });
            }
        }
    }
    all.sort_by(|one, other| other.hardness().total_cmp(&one.hardness()));
    all
}

/// The one of the middle guesses, by its place.
pub fn middle(question: &Question, worlds: &[World]) -> usize {
    let (rate, bytes, peak) =
        (question.rate.mid(), question.event_bytes.mid(), question.peak.mid());
    let is = |of: &World| (of.rate, of.event_bytes, of.peak) == (rate, bytes, peak);
    worlds.iter().position(is).expect("every guess has a middle")
}
