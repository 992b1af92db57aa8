//! What the producers are given to write: events due at a time, pulled from a seeded schedule.

use std::rc::Rc;

use headwater_sim::time::Time;

/// One event of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its number in the schedule, from 0, over all producers.
    pub index: u64,
    /// When it is meant to be written.
    pub at: Time,
    /// Its key (a user, a hashtag) as a number; order is promised per key.
    pub key: u64,
    /// Its size in bytes, without any header of the modelled system.
    pub bytes: u32,
}

/// The part of the schedule that one producer writes, in order of time. Endless schedules are cut
/// off by their maker.
pub type Arrivals = Box<dyn Iterator<Item = Arrival>>;

/// Opens the part of producer `producer` out of `producers`. The same arguments give the same
/// arrivals, in constant memory.
pub type ArrivalSource = Rc<dyn Fn(u32, u32) -> Arrivals>;
