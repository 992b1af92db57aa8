//! What of a run's past nobody will ask for again, so that it need not be kept record by record.
//!
//! A run of a day writes millions of records that every reader has read, every replica has and
//! every disk holds. What they were matters no more; only that they are there does. From time to
//! time whoever drives a simulation has it fold ([`crate::simulation::Simulation::fold`]): each
//! node says from where on it may still ask others for what they hold ([`Needs`]), and then each
//! replaces what lies before all of these places by one record that stands for them
//! ([`Folding::fold`]). No event happens, nothing is drawn and no time passes: a run that folds has
//! the fingerprint of one that does not.

use std::collections::BTreeMap;

use crate::disk::{DiskId, FileId};
use crate::files::{File, Files};
use crate::node::Record;

/// From which position on each log may still be asked for. Which logs there are, and what their
/// positions count, is the protocol's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    from: BTreeMap<u64, u64>,
    everything: bool,
}

impl Needs {
    /// What lies at `position` of `log`, and behind it, may still be asked for.
    pub fn from(&mut self, log: u64, position: u64) {
        let least = self.from.entry(log).or_insert(position);
        *least = position.min(*least);
    }

    /// Anything may still be asked for.
    pub const fn everything(&mut self) {
        self.everything = true;
    }

    /// Whether anybody spoke of `log`.
    pub fn speaks_of(&self, log: u64) -> bool {
        self.from.contains_key(&log)
    }

    /// What lies before this position of `log` is asked for no more; nothing if nobody spoke of the
    /// log, or anything may be.
    pub fn before(&self, log: u64) -> Option<u64> {
        self.from.get(&log).copied().filter(|_| !self.everything)
    }
}

/// The files of a node that folds.
pub struct Folding<'a, R> {
    pub(crate) files: &'a mut [Files<R>],
}

impl<R: Record> Folding<'_, R> {
    /// Records of a file, from its first, that would outlive a power cut; zero without such a file,
    /// or while a cut of the file is not durable itself.
    pub fn durable(&self, disk: DiskId, file: FileId) -> u64 {
        self.files[usize::from(disk.0)].get(&file).map_or(0, |file| file.settled())
    }

    /// Replaces the first `records` of a file, or what stands for the first of them, by `record`,
    /// which stands for those that nothing has stood for yet.
    ///
    /// # Panics
    /// If they are not all durable.
    pub fn fold(&mut self, disk: DiskId, file: FileId, records: u64, record: R) {
        let file = self.files[usize::from(disk.0)].get_mut(&file);
        file.expect("a node folds files that it has").fold(records, record);
    }

    /// The files on a disk.
    pub fn files(&self, disk: DiskId) -> Vec<FileId> {
        self.files[usize::from(disk.0)].keys().copied().collect()
    }

    /// Up to `count` records of a file, from its first, or what stands for them.
    pub fn records(&self, disk: DiskId, file: FileId, count: u64) -> impl Iterator<Item = &R> {
        let file = self.files[usize::from(disk.0)].get(&file);
        let records = file.into_iter().flat_map(File::records);
        records.take_while(move |(at, ..)| *at < count).map(|(_, stored, _)| &stored.record)
    }

    /// Replaces all records of a file below `until` that `may` be folded, and what stands for such
    /// already, by one for each run of them, made by `stand_in`. `may` is asked of each with its
    /// number, or the number of the first that it stands for. What is not durable stays.
    pub fn fold_runs(
        &mut self,
        disk: DiskId,
        file: FileId,
        until: u64,
        may: impl FnMut(u64, &R) -> bool,
        stand_in: impl FnMut(&[&R]) -> R,
    ) {
        if let Some(file) = self.files[usize::from(disk.0)].get_mut(&file) {
            file.fold_runs(until, may, stand_in);
        }
    }
}
