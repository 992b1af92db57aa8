//! What stands for records of a file that nobody will read any more: folded, or dropped.

use super::{File, Medium, PIECES_MAX, Stored};
use crate::node::Record;

impl<R: Record> File<R> {
    /// See [`crate::fold::Folding::fold`].
    pub fn fold(&mut self, records: u64, record: R) {
        assert!(self.folded <= records && records <= self.settled(), "what is durable is folded");
        let end = self.place(records);
        let gone: Vec<_> = self.records.drain(self.pieces..end).collect();
        if gone.is_empty() {
            return;
        }
        self.records.insert(self.pieces, one_of(&gone, record));
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
                Some(record) => joined.push(one_of(&[first, piece], record)),
                None => joined.extend([first, piece]),
            }
        }
        joined.extend(before);
        self.pieces = joined.len();
        self.records.splice(..0, joined);
    }

    /// See [`crate::fold::Folding::fold_runs`].
    pub fn fold_runs(
        &mut self,
        until: u64,
        mut may: impl FnMut(u64, &R) -> bool,
        mut stand_in: impl FnMut(&[&R]) -> R,
    ) {
        let until = until.min(self.settled()).max(self.folded);
        let mut close = |run: &mut Vec<Stored<R>>, kept: &mut Vec<Stored<R>>| {
            if run.len() > 1 {
                let records: Vec<&R> = run.iter().map(|stored| &stored.record).collect();
                let record = stand_in(&records);
                kept.push(one_of(run, record));
                run.clear();
            }
            kept.append(run);
        };
        let rest = self.records.split_off(self.place(until));
        let (mut number, mut run, mut kept) = (0, Vec::new(), Vec::new());
        for stored in std::mem::take(&mut self.records) {
            let count = stored.count;
            if stored.is_sound() && may(number, &stored.record) {
                run.push(stored);
            } else {
                close(&mut run, &mut kept);
                kept.push(stored);
            }
            number += count;
        }
        close(&mut run, &mut kept);
        (self.pieces, self.folded) = (kept.len(), until);
        kept.extend(rest);
        self.records = kept;
    }
}

/// One in the place of several that follow one another. It is in the page cache while all of them
/// are.
fn one_of<R>(gone: &[Stored<R>], record: R) -> Stored<R> {
    // What was dropped takes no room, there or on the disk.
    let stamps = gone.iter().filter(|stored| stored.bytes > 0).map(|stored| stored.stamp);
    let stamp = stamps.min().unwrap_or(0);
    let bytes = gone.iter().map(|stored| stored.bytes).sum();
    let count = gone.iter().map(|stored| stored.count).sum();
    Stored { record, bytes, stamp, count, torn: false, medium: Medium::Same }
}

#[cfg(test)]
mod tests {
    use crate::files::Tearing;
    use crate::files::tests::{Word, file};
    use crate::random::Seed;
    use crate::time::Time;

    #[test]
    fn what_is_still_needed_stays_between_what_is_folded_and_keeps_its_number() {
        let mut file = file(100);
        let (mark, _) = file.begin_sync();
        file.end_sync(mark);
        let (bytes, mut needed) = (file.bytes(), vec![0, 40, 70]);
        let last = |of: &[&Word]| Word(of.last().map_or(0, |word| word.0 + 1_000));
        for until in [50, 90] {
            file.fold_runs(until, |number, _| !needed.contains(&number), last);
            for number in &needed {
                let found: Vec<_> = file.range(*number, 1).iter().map(|of| of.record.0).collect();
                assert_eq!(found, [*number], "until {until}");
            }
        }
        let first: Vec<_> = file.records().map(|(at, of, _)| (at, of.record.0)).take(7).collect();
        assert_eq!(
            first,
            [(0, 0), (1, 1_039), (40, 40), (41, 1_069), (70, 70), (71, 1_089), (90, 90)]
        );
        assert_eq!((file.len(), file.bytes()), (100, bytes));
        needed.clear();
        file.fold_runs(95, |_, _| true, last);
        assert_eq!((file.records().count(), file.len(), file.bytes()), (6, 100, bytes));
    }

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
