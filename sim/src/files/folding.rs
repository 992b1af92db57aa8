//! What stands for records of a file that nobody will read any more: folded, or dropped.

use super::{File, Medium, PIECES_MAX, Stored};
use crate::node::Record;

impl<R: Record> File<R> {
    /// See [`crate::fold::Folding::fold`].
    pub fn fold(&mut self, records: u64, record: R) {
        assert!(self.folded <= records && records <= self.settled(), "what is durable is folded");
        let end = self.place(records);
        let gone: Vec<_> = self.records.drain(self.pieces..end).collect();
        let Some(last) = gone.last() else { return };
        let (stamp, count, torn) = (last.stamp, records - self.folded, false);
        let bytes = gone.iter().map(|stored| stored.bytes).sum();
        let piece = Stored { record, bytes, stamp, count, torn, medium: Medium::Same };
        self.records.insert(self.pieces, piece);
        (self.pieces, self.folded) = (self.pieces + 1, records);
        if self.pieces > PIECES_MAX {
            self.join_pieces();
        }
    }

    /// The first `records` take no room any more; `record` stands for those of them that nothing
    /// has stood for yet. What is folded beyond them stays. The bytes that are free now.
    pub fn discard(&mut self, records: u64, record: R) -> u64 {
        let records = records.min(self.len());
        let mut free = 0;
        if records > self.folded {
            let end = self.place(records);
            let gone = self.records.drain(self.pieces..end);
            free += gone.map(|stored| stored.bytes).sum::<u64>();
            let (count, medium) = (records - self.folded, Medium::Same);
            let piece = Stored { record, bytes: 0, stamp: 0, count, torn: false, medium };
            self.records.insert(self.pieces, piece);
            (self.pieces, self.folded) = (self.pieces + 1, records);
            if records > self.durable {
                self.cut_off.clear();
            }
            self.durable = self.durable.max(records);
            self.submitted = self.submitted.max(records);
            let dirty = &self.records[self.place(self.submitted)..];
            self.dirty_bytes = self.dirty_bytes.min(dirty.iter().map(|stored| stored.bytes).sum());
        }
        let mut end = 0;
        for piece in &mut self.records[..self.pieces] {
            end += piece.count;
            if end <= records {
                free += std::mem::take(&mut piece.bytes);
            }
        }
        if self.pieces > PIECES_MAX {
            self.join_pieces();
        }
        free
    }

    /// Makes one of every two pieces, but for the last, so that their number stays bounded.
    fn join_pieces(&mut self) {
        let mut joined: Vec<Stored<R>> = Vec::with_capacity(PIECES_MAX);
        let mut before: Option<Stored<R>> = None;
        for piece in self.records.drain(..self.pieces) {
            let Some(first) = before.take() else {
                before = Some(piece);
                continue;
            };
            match first.record.joined(&piece.record) {
                Some(record) => {
                    let (bytes, count) = (first.bytes + piece.bytes, first.count + piece.count);
                    joined.push(Stored { record, bytes, count, ..piece });
                }
                None => joined.extend([first, piece]),
            }
        }
        joined.extend(before);
        self.pieces = joined.len();
        self.records.splice(..0, joined);
    }
}

#[cfg(test)]
mod tests {
    use crate::files::Tearing;
    use crate::files::tests::{Word, file};
    use crate::random::Seed;
    use crate::time::Time;

    #[test]
    fn what_is_discarded_takes_no_room_and_keeps_its_numbers() {
        let mut file = file(1_000);
        let (mark, _) = file.begin_sync();
        file.end_sync(mark);
        file.append(Word(1_000), 8, Time::ZERO, 0);
        let freed: u64 = (100..=900).step_by(100).map(|to| file.discard(to, Word(to))).sum();
        assert_eq!((freed, file.bytes(), file.dirty_bytes()), (7_200, 808, 8));
        assert_eq!((file.len(), file.settled()), (1_001, 1_000));
        assert_eq!(file.range(900, 2).iter().map(|of| of.record.0).collect::<Vec<_>>(), [900, 901]);
        assert_eq!(file.discard(950, Word(0)) + file.discard(950, Word(0)), 400, "once");
        assert_eq!(file.discard(2_000, Word(0)), 51 * 8);
        assert_eq!((file.len(), file.bytes(), file.dirty_bytes()), (1_001, 0, 0));
        file.power_cut(Tearing::Prefix, &mut Seed(1).stream("power", 0));
        assert_eq!(file.len(), 1_001, "that they are gone is durable");
        assert_eq!(file.append(Word(7), 8, Time::ZERO, 0), 1_001);
    }
}
