//! What becomes of the wishes of stores to have segments split and merged.
//!
//! Stands for `AutoScaleTask` @ v0.13.0. A hot segment's range is split evenly, into no more parts
//! than the policy's factor. A cold one is marked, for ten minutes or, if nobody writes to it, for
//! good; once it and a neighbour are marked they are merged, as long as the stream keeps the
//! segments that it began with. What a store asks for is dealt with in the order in which it came,
//! one scale at a time (`SerializedRequestHandler`).
//!
//! Parameters: [`crate::pravega::config::ScalingPolicy`], `VALIDITY_MS`. Left out: the request
//! stream, from which a controller reads: a store sends until its wish is put down.

use std::collections::VecDeque;

use headwater_sim::units::NodeId;

use crate::pravega::epochs::{KeyRange, Owner};
use crate::pravega::message::{Message, ScaleRequest};
use crate::pravega::node::Ctx;
use crate::pravega::segment::SegmentId;

use super::Controller;
use super::record_keeper::Then;
use super::stream_record::{FOR_GOOD, StreamRecord};

/// `REQUEST_VALIDITY_PERIOD`, ms.
const VALIDITY_MS: u64 = 10 * 60 * 1_000;

/// A store's wish, and how to tell it that it is put down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    from: NodeId,
    request: u64,
    what: ScaleRequest,
}

/// Those that nobody has looked at, oldest first.
pub(super) type Wishes = VecDeque<Wish>;

/// What is to replace what.
#[derive(Debug, PartialEq)]
struct Plan {
    sealed: Vec<SegmentId>,
    ranges: Vec<KeyRange>,
}

/// How a hot segment is split (`processScaleUp`).
fn split(record: &StreamRecord, what: &ScaleRequest, factor: u32) -> Plan {
    let parts = what.splits.max(2).min(factor.max(2));
    let range = record.epochs.range(what.segment);
    let ranges = (0..parts).map(|part| range.part(part, parts)).collect();
    Plan { sealed: vec![what.segment], ranges }
}

/// With which neighbours a cold segment is merged, if any are cold (`processScaleDown`).
fn merge(record: &StreamRecord, what: &ScaleRequest, now_ms: u64, least: usize) -> Option<Plan> {
    let active = record.epochs.active();
    let current = *active.iter().find(|owner| owner.segment == what.segment)?;
    let spare = active.len().checked_sub(least).filter(|spare| *spare > 0)?;
    let is_near = |owner: &&Owner| {
        owner.segment == current.segment
            || owner.range.high == current.range.low
            || owner.range.low == current.range.high
    };
    let cold = active.iter().filter(is_near).filter(|one| record.is_cold(one.segment, now_ms));
    let merged: Vec<Owner> = cold.copied().take(if spare == 1 { 2 } else { 3 }).collect();
    let [first, .., last] = merged.as_slice() else { return None };
    let range = KeyRange { low: first.range.low, high: last.range.high };
    Some(Plan { sealed: merged.iter().map(|owner| owner.segment).collect(), ranges: vec![range] })
}

impl Controller {
    /// A store wants a segment to be split or merged. While the controller does not know the stream
    /// it puts nothing down, and the store asks again.
    pub(super) fn scale_requested(
        &mut self,
        ctx: &mut Ctx<'_>,
        from: NodeId,
        request: u64,
        what: ScaleRequest,
    ) {
        let wish = Wish { from, request, what };
        let Some(kept) = self.kept.as_mut().filter(|one| one.is_loaded()) else { return };
        if !kept.wishes.contains(&wish) {
            kept.wishes.push_back(wish);
            self.next_task(ctx);
        }
    }

    /// Looks what of the stream may go, if it is time to; then deals with wishes until one has the
    /// stream scaled.
    pub(super) fn next_task(&mut self, ctx: &mut Ctx<'_>) {
        self.begin_look(ctx);
        while let Some(kept) = &mut self.kept
            && !kept.is_busy()
            && let Some(wish) = kept.wishes.pop_front()
        {
            self.deal_with(ctx, wish);
        }
    }

    fn deal_with(&mut self, ctx: &mut Ctx<'_>, wish: Wish) {
        let Wish { from, request, what } = wish;
        let taken = Message::ScaleRequestTaken { request };
        let now_ms = ctx.now().as_nanos() / 1_000_000;
        if what.at_ms + VALIDITY_MS <= now_ms {
            return self.reply(ctx, from, taken);
        }
        let (factor, least) =
            (self.cluster.scaling_policy.scale_factor, self.cluster.segments as usize);
        let kept = self.kept.as_mut().expect("it has wishes");
        let plan = if what.is_up() {
            Some(split(&kept.record, &what, factor))
        } else {
            let until = if what.silent { FOR_GOOD } else { what.at_ms + VALIDITY_MS };
            kept.record.mark_cold(what.segment, until);
            merge(&kept.record, &what, now_ms, least)
        };
        if let Some(Plan { sealed, ranges }) = plan {
            // One that is not active any more was scaled meanwhile.
            if let Some(transition) = kept.record.epochs.begin(&sealed, &ranges) {
                self.begin_scale(ctx, transition);
            }
        }
        self.keep(ctx, Then::Tell(from, taken));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(segment: u32, splits: u32) -> ScaleRequest {
        ScaleRequest { segment: SegmentId(segment), splits, silent: false, at_ms: 0 }
    }

    #[test]
    fn a_segment_is_split_into_as_many_as_its_load_asks_for_and_the_factor_allows() {
        let record = StreamRecord::new(2);
        let parts = |splits, factor| split(&record, &wish(1, splits), factor).ranges.len();
        assert_eq!([parts(10, 2), parts(10, 4), parts(3, 16), parts(2, 1)], [2, 4, 3, 2]);
        let ranges = split(&record, &wish(1, 3), 3).ranges;
        assert_eq!((ranges[0].low, ranges[2].high), (0.5, 1.0));
        assert_eq!(ranges[0].high, ranges[1].low);
    }

    #[test]
    fn cold_neighbours_are_merged_down_to_what_the_stream_began_with() {
        let mut record = StreamRecord::new(4);
        let sealed = |record: &StreamRecord, segment, least| {
            let plan = merge(record, &wish(segment, 0), 0, least)?;
            Some(plan.sealed.iter().map(|one| one.0).collect::<Vec<_>>())
        };
        record.mark_cold(SegmentId(1), FOR_GOOD);
        record.mark_cold(SegmentId(3), FOR_GOOD);
        assert_eq!(sealed(&record, 1, 1), None, "no neighbour is cold");
        record.mark_cold(SegmentId(2), FOR_GOOD);
        assert_eq!(sealed(&record, 2, 1), Some(vec![1, 2, 3]));
        assert_eq!(sealed(&record, 2, 3), Some(vec![1, 2]), "one may go");
        assert_eq!(sealed(&record, 2, 4), None, "none may");
        let plan = merge(&record, &wish(3, 0), 0, 1).expect("2 and 3");
        assert_eq!(plan.ranges, [KeyRange { low: 0.5, high: 1.0 }]);
    }
}
