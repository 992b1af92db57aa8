//! Writeback: when it begins, how it throttles writers, and what waits behind it.

use headwater_sim::disk::{DiskId, DiskSpec, FileId};
use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::machine::MachineSpec;
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{Bytes, BytesPerSecond, MachineId};
use headwater_sim::usage::{ResourceKind, Usage};
use headwater_tests::bench::{Ctx, Entry, Event, Saw, Sim, actor, add, simulation};

use crate::law::assert_near;

const DISK: DiskId = DiskId(0);
const SYNC: Duration = Duration::from_millis(1);
/// 100 MB/s: an entry of 10,000 B takes 100 us.
const BANDWIDTH: BytesPerSecond = BytesPerSecond(100_000_000);
const ENTRY_BYTES: u64 = 10_000;
/// 20 and 40 MB: a fifth of a second, and two fifths.
const BACKGROUND: u64 = 20_000_000;
const LIMIT: u64 = 40_000_000;
const THREADS: u64 = 10;
const SYNCED: u64 = 1 << 40;

fn machine() -> MachineSpec {
    let disk = DiskSpec {
        sync: Distribution::constant(SYNC),
        write: BANDWIDTH,
        dirty_max: Bytes(LIMIT),
        dirty_background: Bytes(BACKGROUND),
        ..DiskSpec::default()
    };
    MachineSpec { disks: vec![disk], ..MachineSpec::named("bench") }
}

/// Ten threads write an entry each to a file of their own, together one every so often until `end`;
/// a thread that was held up makes up for it. A sync of another file comes every `sync`. What took
/// how long is noted.
fn writer(every: Duration, end: Time, sync: Option<Duration>) -> Sim {
    let mut sim = simulation(1, SimulationSpec::default());
    let factory = actor(move || {
        let mut due = [Time::ZERO; THREADS as usize];
        let mut asked = due;
        move |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => {
                for thread in 0..THREADS {
                    let first = every * (thread + 1);
                    due[thread as usize] = Time::ZERO + first;
                    ctx.timer(first, thread);
                }
                if let Some(sync) = sync {
                    ctx.timer(sync, SYNCED);
                }
            }
            Event::Timer(SYNCED) => {
                ctx.write(DISK, FileId(99), Entry { id: 0, bytes: 4_096 }, THREADS);
                ctx.sync(DISK, FileId(99), SYNCED + ctx.now().0);
                ctx.timer(sync.unwrap(), SYNCED);
            }
            Event::Timer(thread) => {
                asked[thread as usize] = ctx.now();
                let entry = Entry { id: thread, bytes: ENTRY_BYTES };
                ctx.write(DISK, FileId(thread), entry, thread);
            }
            Event::Done(tag, _) if tag > SYNCED => {
                ctx.note(Saw { what: "synced", id: 0, since: Time(tag - SYNCED) });
            }
            Event::Done(thread, _) if thread < THREADS => {
                let at = thread as usize;
                ctx.note(Saw { what: "written", id: thread, since: asked[at] });
                due[at] += every * THREADS;
                if due[at] < end {
                    ctx.timer(due[at].since(ctx.now()), thread);
                }
            }
            _ => {}
        }
    });
    add(&mut sim, machine(), &[], factory);
    sim
}

fn disk(sim: &Sim) -> Usage {
    sim.usage().into_iter().find(|usage| usage.kind == ResourceKind::Disk).unwrap()
}

