//! What a reader does whose next bytes are gone.
//!
//! Stands for `EventStreamReaderImpl.handleSegmentTruncated` @ v0.13.0, for the Rust client's
//! `EventReader::fetch_successors` (`src/event/reader.rs` of pravega-client-rust @ v0.3.7) and for
//! `loadgen`'s own (`loadgen/pravega/src/reader/segment.rs`). The Java client asks the store where
//! the segment begins, tells its application (`TruncatedDataException`), which reads on, and goes
//! on there; a segment that is gone is at its end. `loadgen`'s takes the start from the answer. The
//! Rust client's goes to the successors of a truncated segment as if it had read it to its end:
//! what is there of it is not read. No parameters. Left out: what the Java client has buffered
//! then, which it drops and which is handed out here (it is before the start); that a new group
//! begins where the stream does, and not at segments that are gone.

use crate::pravega::config::Client;
use crate::pravega::message::CloseReason;
use crate::pravega::node::Ctx;
use crate::pravega::segment::SegmentId;
use crate::pravega::signals;
use crate::pravega::truncation::Truncation;

use super::Reader;
use super::group::Fetched;

impl Reader {
    pub(super) fn on_truncation(&mut self, ctx: &mut Ctx<'_>, message: Truncation) {
        match message {
            Truncation::IsTruncated { request, start } => {
                let Some(segment) = self.answered(request) else { return };
                self.segment_truncated(ctx, segment, start);
            }
            Truncation::Info { request, info } => {
                let Some(segment) = self.answered(request) else { return };
                match info {
                    Ok(info) => self.go_on_at(ctx, segment, info.start),
                    Err(CloseReason::NoSuchSegment) => self.segment_gone(ctx, segment),
                    Err(_) => self.retry(ctx, segment),
                }
            }
            _ => {}
        }
    }

    fn segment_truncated(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, start: Option<u64>) {
        match (self.cluster.client, start) {
            (Client::Rust, _) => {
                self.tell(ctx, segment, 0);
                self.fetched(ctx, segment, Fetched::End);
            }
            (Client::Java, _) => {
                self.segments.get_mut(&segment).expect("answered").truncated = true;
                self.ask(ctx, segment);
            }
            (Client::Headwater, Some(start)) => self.go_on_at(ctx, segment, start),
            (Client::Headwater, None) => self.segment_gone(ctx, segment),
        }
    }

    fn go_on_at(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, start: u64) {
        let input = self.segments.get_mut(&segment).expect("answered");
        let passed = start.saturating_sub(input.offset);
        (input.truncated, input.failures, input.offset) = (false, 0, input.offset.max(start));
        self.tell(ctx, segment, passed);
        self.ask(ctx, segment);
    }

    fn segment_gone(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId) {
        self.segments.get_mut(&segment).expect("answered").truncated = false;
        self.tell(ctx, segment, 0);
        self.on_end(ctx, segment);
    }

    /// The application is told.
    fn tell(&self, ctx: &mut Ctx<'_>, segment: SegmentId, passed: u64) {
        signals::READER_TRUNCATED.note(ctx, segment.into(), passed);
    }
}
