//! What became of every single event, where each is followed on its way through several systems.

use std::collections::BTreeMap;

use headwater_models::arrival::Arrival;
use headwater_traffic::Place;

/// An event on its way. Times are nanoseconds since the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Way {
    /// When the schedule meant it to be sent.
    pub(crate) intended: u64,
    /// When it was handed to the client.
    pub(crate) started: u64,
    /// Size of its payload.
    pub(crate) bytes: u32,
    /// When it was acknowledged.
    pub(crate) acked: Option<u64>,
    /// When it was refused or given up.
    pub(crate) failed: Option<u64>,
    /// When a reader of the first stream was first handed it.
    pub(crate) read: Option<u64>,
}

/// What was told of events. An acknowledgement may be told of before what was sent is, which comes
/// in slices: it is put together in the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Followed {
    /// What was sent, by its number in the schedule, with its place among its writer's.
    sent: BTreeMap<u64, (Spot, Way)>,
    /// When clients that pace themselves have sent them.
    late: BTreeMap<Spot, u64>,
    /// When they were acknowledged, or given up (`false`).
    settled: BTreeMap<Spot, (u64, bool)>,
    /// When they were first read, by their numbers.
    read: BTreeMap<u64, u64>,
}

/// A writer, a lane, and the number of an event there.
type Spot = (u32, u32, u64);

fn spot(place: Place) -> Spot {
    (place.writer, place.lane, place.seq)
}

impl Followed {
    /// It was sent.
    pub(crate) fn sent(&mut self, arrival: &Arrival, place: Place, started: u64) {
        let way = Way { intended: arrival.at.0, started, bytes: arrival.bytes, ..Way::default() };
        self.sent.insert(arrival.index, (spot(place), way));
    }

    /// A client that was given it ahead of its time has sent it.
    pub(crate) fn sent_late(&mut self, at: u64, place: Place) {
        self.late.insert(spot(place), at);
    }

    /// It was acknowledged, or not.
    pub(crate) fn settled(&mut self, at: u64, place: Place, acked: bool) {
        self.settled.insert(spot(place), (at, acked));
    }

    /// A reader was handed it.
    pub(crate) fn read(&mut self, at: u64, number: u64) {
        self.read.entry(number).or_insert(at);
    }

    /// All of them, by their numbers.
    pub(crate) fn ways(self) -> BTreeMap<u64, Way> {
        let Self { sent, late, settled, read } = self;
        let whole = |(number, (spot, way)): (u64, (Spot, Way))| {
            let when = |wanted| {
                settled.get(&spot).filter(|(_, acked)| *acked == wanted).map(|(at, _)| *at)
            };
            let way = Way {
                started: late.get(&spot).copied().unwrap_or(way.started),
                acked: when(true),
                failed: when(false),
                read: read.get(&number).copied(),
                ..way
            };
            (number, way)
        };
        sent.into_iter().map(whole).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_sim::time::Time;

    #[test]
    fn an_event_is_put_together_though_its_acknowledgement_is_told_of_before_it() {
        let mut followed = Followed::default();
        let place = |seq| Place { writer: 1, lane: 2, seq };
        followed.sent_late(907, place(1));
        followed.settled(1_200, place(1), true);
        followed.settled(1_300, place(0), false);
        followed.read(1_400, 9);
        for (index, seq) in [(7, 0), (9, 1)] {
            let arrival = Arrival { index, at: Time(index * 100), key: 0, bytes: 50 };
            followed.sent(&arrival, place(seq), index * 100 + 5);
        }
        followed.read(1_500, 9);
        followed.read(1_600, 8);
        let ways = followed.ways();
        let way = ways[&9];
        assert_eq!((way.intended, way.started, way.acked), (900, 907, Some(1_200)));
        assert_eq!((way.failed, way.read), (None, Some(1_400)), "the first time counts");
        assert_eq!((ways[&7].failed, ways[&7].started, ways.len()), (Some(1_300), 705, 2));
    }
}
