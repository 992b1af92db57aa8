//! The file and its position: what is appended, made durable, and repaired at a start.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::position::{self, Position};
use crate::arguments::Sync;
use crate::failure::{Failure, Result};
use crate::source::{Message, Offsets};

/// A file that lines are appended to.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: File,
    sync: Sync,
    /// What is in the file, and was read.
    now: Position,
    /// Up to which line its position is written down.
    committed: u64,
}

impl Archive {
    /// Opens `path`, a backup of `topic`, and repairs it: what follows its position is cut off, as
    /// it will be read again. Tells what was done, if anything.
    ///
    /// # Errors
    /// A file that has another writer, or is no backup of this topic with a position.
    pub fn open(path: &Path, topic: &str, sync: Sync) -> Result<(Self, Option<String>)> {
        let failed = |error: io::Error| Failure::usage(format!("{}: {error}", path.display()));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false);
        let file = file.open(path).map_err(failed)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            Failure::usage(format!("{}: another process writes to it", path.display()))
        })?;
        let length = file.metadata().map_err(failed)?.len();
        let known = position::read(path).map_err(|error| {
            let beside = position::beside(path);
            Failure::usage(format!("{}: {error}; it is no position", beside.display()))
        })?;
        let fresh = known.is_none();
        let now = standing(path, topic, known, length)?;
        ends_with_a_line(path, &file, now.bytes)?;
        let mut archive = Self { path: path.into(), file, sync, committed: now.lines, now };
        if fresh {
            // From now on the file has a position, whatever happens before the first commit.
            archive.write_position().map_err(failed)?;
        }
        let cut = length - archive.now.bytes;
        if cut > 0 {
            archive.file.set_len(archive.now.bytes).map_err(failed)?;
        }
        Ok((archive, (cut > 0).then(|| repaired(path, cut))))
    }

    /// Appends `lines`, each with its end, which were read from `messages`. Where it fails it can
    /// be called again: what was written of them is written over.
    ///
    /// # Errors
    /// Why they can't be written.
    pub fn append(&mut self, lines: &[u8], messages: &[Message]) -> io::Result<()> {
        self.file.write_all_at(lines, self.now.bytes)?;
        self.now.bytes += lines.len() as u64;
        self.now.lines += messages.len() as u64;
        for message in messages {
            self.now.next.insert(message.partition, message.offset + 1);
        }
        Ok(())
    }

    /// Makes what was appended durable, where that is asked for.
    ///
    /// # Errors
    /// If it can't be known what is on disk.
    pub fn make_durable(&self) -> Result<()> {
        if self.sync == Sync::None || !self.is_behind() {
            return Ok(());
        }
        self.file.sync_data().map_err(|error| {
            Failure::broken(format!(
                "{}: {error}: what is on disk can't be known; started again, it goes on from its \
                 last position",
                self.path.display()
            ))
        })
    }

    /// Writes the position down of what is durable; the one before stays where that fails.
    ///
    /// # Errors
    /// Why it can't be written.
    pub fn write_position(&mut self) -> io::Result<()> {
        position::replace(&self.path, &self.now, self.sync == Sync::Commit)?;
        self.committed = self.now.lines;
        Ok(())
    }

    /// True if there are lines behind the position.
    pub fn is_behind(&self) -> bool {
        self.committed < self.now.lines
    }

    /// Which offsets come next.
    pub fn next(&self) -> &Offsets {
        &self.now.next
    }

    /// What is in the file.
    pub fn position(&self) -> &Position {
        &self.now
    }

    /// Its lines up to its position.
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The position that the file goes on from, which has `length` bytes.
fn standing(path: &Path, topic: &str, known: Option<Position>, length: u64) -> Result<Position> {
    let path = path.display();
    let Some(known) = known else {
        if length == 0 {
            return Ok(Position { topic: topic.into(), ..Position::default() });
        }
        return Err(Failure::usage(format!(
            "{path} has {length} B and no position beside it: it is no backup that could be gone \
             on with; expected an empty file, or none"
        )));
    };
    if known.topic != topic {
        return Err(Failure::usage(format!(
            "{path} is a backup of topic {}, not of {topic}: another file is expected",
            known.topic
        )));
    }
    if known.bytes > length {
        return Err(Failure::usage(format!(
            "{path} has {length} B, and {} B by its position: lines are gone; expected the file of \
             that time, or none, with no {path}.position, to begin anew",
            known.bytes
        )));
    }
    Ok(known)
}

fn ends_with_a_line(path: &Path, file: &File, bytes: u64) -> Result<()> {
    let Some(last) = bytes.checked_sub(1) else { return Ok(()) };
    let mut end = [0];
    match file.read_exact_at(&mut end, last) {
        Ok(()) if end == *b"\n" => Ok(()),
        _ => Err(Failure::usage(format!(
            "{} has no end of a line at its position, byte {bytes}: somebody else has changed it",
            path.display()
        ))),
    }
}

fn repaired(path: &Path, cut: u64) -> String {
    format!("{}: {cut} B behind its position were cut off, and are read again", path.display())
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
