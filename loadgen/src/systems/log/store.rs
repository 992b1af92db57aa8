//! Where the log's server keeps events: a file, of which the end may be torn.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// An append-only store of numbered events.
pub(crate) trait Store: Send + 'static {
    /// Appends an event; it is safe once [`Store::sync`] has returned.
    fn append(&mut self, writer: u64, number: u64, payload: &[u8]) -> io::Result<()>;
    /// Makes everything appended survive a crash.
    fn sync(&mut self) -> io::Result<()>;
    /// Events that survive a crash.
    fn synced(&self) -> u64;
    /// The event at a position below [`Store::synced`].
    fn event(&self, position: u64) -> io::Result<Vec<u8>>;
    /// The last number appended of a writer; zero if there is none.
    fn last(&self, writer: u64) -> u64;
}

/// Length, writer, number: what stands before an event in the file, in bytes.
const HEADER: usize = 4 + 8 + 8;

/// A store in one file.
#[derive(Debug)]
pub(crate) struct FileStore {
    file: File,
    /// Not yet handed to the file.
    buffer: Vec<u8>,
    /// Where each event begins and how long it is.
    index: Vec<(u64, u32)>,
    end: u64,
    synced: u64,
    last: BTreeMap<u64, u64>,
}

impl FileStore {
    /// Opens it or makes it. What a crash left half-written at its end is cut off.
    ///
    /// # Errors
    /// If the file can't be opened, read or cut.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file =
            File::options().create(true).truncate(false).read(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        let (buffer, index, last) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut store = Self { file, buffer, index, end: 0, synced: 0, last };
        let mut reader = BufReader::new(store.file.try_clone()?);
        let mut header = [0; HEADER];
        while length - store.end >= HEADER as u64 {
            reader.read_exact(&mut header)?;
            let (size, writer, number) = parse(&header);
            if length - store.end - (HEADER as u64) < u64::from(size) {
                break;
            }
            io::copy(&mut reader.by_ref().take(size.into()), &mut io::sink())?;
            store.remember(writer, number, size);
        }
        store.file.set_len(store.end)?;
        store.synced = store.index.len() as u64;
        Ok(store)
    }

    fn remember(&mut self, writer: u64, number: u64, size: u32) {
        self.index.push((self.end + HEADER as u64, size));
        self.end += HEADER as u64 + u64::from(size);
        self.last.insert(writer, number);
    }
}

fn parse(header: &[u8; HEADER]) -> (u32, u64, u64) {
    let word = |at: usize| header[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
    (header[..4].try_into().map_or(0, u32::from_le_bytes), word(4), word(12))
}

impl Store for FileStore {
    fn append(&mut self, writer: u64, number: u64, payload: &[u8]) -> io::Result<()> {
        let size = u32::try_from(payload.len()).map_err(io::Error::other)?;
        self.buffer.extend_from_slice(&size.to_le_bytes());
        self.buffer.extend_from_slice(&writer.to_le_bytes());
        self.buffer.extend_from_slice(&number.to_le_bytes());
        self.buffer.extend_from_slice(payload);
        self.remember(writer, number, size);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        self.file.sync_data()?;
        self.synced = self.index.len() as u64;
        Ok(())
    }

    fn synced(&self) -> u64 {
        self.synced
    }

    fn event(&self, position: u64) -> io::Result<Vec<u8>> {
        let at = usize::try_from(position).ok().and_then(|at| self.index.get(at));
        let (offset, size) = *at.ok_or(io::ErrorKind::NotFound)?;
        let mut payload = vec![0; size as usize];
        self.file.read_exact_at(&mut payload, offset)?;
        Ok(payload)
    }

    fn last(&self, writer: u64) -> u64 {
        self.last.get(&writer).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_is_there_again_and_a_torn_end_is_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut store = FileStore::open(&path).unwrap();
        store.append(7, 1, b"first").unwrap();
        store.append(7, 4, b"").unwrap();
        assert_eq!(store.synced(), 0);
        store.sync().unwrap();
        drop(store);
        let whole = std::fs::metadata(&path).unwrap().len();
        for torn in [1, HEADER as u64, HEADER as u64 + 3] {
            let mut file = File::options().append(true).open(&path).unwrap();
            let mut rest = 5_u32.to_le_bytes().to_vec();
            rest.resize(torn as usize, 0);
            file.write_all(&rest).unwrap();
            let store = FileStore::open(&path).unwrap();
            assert_eq!((store.synced(), store.last(7), store.last(8)), (2, 4, 0));
            assert_eq!(store.event(0).unwrap(), b"first");
            assert_eq!(store.event(1).unwrap(), b"");
            assert!(store.event(2).is_err());
            assert_eq!(std::fs::metadata(&path).unwrap().len(), whole, "torn by {torn}");
        }
    }
}
