//! What a backup reports.

use crate::signal::{Gauge, Mark, Signals};

/// It goes on behind what its file has; with the writes that were cut off behind its position.
pub const BACKUP_STARTED: Mark = Mark::new("backup_started").of("write").with("cut off");
/// The disk refuses what it writes: it stands still.
pub const BACKUP_STOPPED: Mark = Mark::new("backup_stopped").of("write");
/// The disk takes it again.
pub const BACKUP_RESUMED: Mark = Mark::new("backup_resumed").of("write");
/// The stream no longer has what follows its position; with the events that are missing.
pub const BACKUP_GAP: Mark = Mark::new("backup_gap").of("").with("events");

/// Events of the stream that no line is of, when it last looked.
pub const LINES_BEHIND: Gauge = Gauge::new("lines_behind", "events");
/// Lines that were written and have no position yet.
pub const LINES_UNCOMMITTED: Gauge = Gauge::new("lines_uncommitted", "events");
/// Writes that starts have cut off, of this life.
pub const WRITES_CUT: Gauge = Gauge::new("writes_cut", "");
/// How long the last commit took.
pub const COMMIT_MS: Gauge = Gauge::new("backup_commit_ms", "ms");

/// All of them.
pub fn all() -> Signals {
    Signals {
        marks: vec![&BACKUP_STARTED, &BACKUP_STOPPED, &BACKUP_RESUMED, &BACKUP_GAP],
        levels: vec![],
        gauges: vec![&LINES_BEHIND, &LINES_UNCOMMITTED, &WRITES_CUT, &COMMIT_MS],
    }
}
