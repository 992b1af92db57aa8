//! Crash, restart, pause, slow cores.

use headwater_sim::disk::{DiskId, FileId};
use headwater_sim::effect::PoolId;
use headwater_sim::fault::Fault;
use headwater_sim::machine::{Factory, MachineSpec};
use headwater_sim::node::Completion;
use headwater_sim::time::Duration;
use headwater_sim::units::{MachineId, NodeId};
use headwater_tests::bench::{Bench, Ctx, Entry, Event, actor, add};

use crate::{letter, ms, saw, world};

const READER: NodeId = NodeId(0);
const WRITER: NodeId = NodeId(1);
const DISK: DiskId = DiskId(0);
const FILE: FileId = FileId(1);

/// Notes what it gets.
fn reader() -> Factory<Bench> {
    actor(|| {
        |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => saw(ctx, "started", 0),
            Event::Letter(_, letter) => saw(ctx, "got", letter.id),
            _ => {}
        }
    })
}

/// Writes a letter every 10 ms, and notes broken connections.
fn writer() -> Factory<Bench> {
    actor(|| {
        |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => ctx.timer(Duration::from_millis(10), 1),
            Event::Timer(id) => {
                ctx.send(READER, letter(id));
                ctx.timer(Duration::from_millis(10), id + 1);
            }
            Event::Broken(_) => saw(ctx, "broken", 0),
            _ => {}
        }
    })
}

#[test]
fn a_crash_loses_what_is_in_flight_and_the_peer_learns_of_it() {
    let mut sim = world(1);
    add(&mut sim, MachineSpec::named("reader"), &[], reader());
    add(&mut sim, MachineSpec::named("writer"), &[], writer());
    // Letter 3 leaves at 30 ms and would arrive at 35 ms.
    sim.schedule(ms(33), Fault::Crash { node: READER });
    sim.schedule(ms(96), Fault::Restart { node: READER });
    sim.run_until(ms(134));
    let diary = sim.observer();
    // 4 to 9 found nobody; 10 arrives at 105 ms.
    assert_eq!(diary.ids("got"), [1, 2, 10, 11, 12]);
    assert_eq!(diary.times("broken")[0], ms(38), "one latency after the crash");
    assert_eq!(diary.times("started"), [ms(0), ms(96)]);
    assert_eq!(sim.totals().messages_lost, 7);
    let faults = sim.log().entries().filter(|entry| entry.what == "fault");
    assert_eq!(faults.map(|entry| entry.kind).collect::<Vec<_>>(), ["crash", "restart"]);
}

/// Writes three entries and syncs the first; on a later start reads what is there.
fn keeper() -> Factory<Bench> {
    actor(|| {
        let mut memory = 0;
        move |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => {
                memory += 1;
                saw(ctx, "memory", memory);
                ctx.read(DISK, FILE, 0, 10, 1);
            }
            Event::Done(1, Completion::Failed(_)) => {
                ctx.write(DISK, FILE, Entry { id: 7, bytes: 100 }, 2);
                ctx.sync(DISK, FILE, 2);
                ctx.write(DISK, FILE, Entry { id: 8, bytes: 100 }, 2);
                ctx.write(DISK, FILE, Entry { id: 9, bytes: 100 }, 2);
                // All of these belong to the first life.
                ctx.timer(Duration::from_millis(100), 3);
                ctx.compute(PoolId(0), Duration::from_millis(100), 4);
                ctx.send(READER, letter(5));
            }
            Event::Done(1, Completion::Read { records, damaged }) => {
                assert!(!damaged, "nothing is torn by a crash");
                records.iter().for_each(|record| saw(ctx, "found", record.id));
            }
            Event::Timer(_) => saw(ctx, "timer of the first life", 0),
            Event::Done(4, _) => saw(ctx, "work of the first life", 0),
            _ => {}
        }
    })
}

#[test]
fn a_crash_keeps_the_page_cache_and_a_restart_finds_its_disk_and_nothing_else() {
    let mut sim = world(1);
    add(&mut sim, MachineSpec::named("reader"), &[], reader());
    add(&mut sim, MachineSpec::named("keeper"), &[1], keeper());
    sim.schedule(ms(50), Fault::Crash { node: WRITER });
    sim.run_until(ms(55));
    assert!(!sim.is_up(WRITER));
    let durable: Vec<_> = sim.disk_records(WRITER).map(|(.., durable)| durable).collect();
    assert_eq!(durable, [true, false, false]);
    sim.schedule(ms(60), Fault::Restart { node: WRITER });
    sim.run_until(ms(500));
    let diary = sim.observer();
    assert_eq!(diary.ids("memory"), [1, 1], "memory is gone");
    assert_eq!(diary.ids("found"), [7, 8, 9], "the page cache is not");
    assert_eq!(diary.ids("timer of the first life"), [0u64; 0]);
    assert_eq!(diary.ids("work of the first life"), [0u64; 0]);
    assert_eq!(diary.ids("got"), [5], "what had left before the crash arrives");
}

/// Computes 2 ms for every letter and notes when it began and when it was done.
fn worker() -> Factory<Bench> {
    actor(|| {
        |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => ctx.timer(Duration::from_millis(25), 77),
            Event::Timer(tag) => saw(ctx, "timer", tag),
            Event::Letter(_, letter) => {
                saw(ctx, "got", letter.id);
                ctx.compute(PoolId(0), Duration::from_millis(2), letter.id);
            }
            Event::Done(id, _) => saw(ctx, "computed", id),
            Event::Broken(_) => saw(ctx, "broken", 0),
            _ => {}
        }
    })
}

#[test]
fn a_pause_defers_every_input_and_loses_none() {
    let mut sim = world(1);
    add(&mut sim, MachineSpec::named("worker"), &[1], worker());
    add(&mut sim, MachineSpec::named("writer"), &[], writer());
    sim.schedule(ms(16), Fault::Pause { node: READER });
    sim.schedule(ms(52), Fault::Resume { node: READER });
    sim.run_until(ms(64));
    let diary = sim.observer();
    assert_eq!(diary.ids("got"), [1, 2, 3, 4, 5]);
    assert_eq!(diary.times("got"), [ms(15), ms(52), ms(52), ms(52), ms(55)]);
    assert_eq!(diary.times("timer"), [ms(52)], "due at 25 ms");
    // Letter 1's work was on a core at 16 ms; its completion waits. Then 2, 3, 4 one by one.
    assert_eq!(diary.times("computed"), [ms(52), ms(54), ms(56), ms(58), ms(60)]);
    assert_eq!(diary.ids("broken"), [0u64; 0], "a paused process keeps its connections");
}

#[test]
fn slow_cores_stretch_the_work_that_starts_on_them() {
    let mut sim = world(1);
    add(&mut sim, MachineSpec::named("worker"), &[1], worker());
    add(&mut sim, MachineSpec::named("writer"), &[], writer());
    let machine = MachineId(0);
    sim.schedule(ms(20), Fault::SlowCpu { machine, percent: 300 });
    sim.schedule(ms(40), Fault::SlowCpu { machine, percent: 100 });
    sim.run_until(ms(50));
    assert_eq!(sim.observer().times("computed"), [ms(17), ms(31), ms(41), ms(47)]);
}
