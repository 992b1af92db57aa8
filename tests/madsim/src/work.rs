//! Work that takes time: threads of a pool, and disks.
//!
//! madsim sleeps for a millisecond at the least, a hundred times what most work costs. A worker
//! therefore runs up a debt and sleeps when it owes a millisecond or more; in between it lets
//! others go first. A sync always takes a millisecond at the least: what is written and not yet
//! durable is what power cuts are about.

use std::rc::Rc;

use headwater_models::protocol::Record;
use headwater_sim::disk::{DiskError, DiskId, DiskOp, FileId};
use headwater_sim::effect::PoolId;
use headwater_sim::node::Completion;
use headwater_sim::time::Duration;
use madsim::task::{spawn_local, yield_now};
use madsim::time::sleep;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::disk::{Disk, Mark};
use crate::process::{Input, Process, real};

/// madsim's shortest sleep (`time/mod.rs`, `sleep_until` @ 0.2.34).
const SLEEP_MIN: Duration = Duration::from_millis(1);

/// Jobs of a pool: cost and tag, first come, first served.
type Jobs = UnboundedSender<(Duration, u64)>;

/// Thread pools of a process; `None` for one without a limit.
pub struct Pools(Vec<Option<Jobs>>);

impl Pools {
    /// Pools with this many threads each.
    pub fn new(process: &Rc<Process>, threads: &[u32]) -> Self {
        let pool = |threads: &u32| {
            let (jobs, queue) = unbounded_channel();
            let queue = Rc::new(Mutex::new(queue));
            for _ in 0..*threads {
                spawn_local(serve(Rc::clone(process), Rc::clone(&queue)));
            }
            (*threads > 0).then_some(jobs)
        };
        Self(threads.iter().map(pool).collect())
    }

    /// Does work on a thread of a pool.
    pub fn compute(&self, process: &Rc<Process>, pool: PoolId, cost: Duration, tag: u64) {
        match self.0.get(usize::from(pool.0)) {
            Some(Some(jobs)) => _ = jobs.send((cost, tag)),
            _ => {
                let process = Rc::clone(process);
                spawn_local(async move {
                    work(&mut Duration::default(), cost).await;
                    process.hand(Input::Done(tag, Completion::Computed));
                });
            }
        }
    }
}

/// A thread of a pool.
async fn serve(process: Rc<Process>, queue: Rc<Mutex<UnboundedReceiver<(Duration, u64)>>>) {
    let mut owed = Duration::ZERO;
    loop {
        let job = queue.lock().await.recv().await;
        let Some((cost, tag)) = job else { return };
        work(&mut owed, cost).await;
        process.hand(Input::Done(tag, Completion::Computed));
    }
}

/// Works for `cost`, or goes on owing it.
async fn work(owed: &mut Duration, cost: Duration) {
    *owed += cost;
    if *owed < SLEEP_MIN {
        return yield_now().await;
    }
    sleep(real(std::mem::take(owed))).await;
}

/// What a disk does one after the other: make a file durable up to a mark, or only flush.
struct Flush {
    tag: u64,
    what: Option<(FileId, Mark)>,
}

/// The disks of a process's node.
pub struct Disks(Vec<UnboundedSender<Flush>>);

impl Disks {
    /// As many as the machine has.
    pub fn new(process: &Rc<Process>) -> Self {
        let count = process.world.node(process.me).disks.borrow().len();
        let start = |disk| {
            let (flushes, queue) = unbounded_channel();
            spawn_local(flush(Rc::clone(process), disk, queue));
            flushes
        };
        Self((0..count).map(start).collect())
    }

    /// Carries out an operation. What it changes is changed at once, as a page cache is.
    pub fn operate(&self, process: &Rc<Process>, disk: DiskId, op: DiskOp<Record>, tag: u64) {
        let at = usize::from(disk.0);
        let flush = |what| _ = self.0[at].send(Flush { tag, what });
        let done = |how| process.hand(Input::Done(tag, how));
        let missing = || Completion::Failed(DiskError::NoSuchFile);
        let mut disks = process.world.node(process.me).disks.borrow_mut();
        let disk = &mut disks[at];
        match op {
            DiskOp::Write { file, record } => {
                done(Completion::Written { index: disk.append(file, record) });
            }
            DiskOp::Truncate { file, keep } => {
                let kept = disk.truncate(file, keep);
                done(kept.map_or_else(missing, |index| Completion::Written { index }));
            }
            // Here what is dropped from the beginning goes on taking room.
            DiskOp::Discard { file, .. } => {
                let kept = disk.truncate(file, u64::MAX);
                done(kept.map_or_else(missing, |index| Completion::Written { index }));
            }
            DiskOp::List => done(Completion::Listed { files: disk.list() }),
            DiskOp::Sync { file } => match disk.begin_sync(file) {
                Some(mark) => flush(Some((file, mark))),
                None => done(missing()),
            },
            DiskOp::Delete { file } => {
                disk.delete(file);
                flush(None);
            }
            DiskOp::Read { file, from, count } | DiskOp::ReadOnce { file, from, count } => {
                read(process, disk, (file, from, count), tag)
            }
        }
    }
}

/// Reads what is there now; tells of it when the device would.
fn read(process: &Rc<Process>, disk: &Disk<Record>, what: (FileId, u64, u64), tag: u64) {
    let (file, from, count) = what;
    let how = match disk.read(file, from, count) {
        Some(records) => Completion::Read { records, damaged: false },
        None => Completion::Failed(DiskError::NoSuchFile),
    };
    let process = Rc::clone(process);
    spawn_local(async move {
        sleep(real(SLEEP_MIN)).await;
        process.hand(Input::Done(tag, how));
    });
}

/// A disk's queue of syncs.
async fn flush(process: Rc<Process>, disk: usize, mut queue: UnboundedReceiver<Flush>) {
    while let Some(Flush { tag, what }) = queue.recv().await {
        sleep(real(SLEEP_MIN)).await;
        if let Some((file, mark)) = what {
            let mut disks = process.world.node(process.me).disks.borrow_mut();
            disks[disk].end_sync(file, mark);
        }
        process.hand(Input::Done(tag, Completion::Synced));
    }
}
