//! What retention has removed: no loss, as that is what the system was told to do, and told apart.
//!
//! An event is removed when the first server does so: whoever reads on there has lost its place.
//! Excused is only who had not come as far by then.

use std::collections::BTreeMap;

use headwater_models::batch::Range;
use headwater_sim::time::Time;

use super::history::Events;
use super::ranges;
use super::stored::Stored;

/// What was removed, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Expired {
    events: Stored,
    /// By lane: where it begins from when on, both ascending.
    starts: BTreeMap<u32, Vec<(Time, u64)>>,
}

impl Expired {
    /// Nothing was removed.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// A server has removed events from the beginning of a lane.
    pub fn note(&mut self, at: Time, lane: u32, position: u64, ranges: &[Range]) {
        ranges.iter().for_each(|range| self.events.insert(Events::from(*range), at));
        let starts = self.starts.entry(lane).or_default();
        if starts.last().is_none_or(|(_, start)| *start < position) {
            starts.push((at, position));
        }
    }

    /// Where a lane began at a time: positions before were removed somewhere.
    pub fn start(&self, lane: u32, at: Time) -> u64 {
        let Some(starts) = self.starts.get(&lane) else { return 0 };
        let until = starts.partition_point(|(from, _)| *from <= at);
        until.checked_sub(1).map_or(0, |last| starts[last].1)
    }

    /// Parts of what a reader has not read, and whether each was removed before the reader came to
    /// a later event, at `passed`.
    pub fn parts(
        &self,
        (lane, writer): (u32, u32),
        range: ranges::Range,
        passed: Option<Time>,
    ) -> Vec<(ranges::Range, bool)> {
        let Some(gone) = self.events.get(lane, writer) else { return vec![(range, false)] };
        let mut parts = Vec::new();
        gone.parts_in(range.first, range.last, |part| {
            let excused = passed.is_none_or(|passed| part.from <= passed);
            parts.push((range.part(part.first, part.last), excused));
        });
        gone.gaps_in(range.first, range.last, |first, last| {
            parts.push((range.part(first, last), false));
        });
        parts
    }
}
