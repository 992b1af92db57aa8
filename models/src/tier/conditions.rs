//! The condition that the storage service is in, as the environment sets it: a node can't know why
//! its service fails, and neither can its clients.
//!
//! Names and values, as [`headwater_sim::condition::Condition`] carries them:
//! `too_many_requests_ppm`, `unavailable_ppm`, `internal_error_ppm` and `partial_upload_ppm` in a
//! million requests, `delay_ns` and `stale_list_ns` in nanoseconds, `full` 0 or 1. Zero lifts each.
//!
//! Statuses as Amazon S3 answers them (docs.aws.amazon.com/AmazonS3 `ErrorResponses.html`):
//! `SlowDown` and `ServiceUnavailable` (503), `InternalError` (500), which may come after the work
//! was done; 429 as Google Cloud Storage and Azure do.

use headwater_sim::condition::Condition;
use headwater_sim::random::Stream;
use headwater_sim::time::Duration;

use super::message::TierError;

/// What is set.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Conditions {
    too_many_requests_ppm: u32,
    unavailable_ppm: u32,
    internal_error_ppm: u32,
    partial_upload_ppm: u32,
    /// Added to every request.
    pub(super) delay: Duration,
    /// Time until a write shows in a chunk's length.
    pub(super) stale: Duration,
    /// No more bytes are taken.
    pub(super) full: bool,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is carried out and answered.
    Served,
    /// It is not carried out.
    Refused(TierError),
    /// It is carried out, and answered with an error.
    AnsweredWrongly,
}

/// Of the internal errors, how many come after the work was done: half, as nothing is published.
const AFTER_THE_WORK_PPM: u32 = 500_000;

impl Conditions {
    /// Sets one; a name that it does not know changes nothing.
    pub(super) fn set(&mut self, condition: &Condition) {
        let value = condition.value;
        let ppm = u32::try_from(value).unwrap_or(u32::MAX);
        match condition.name.as_str() {
            "too_many_requests_ppm" => self.too_many_requests_ppm = ppm,
            "unavailable_ppm" => self.unavailable_ppm = ppm,
            "internal_error_ppm" => self.internal_error_ppm = ppm,
            "partial_upload_ppm" => self.partial_upload_ppm = ppm,
            "delay_ns" => self.delay = Duration(value),
            "stale_list_ns" => self.stale = Duration(value),
            "full" => self.full = value > 0,
            _ => {}
        }
    }

    /// What becomes of this request.
    pub(super) fn fate(&self, stream: &mut Stream) -> Fate {
        if stream.chance_ppm(self.too_many_requests_ppm) {
            return Fate::Refused(TierError::TooManyRequests);
        }
        if stream.chance_ppm(self.unavailable_ppm) {
            return Fate::Refused(TierError::Unavailable);
        }
        if stream.chance_ppm(self.internal_error_ppm) {
            if stream.chance_ppm(AFTER_THE_WORK_PPM) {
                return Fate::AnsweredWrongly;
            }
            return Fate::Refused(TierError::Io);
        }
        Fate::Served
    }

    /// Whether this upload breaks off after a part.
    pub(super) fn breaks_off(&self, stream: &mut Stream) -> bool {
        stream.chance_ppm(self.partial_upload_ppm)
    }
}
