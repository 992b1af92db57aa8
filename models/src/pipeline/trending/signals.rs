//! What a count of hashtags reports.

use crate::signal::{Gauge, Mark, Signals};

/// It reads on from a position; with the events behind it that were read before.
pub const COUNTING_STARTED: Mark = Mark::new("counting_started").of("advance").with("read again");
/// The stream no longer has what the windows need that are not over; with the events that are
/// missing.
pub const COUNTING_GAP: Mark = Mark::new("counting_gap").of("").with("events");
/// The disk has refused a position; it is written with the next window's.
pub const POSITION_REFUSED: Mark = Mark::new("position_refused").of("advance");

/// Windows that were shown, of this life.
pub const WINDOWS_SHOWN: Gauge = Gauge::new("windows_shown", "");
/// Hashtags of the last window.
pub const HASHTAGS: Gauge = Gauge::new("hashtags", "");
/// How often its most frequent one was in it.
pub const TOP_COUNT: Gauge = Gauge::new("top_count", "events");
/// Tweets with a hashtag that came when a window of theirs was over, of this life.
pub const LATE: Gauge = Gauge::new("late", "events");
/// Tweets with a hashtag that had been counted and came again, of this life.
pub const COUNTED_BEFORE: Gauge = Gauge::new("counted_before", "events");
/// Events of the stream that were not read, when it last looked.
pub const UNREAD: Gauge = Gauge::new("unread", "events");
/// How far the watermark is behind the time of day.
pub const WATERMARK_BEHIND: Gauge = Gauge::new("watermark_behind_ms", "ms");

/// All of them.
pub fn all() -> Signals {
    Signals {
        marks: vec![&COUNTING_STARTED, &COUNTING_GAP, &POSITION_REFUSED],
        levels: vec![],
        gauges: vec![
            &WINDOWS_SHOWN,
            &HASHTAGS,
            &TOP_COUNT,
            &LATE,
            &COUNTED_BEFORE,
            &UNREAD,
            &WATERMARK_BEHIND,
        ],
    }
}
