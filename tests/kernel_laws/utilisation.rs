//! Utilisation: nothing is busier than the time that passes, however much is asked of it.

use headwater_sim::disk::{DiskId, DiskSpec, FileId};
use headwater_sim::effect::PoolId;
use headwater_sim::fault::Fault;
use headwater_sim::machine::MachineSpec;
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{Bytes, BytesPerSecond, MachineId, NodeId};
use headwater_sim::usage::ResourceKind;
use headwater_tests::bench::{Ctx, Entry, Event, Letter, Sim, actor, add, simulation};

const STEP: Duration = Duration::from_millis(100);

fn machine(name: &str) -> MachineSpec {
    let rate = BytesPerSecond(10_000_000);
    let disk = DiskSpec { write: rate, read: rate, cache: Bytes(0), ..DiskSpec::default() };
    MachineSpec { cores: 2, disks: vec![disk], nic: rate, ..MachineSpec::named(name) }
}

/// Asks everything of its machine every 10 ms from 0.5 s to 1 s: several times what that can do.
fn busybody(peer: NodeId) -> headwater_sim::machine::Factory<headwater_tests::bench::Bench> {
    actor(move || {
        move |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => ctx.timer(Duration::from_millis(500), 0),
            Event::Timer(0) => {
                let bytes = 500_000;
                ctx.send(peer, Letter { id: 0, bytes });
                ctx.write(DiskId(0), FileId(1), Entry { id: 0, bytes }, 1);
                ctx.sync(DiskId(0), FileId(1), 1);
                ctx.read(DiskId(0), FileId(1), 0, 1, 1);
                (0..4).for_each(|_| ctx.compute(PoolId(0), Duration::from_millis(9), 1));
                if ctx.now() < Time::ZERO + Duration::from_secs(1) {
                    ctx.timer(Duration::from_millis(10), 0);
                }
            }
            _ => {}
        }
    })
}

/// Share of each resource in each tenth of a second.
fn shares(mut sim: Sim) -> Vec<(ResourceKind, u32, Vec<f64>)> {
    let mut shares: Vec<(ResourceKind, u32, Vec<f64>)> =
        sim.usage().iter().map(|usage| (usage.kind, usage.machine.0, Vec::new())).collect();
    let mut before = vec![Duration::ZERO; shares.len()];
    for step in 1..=120 {
        sim.run_until(Time::ZERO + STEP * step);
        for ((share, before), usage) in shares.iter_mut().zip(&mut before).zip(sim.usage()) {
            // The pools of a process begin anew with it.
            let anew = usage.kind == ResourceKind::ThreadPool;
            assert!(anew || usage.busy >= *before, "{:?} runs backwards", usage.kind);
            let capacity = STEP * u64::from(usage.servers);
            let used = usage.busy.saturating_sub(*before);
            share.2.push(used.as_secs_f64() / capacity.as_secs_f64());
            *before = usage.busy;
        }
    }
    shares
}

fn overloaded(fault: Option<Fault>) -> Vec<(ResourceKind, u32, Vec<f64>)> {
    let mut sim = simulation(1, SimulationSpec::default());
    add(&mut sim, machine("a"), &[3], busybody(NodeId(1)));
    add(&mut sim, machine("b"), &[3], busybody(NodeId(0)));
    if let Some(fault) = fault {
        sim.schedule(Time::ZERO + Duration::from_millis(750), fault);
    }
    shares(sim)
}

#[test]
fn nothing_is_busier_than_the_time_that_passes() {
    let (machine, disk) = (MachineId(0), 0);
    let time = Duration::from_secs(2);
    let faults = [
        None,
        Some(Fault::SlowDisk { machine, disk, percent: 100_000 }),
        Some(Fault::StallDisk { machine, disk, time }),
        Some(Fault::SlowNic { machine, percent: 10_000 }),
        Some(Fault::SlowCpu { machine, percent: 10_000 }),
        Some(Fault::PowerCut { machine }),
    ];
    for fault in faults {
        for (kind, machine, shares) in overloaded(fault.clone()) {
            let most = shares.iter().copied().fold(0.0, f64::max);
            assert!(most <= 1.0 + 1e-9, "{kind:?} of {machine} is {most} busy with {fault:?}");
        }
    }
}

#[test]
fn what_is_asked_for_too_much_of_is_busy_all_of_the_time() {
    for (kind, _, shares) in overloaded(None) {
        // 50 MB to send, to receive, to write and to read each at 10 MB/s, from half a second on.
        assert!(shares[..4].iter().all(|share| *share == 0.0), "{kind:?}: {shares:?}");
        let wanted = match kind {
            ResourceKind::Cpu | ResourceKind::ThreadPool => 6..10,
            ResourceKind::Disk | ResourceKind::NicOut | ResourceKind::NicIn => 7..25,
        };
        let busy = &shares[wanted.clone()];
        let all = if kind == ResourceKind::ThreadPool { 0.99 } else { 0.999 };
        assert!(busy.iter().all(|share| *share > all), "{kind:?} in {wanted:?}: {shares:?}");
    }
}
