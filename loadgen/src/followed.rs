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

/// Every event that was sent, by its number in the schedule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Followed {
    ways: BTreeMap<u64, Way>,
    /// The numbers of a writer's events on a lane, by their own.
    numbers: BTreeMap<(u32, u32), BTreeMap<u64, u64>>,
}

impl Followed {
    /// It was sent.
    pub(crate) fn sent(&mut self, arrival: &Arrival, place: Place, started: u64) {
        let way = Way { intended: arrival.at.0, started, bytes: arrival.bytes, ..Way::default() };
        self.ways.insert(arrival.index, way);
        let of_lane = self.numbers.entry((place.writer, place.lane)).or_default();
        of_lane.insert(place.seq, arrival.index);
    }

    /// The event at this place among its writer's.
    fn at(&mut self, place: Place) -> Option<&mut Way> {
        let of_lane = self.numbers.get(&(place.writer, place.lane))?;
        self.ways.get_mut(of_lane.get(&place.seq)?)
    }

    /// A client that was given it ahead of its time has sent it.
    pub(crate) fn sent_late(&mut self, at: u64, place: Place) {
        if let Some(way) = self.at(place) {
            way.started = at;
        }
    }

    /// It was acknowledged, or not.
    pub(crate) fn settled(&mut self, at: u64, place: Place, acked: bool) {
        if let Some(way) = self.at(place) {
            match acked {
                true => way.acked = Some(at),
                false => way.failed = Some(at),
            }
        }
    }

    /// A reader was handed it.
    pub(crate) fn read(&mut self, at: u64, number: u64) {
        if let Some(way) = self.ways.get_mut(&number) {
            way.read.get_or_insert(at);
        }
    }

    /// All of them, by their numbers.
    pub(crate) fn ways(&self) -> &BTreeMap<u64, Way> {
        &self.ways
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_sim::time::Time;

    #[test]
    fn an_event_is_found_by_its_number_and_by_its_place() {
        let mut followed = Followed::default();
        let place = |seq| Place { writer: 1, lane: 2, seq };
        for (index, seq) in [(7, 0), (9, 1)] {
            let arrival = Arrival { index, at: Time(index * 100), key: 0, bytes: 50 };
            followed.sent(&arrival, place(seq), index * 100 + 5);
        }
        followed.sent_late(907, place(1));
        followed.settled(1_200, place(1), true);
        followed.settled(1_300, place(0), false);
        followed.read(1_400, 9);
        followed.read(1_500, 9);
        followed.read(1_600, 8);
        let way = followed.ways()[&9];
        assert_eq!((way.intended, way.started, way.acked), (900, 907, Some(1_200)));
        assert_eq!((way.failed, way.read), (None, Some(1_400)), "the first time counts");
        assert_eq!((followed.ways()[&7].failed, followed.ways().len()), (Some(1_300), 2));
    }
}
