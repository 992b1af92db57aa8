//! The host's disk: records per file, what is in the page cache and what has reached the medium.
//!
//! It is not the kernel's: a file is two lists of records, the one that reads see and the one that
//! survives a power cut, and the changes that lie between them. A sync makes the changes durable
//! that were asked for before it. A power cut leaves the durable list and nothing else; the
//! kernel's disk keeps a drawn part of the rest.

use std::collections::{BTreeMap, VecDeque};

use headwater_sim::disk::FileId;

/// A change of a file that is not durable yet.
enum Change<R> {
    Append(R),
    Truncate(u64),
}

/// One file.
struct File<R> {
    /// Tells it from a file of the same number that was removed.
    generation: u64,
    cached: Vec<R>,
    durable: Vec<R>,
    changes: VecDeque<Change<R>>,
    /// Changes that have become durable: the number of the first that has not.
    settled: u64,
    /// A sync of it has come back: its name survives a power cut.
    named: bool,
}

/// The changes of a file up to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    generation: u64,
    changes: u64,
}

/// A disk of one node.
pub struct Disk<R> {
    files: BTreeMap<FileId, File<R>>,
    generations: u64,
}

impl<R> Default for Disk<R> {
    fn default() -> Self {
        Self { files: BTreeMap::new(), generations: 0 }
    }
}

impl<R: Clone> Disk<R> {
    /// Appends a record; its number. The file is made if it is not there.
    pub fn append(&mut self, file: FileId, record: R) -> u64 {
        self.generations += 1;
        let generation = self.generations;
        let file = self.files.entry(file).or_insert_with(|| File {
            generation,
            cached: Vec::new(),
            durable: Vec::new(),
            changes: VecDeque::new(),
            settled: 0,
            named: false,
        });
        file.changes.push_back(Change::Append(record.clone()));
        file.cached.push(record);
        file.cached.len() as u64 - 1
    }

    /// Keeps the first `keep` records; how many there are then. `None`: no such file.
    pub fn truncate(&mut self, file: FileId, keep: u64) -> Option<u64> {
        let file = self.files.get_mut(&file)?;
        file.cached.truncate(keep as usize);
        file.changes.push_back(Change::Truncate(keep));
        Some(file.cached.len() as u64)
    }

    /// Removes a file, durably.
    pub fn delete(&mut self, file: FileId) {
        self.files.remove(&file);
    }

    /// Up to `count` records from number `from`. `None`: no such file.
    pub fn read(&self, file: FileId, from: u64, count: u64) -> Option<Vec<R>> {
        let records = self.files.get(&file)?.cached.iter();
        let at_most = usize::try_from(count).unwrap_or(usize::MAX);
        Some(records.skip(from as usize).take(at_most).cloned().collect())
    }

    /// Files with their number of records.
    pub fn list(&self) -> Vec<(FileId, u64)> {
        self.files.iter().map(|(id, file)| (*id, file.cached.len() as u64)).collect()
    }

    /// What a sync asked for now will make durable. `None`: no such file.
    pub fn begin_sync(&self, file: FileId) -> Option<Mark> {
        let file = self.files.get(&file)?;
        let changes = file.settled + file.changes.len() as u64;
        Some(Mark { generation: file.generation, changes })
    }

    /// The sync is done.
    pub fn end_sync(&mut self, file: FileId, mark: Mark) {
        let file = self.files.get_mut(&file).filter(|file| file.generation == mark.generation);
        let Some(file) = file else { return };
        file.named = true;
        while file.settled < mark.changes {
            let Some(change) = file.changes.pop_front() else { return };
            file.settled += 1;
            match change {
                Change::Append(record) => file.durable.push(record),
                Change::Truncate(keep) => file.durable.truncate(keep as usize),
            }
        }
    }

    /// The power goes: what is not durable is gone.
    pub fn power_cut(&mut self) {
        self.files.retain(|_, file| file.named);
        for file in self.files.values_mut() {
            file.cached = file.durable.clone();
            file.settled += file.changes.len() as u64;
            file.changes.clear();
        }
    }

    /// All files vanish.
    pub fn wipe(&mut self) {
        self.files.clear();
    }

    /// All records of all files; `durable` leaves out what only the page cache has.
    pub fn records(&self, durable: bool) -> impl Iterator<Item = &R> {
        self.files.values().flat_map(move |file| match durable {
            true => file.durable.iter(),
            false => file.cached.iter(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileId = FileId(7);

    fn all(disk: &Disk<u32>) -> Vec<u32> {
        disk.read(FILE, 0, u64::MAX).unwrap_or_default()
    }

    #[test]
    fn a_power_cut_leaves_what_the_last_sync_covered_and_a_kill_leaves_everything() {
        let mut disk = Disk::default();
        disk.append(FILE, 0);
        let mark = disk.begin_sync(FILE).unwrap();
        disk.append(FILE, 1);
        disk.end_sync(FILE, mark);
        assert_eq!(all(&disk), [0, 1]);
        assert_eq!(disk.records(true).copied().collect::<Vec<_>>(), [0]);
        disk.power_cut();
        assert_eq!(all(&disk), [0]);
    }

    #[test]
    fn a_truncation_without_a_sync_is_undone_by_a_power_cut() {
        let mut disk = Disk::default();
        (0..4).for_each(|record| _ = disk.append(FILE, record));
        let mark = disk.begin_sync(FILE).unwrap();
        disk.end_sync(FILE, mark);
        assert_eq!(disk.truncate(FILE, 1), Some(1));
        disk.append(FILE, 9);
        assert_eq!(all(&disk), [0, 9]);
        disk.power_cut();
        assert_eq!(all(&disk), [0, 1, 2, 3]);
    }

    #[test]
    fn a_sync_does_not_vouch_for_a_file_made_anew_after_it_was_asked_for() {
        let mut disk = Disk::default();
        disk.append(FILE, 0);
        disk.append(FILE, 1);
        let mark = disk.begin_sync(FILE).unwrap();
        disk.delete(FILE);
        assert_eq!(disk.read(FILE, 0, 1), None);
        disk.append(FILE, 2);
        disk.end_sync(FILE, mark);
        disk.power_cut();
        assert_eq!(disk.list(), []);
    }
}
