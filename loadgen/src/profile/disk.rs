//! The disk of a directory: syncs, bandwidth, seeks.

use rand::Rng;
use rand::RngCore;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use headwater_sim::disk::DiskSpec;
use headwater_sim::random::Seed;
use headwater_sim::units::{Bytes, BytesPerSecond};
use rustix::fs::{Advice, fadvise};

use super::kernel;
use super::quantiles::Times;
use crate::failure::{Failure, Result};

/// A disk, measured.
pub(crate) struct Disk {
    /// Append of 4 KiB and fdatasync.
    pub(crate) sync: Times,
    /// The same of larger appends, by their KiB.
    pub(crate) larger: Vec<(usize, Times)>,
    /// Append of 4 KiB, to the page cache.
    pub(crate) append: Times,
    /// Bytes per second into the page cache, in pieces of 64 KiB.
    pub(crate) cache_rate: f64,
    /// Bytes per second onto the device, synced at the end.
    write: f64,
    /// Bytes per second from the device.
    read: f64,
    /// Reads of 4 KiB at random places that are not in the page cache.
    seek: Times,
    /// Bytes of the file system.
    capacity: u64,
}

const BLOCK: usize = 4 << 10;
const PIECE: usize = 64 << 10;

/// Appends, beside those of a block, of which a sync is measured: a batch, and a megabyte.
const LARGER_KIB: [usize; 2] = [64, 1 << 10];

/// The file for bandwidth is no larger than this.
const FILE_MAX: usize = 512 << 20;

/// Measures the disk of `directory`; each of the parts takes at most `time`.
pub(crate) fn measure(directory: &Path, time: Duration) -> Result<Disk> {
    let fail = |error: std::io::Error| {
        Failure::io(format_args!("can't measure the disk of {}", directory.display()), &error)
    };
    let temporary = tempfile::Builder::new().prefix(".headwater-profile-").tempdir_in(directory);
    let temporary = temporary.map_err(fail)?;
    let sync_of = |bytes: usize, time| syncs(&temporary.path().join("sync"), bytes, time);
    let sync = sync_of(BLOCK, time).map_err(fail)?;
    let larger = LARGER_KIB.map(|kib| Ok((kib, sync_of(kib << 10, time / 2)?)));
    let larger = larger.into_iter().collect::<std::io::Result<_>>().map_err(fail)?;
    let append = appends(&temporary.path().join("append"), time / 4).map_err(fail)?;
    let path = temporary.path().join("bandwidth");
    let (cache_rate, write) = writes(&path, time).map_err(fail)?;
    let read = reads(&path).map_err(fail)?;
    let seek = seeks(&path, time / 2).map_err(fail)?;
    let space = rustix::fs::statvfs(directory).map_err(|error| fail(error.into()))?;
    let capacity = space.f_blocks * space.f_frsize;
    Ok(Disk { sync, larger, append, cache_rate, write, read, seek, capacity })
}

fn syncs(path: &Path, bytes: usize, time: Duration) -> std::io::Result<Times> {
    let mut file = File::create(path)?;
    let (block, until, mut times) = (vec![0x5a; bytes], Instant::now() + time, Times::new());
    let mut left = FILE_MAX / bytes;
    while Instant::now() < until && left > 0 {
        left -= 1;
        let start = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.add(start.elapsed());
    }
    Ok(times)
}

fn appends(path: &Path, time: Duration) -> std::io::Result<Times> {
    let mut file = File::create(path)?;
    let (block, until, mut times) = ([0x5a; BLOCK], Instant::now() + time, Times::new());
    let mut left = FILE_MAX / BLOCK;
    while Instant::now() < until && left > 0 {
        let start = Instant::now();
        file.write_all(&block)?;
        times.add(start.elapsed());
        left -= 1;
    }
    Ok(times)
}

/// Rate into the page cache, and rate onto the device.
fn writes(path: &Path, time: Duration) -> std::io::Result<(f64, f64)> {
    let mut file = File::create(path)?;
    // Not all bytes the same: some file systems and devices compress.
    let mut draws = Seed(1).stream("profile", 0);
    let piece: Vec<u8> = (0..PIECE / 8).flat_map(|_| draws.next_u64().to_le_bytes()).collect();
    let start = Instant::now();
    let mut bytes = 0;
    while bytes < FILE_MAX && start.elapsed() < time {
        file.write_all(&piece)?;
        bytes += piece.len();
    }
    let cached = start.elapsed();
    file.sync_data()?;
    let synced = start.elapsed();
    let rate = |time: Duration| bytes as f64 / time.as_secs_f64().max(1e-9);
    Ok((rate(cached), rate(synced)))
}

/// Drops a file's pages from the page cache.
fn forget(file: &File) -> std::io::Result<()> {
    file.sync_data()?;
    Ok(fadvise(file, 0, None, Advice::DontNeed)?)
}

fn reads(path: &Path) -> std::io::Result<f64> {
    let mut file = File::open(path)?;
    forget(&file)?;
    let mut piece = vec![0; 1 << 20];
    let (start, mut bytes) = (Instant::now(), 0);
    loop {
        match file.read(&mut piece)? {
            0 => break,
            count => bytes += count,
        }
    }
    Ok(bytes as f64 / start.elapsed().as_secs_f64().max(1e-9))
}

fn seeks(path: &Path, time: Duration) -> std::io::Result<Times> {
    let file = File::open(path)?;
    forget(&file)?;
    // No read-ahead: it would put the next block into the cache.
    fadvise(&file, 0, None, Advice::Random)?;
    let blocks = file.metadata()?.len() / BLOCK as u64;
    let mut draws = Seed(2).stream("profile", 0);
    let (mut block, until, mut times) = ([0; BLOCK], Instant::now() + time, Times::new());
    while blocks > 0 && Instant::now() < until && times.count() < blocks / 10 {
        let at = draws.random_range(0..blocks) * BLOCK as u64;
        let start = Instant::now();
        file.read_exact_at(&mut block, at)?;
        times.add(start.elapsed());
    }
    Ok(times)
}

impl Disk {
    /// As the simulator has it.
    pub(crate) fn spec(&self) -> DiskSpec {
        let memory = kernel::available_memory().unwrap_or(8 << 30);
        let ratio = kernel::vm("dirty_ratio").filter(|ratio| *ratio > 0).unwrap_or(20);
        let background = kernel::vm("dirty_background_ratio").filter(|ratio| *ratio > 0);
        let background = background.unwrap_or(10);
        let expire = kernel::vm("dirty_expire_centisecs").unwrap_or(3_000);
        let mib = |bytes: u64| Bytes(bytes >> 20 << 20);
        let rate = |rate: f64| BytesPerSecond((rate as u64 / 1_000_000).max(1) * 1_000_000);
        DiskSpec {
            write: rate(self.write),
            read: rate(self.read),
            sync: self.sync.distribution(),
            seek: self.seek.distribution(),
            dirty_max: mib(memory * ratio / 100),
            dirty_background: mib(memory * background / 100),
            writeback_after: headwater_sim::time::Duration::from_millis(expire * 10),
            cache: mib(memory),
            capacity: mib(self.capacity),
            ..DiskSpec::default()
        }
    }
}
