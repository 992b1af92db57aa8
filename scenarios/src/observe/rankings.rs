//! What was shown of windows, for those who hold it against the schedule.

use std::rc::Rc;

use headwater_models::batch::StreamId;
use headwater_models::note::Ranking;
use headwater_sim::time::Time;

/// What systems have shown, and what they have told to be late.
#[derive(Debug, Default)]
pub struct Rankings {
    /// Each ranking, with its stream and when it was shown.
    pub shown: Vec<(StreamId, Time, Rc<Ranking>)>,
    /// Events that came late, each with its stream, the ends of the first and of the last window
    /// that it is not in, and its topic.
    pub late: Vec<(StreamId, Time, Time, u64)>,
}