fn seconds(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

/// Twice as much as the disk can write.
#[test]
fn a_writer_faster_than_its_disk_goes_at_the_speed_of_the_disk() {
    let mut sim = writer(Duration::from_micros(50), seconds(40), None);
    sim.run_until(seconds(10));
    let (busy, written) = (disk(&sim).busy, sim.observer().times("written").len());
    let mut dirty = Vec::new();
    for tenth in 1..=200 {
        sim.run_until(seconds(10) + Duration::from_millis(100) * tenth);
        dirty.push(disk(&sim).queued);
    }
    let written = (sim.observer().times("written").len() - written) as u64 * ENTRY_BYTES;
    assert_near("bytes a second", written as f64 / 20.0, BANDWIDTH.0 as f64, 0.01);
    let share = disk(&sim).busy.saturating_sub(busy).as_secs_f64() / 20.0;
    assert_near("busy", share, 1.0, 0.01);
    // Writers go as fast as the disk three quarters of the way from the background limit up.
    let setpoint = BACKGROUND as f64 / 4.0 + LIMIT as f64 * 3.0 / 4.0;
    let mean = dirty.iter().sum::<u64>() as f64 / dirty.len() as f64;
    assert_near("dirty bytes", mean, setpoint, 0.03);
    assert!(dirty.iter().all(|now| *now < LIMIT), "{:?}", dirty.iter().max());
}

/// Half of what the disk can write.
#[test]
fn a_writer_slower_than_its_disk_never_waits_and_the_disk_keeps_it_at_the_background_limit() {
    let mut sim = writer(Duration::from_micros(200), seconds(20), None);
    // 50 MB/s reach the limit of 20 MB after 0.4 s.
    sim.run_until(Time::ZERO + Duration::from_millis(390));
    assert_eq!(disk(&sim).busy, Duration::ZERO);
    sim.run_until(seconds(10));
    let busy = disk(&sim).busy;
    sim.run_until(seconds(20));
    let share = disk(&sim).busy.saturating_sub(busy).as_secs_f64() / 10.0;
    assert_near("busy", share, 0.5, 0.01);
    // The journal commits every five seconds, behind the piece that the device has.
    let waits = sim.observer().about("written").map(|line| line.at.since(line.saw.since));
    let waits: Vec<_> = waits.filter(|wait| *wait > Duration::ZERO).collect();
    assert!(waits.len() <= 40, "{} of 100,000 writes waited", waits.len());
    assert!(waits.iter().all(|wait| *wait < Duration::from_millis(3)), "{waits:?}");
    assert!(disk(&sim).queued_max < BACKGROUND + BACKGROUND / 10, "{}", disk(&sim).queued_max);
}

#[test]
fn what_stays_below_the_background_limit_is_written_when_it_has_expired() {
    let mut sim = writer(Duration::from_millis(100), seconds(1), None);
    sim.run_until(seconds(30));
    assert_eq!((disk(&sim).queued, disk(&sim).busy), (10 * ENTRY_BYTES, Duration::ZERO));
    // The flusher looks every five seconds.
    sim.run_until(seconds(36));
    assert_eq!((disk(&sim).queued, disk(&sim).busy), (0, Duration::from_millis(1)));
}

#[test]
fn a_sync_waits_behind_the_writeback_that_the_device_has_and_no_longer() {
    let every = Duration::from_micros(125);
    let mut idle = writer(Duration::from_secs(100), seconds(60), Some(Duration(17_000_000)));
    let mut sim = writer(every, seconds(60), Some(Duration(17_000_000)));
    for sim in [&mut idle, &mut sim] {
        sim.run_until(seconds(60));
    }
    let own = SYNC + BANDWIDTH.transfer(4_096);
    let times = |sim: &Sim| -> Vec<Duration> {
        let synced = sim.observer().about("synced").skip(100);
        synced.map(|line| line.at.since(line.saw.since)).collect()
    };
    assert_eq!(times(&idle).iter().max(), Some(&own));
    let behind = times(&sim);
    let longest = own + Duration::from_millis(2) + BANDWIDTH.transfer(ENTRY_BYTES);
    assert!(behind.iter().all(|time| *time <= longest), "{:?}", behind.iter().max());
    // The disk writes for 80 % of the time, and a sync comes at any point of a piece.
    let mean = sim.observer().mean_ns("synced", 100) - own.0 as f64;
    assert_near("wait of a sync", mean, 2e6 * 0.8 / 2.0, 0.15);
}

/// A hundred entries a second, far below every limit of dirty bytes.
#[test]
fn a_stalled_disk_stops_writers_at_the_next_commit_of_the_journal() {
    let mut sim = writer(Duration::from_millis(10), seconds(60), None);
    let time = Duration::from_secs(20);
    sim.schedule(seconds(12), Fault::StallDisk { machine: MachineId(0), disk: 0, time });
    sim.run_until(seconds(60));
    let times = sim.observer().times("written");
    let gap = times.windows(2).map(|pair| (pair[1].since(pair[0]), pair[0])).max().unwrap();
    // Commits come every five seconds, after the first change that the last did not have.
    assert!(gap.1 > seconds(14) && gap.1 < seconds(17), "{gap:?}");
    assert!(gap.0 > Duration::from_secs(15) && gap.0 < Duration::from_secs(18), "{gap:?}");
    assert!(times.iter().all(|at| *at < seconds(17) || *at >= seconds(32)));
}

/// Ten megabytes a second, with 40 MB that may be dirty.
#[test]
fn a_stalled_disk_stops_writers_when_the_dirty_room_is_used_up() {
    let mut sim = writer(Duration::from_millis(1), seconds(40), None);
    let time = Duration::from_secs(20);
    sim.schedule(seconds(11), Fault::StallDisk { machine: MachineId(0), disk: 0, time });
    sim.run_until(seconds(40));
    assert!(disk(&sim).queued_max >= LIMIT, "{}", disk(&sim).queued_max);
    let times = sim.observer().times("written");
    let gap = times.windows(2).map(|pair| (pair[1].since(pair[0]), pair[0])).max().unwrap();
    assert!(gap.1 < seconds(16) && gap.1 + gap.0 >= seconds(31), "{gap:?}");
}
