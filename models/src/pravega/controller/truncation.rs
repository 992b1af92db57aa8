//! A truncation of a stream: the segments of a cut are truncated, and those before it deleted.
//!
//! Stands for `TruncateStreamTask` @ v0.13.0, which runs behind scales and before them, never
//! beside one. Its record is kept first: a controller that comes back does all of it again, which
//! does no harm to what is done. No parameters. Left out: the event in the request stream.

use crate::batch::Lane;
use crate::note::Note;
use crate::pravega::node::Ctx;
use crate::pravega::signals;

use super::Controller;
use super::record_keeper::Then;
use super::retention_record::Truncation;
use super::scale_operation::{Running, Step};

impl Controller {
    /// The stores are to truncate the segments of the cut. From now on nobody may count on what
    /// lies before it.
    pub(super) fn truncate_segments(&mut self, ctx: &mut Ctx<'_>) {
        let kept = self.kept.as_ref().expect("it is truncated");
        let retained = &kept.record.retained;
        let Some(Truncation { cut, to_delete, expired, .. }) = &retained.truncation else { return };
        signals::STREAM_TRUNCATED.note(ctx, 0, cut.size);
        let deleted = to_delete.iter().filter_map(|segment| retained.sealed.get(segment));
        for place in cut.places.iter().chain(deleted) {
            let (lane, position) = (Lane::from(place.segment), place.offset);
            let ranges = expired.iter().filter(|range| range.lane == lane).copied().collect();
            ctx.note(Note::Expired { lane, position, ranges });
        }
        let segments = cut.places.iter().map(|place| place.segment).collect();
        self.start_step(ctx, Running::new(Step::Truncating, segments));
    }

    /// They have: what was sealed before the cut goes.
    pub(super) fn delete_segments(&mut self, ctx: &mut Ctx<'_>) {
        let kept = self.kept.as_ref().expect("it is truncated");
        let truncation = kept.record.retained.truncation.as_ref().expect("it is truncated");
        let segments = truncation.to_delete.clone();
        if segments.is_empty() {
            return self.truncation_done(ctx);
        }
        self.start_step(ctx, Running::new(Step::Deleting, segments));
    }

    /// Nothing is left to be done (`completeTruncation`).
    pub(super) fn truncation_done(&mut self, ctx: &mut Ctx<'_>) {
        let kept = self.kept.as_mut().expect("it is truncated");
        kept.record.retained.truncated();
        self.keep(ctx, Then::GoOn);
    }
}
