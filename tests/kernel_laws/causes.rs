//! What led to what: the stretches of a chain add up to its whole, each is as long as the resource
//! took, and keeping them changes nothing.

use headwater_sim::causes::{Causes, Link, LinkId, Spent};
use headwater_sim::disk::{DiskId, DiskSpec, FileId};
use headwater_sim::distribution::Distribution;
use headwater_sim::effect::PoolId;
use headwater_sim::fault::Fault;
use headwater_sim::machine::MachineSpec;
use headwater_sim::node::Completion;
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{BytesPerSecond, NodeId};
use headwater_tests::bench::{Ctx, Entry, Event, Letter, Saw, Sim, actor, add, simulation};

const CLIENT: NodeId = NodeId(0);
const SERVER: NodeId = NodeId(1);

/// A client that waits 3 ms and writes; a server that works for 2 ms on its only thread, behind
/// 5 ms of other work, writes, syncs and answers.
fn bench(log: Vec<std::ops::Range<Time>>) -> Sim {
    let mut sim = simulation(1, SimulationSpec::default());
    let nic = BytesPerSecond(1_000_000_000);
    let sync = Distribution::constant(Duration::from_millis(4));
    let disks = vec![DiskSpec { sync, ..DiskSpec::default() }];
    let machine = |name| MachineSpec { cores: 2, nic, ..MachineSpec::named(name) };
    let client = actor(|| {
        |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => ctx.timer(Duration::from_millis(3), 7),
            Event::Timer(_) => ctx.send(SERVER, Letter { id: 1, bytes: 1_000_000 }),
            Event::Letter(..) => ctx.note(Saw { what: "kept", id: 1, since: Time::ZERO }),
            _ => {}
        }
    });
    let server = actor(|| {
        |ctx: &mut Ctx<'_>, event| match event {
            Event::Letter(..) => {
                ctx.compute(PoolId(0), Duration::from_millis(5), 0);
                ctx.compute(PoolId(0), Duration::from_millis(2), 1);
            }
            Event::Done(1, Completion::Computed) => {
                ctx.write(DiskId(0), FileId(1), Entry { id: 1, bytes: 10 }, 2);
            }
            Event::Done(2, _) => {
                ctx.sync(DiskId(0), FileId(1), 3);
                ctx.sync(DiskId(0), FileId(1), 4);
            }
            Event::Done(4, _) => ctx.send(CLIENT, Letter { id: 2, bytes: 1_000 }),
            _ => {}
        }
    });
    add(&mut sim, machine("client"), &[], client);
    add(&mut sim, MachineSpec { disks, ..machine("server") }, &[1], server);
    if !log.is_empty() {
        sim.keep_causes(log);
    }
    sim
}

fn whole() -> Vec<std::ops::Range<Time>> {
    vec![Time::ZERO..Time::MAX]
}

/// From the kept moment back to the start: how each stretch was spent, and how long it is.
fn chain(causes: &Causes) -> Vec<(Spent, Duration)> {
    let (_, kept) = causes.kept().next().expect("one was kept");
    let mut stretches = Vec::new();
    let mut at: Option<LinkId> = Some(kept);
    while let Some(id) = at {
        let Link { at: until, spent, cause, .. } = *causes.link(id);
        let from = cause.map_or(until, |cause| causes.link(cause).at);
        stretches.push((spent, until.since(from)));
        at = cause;
    }
    stretches.reverse();
    stretches.retain(|(_, took)| *took > Duration::ZERO);
    stretches
}

fn total(stretches: &[(Spent, Duration)], of: Spent) -> Duration {
    Duration(stretches.iter().filter(|(spent, _)| *spent == of).map(|(_, took)| took.0).sum())
}

#[test]
fn the_stretches_of_a_chain_add_up_and_each_is_what_its_resource_took() {
    let mut sim = bench(whole());
    sim.run_until(Time(1_000_000_000));
    let noted = sim.observer().times("kept")[0];
    let causes = sim.take_causes().expect("they were kept");
    let found = chain(&causes);
    let sum: u64 = found.iter().map(|(_, took)| took.0).sum();
    assert_eq!(Time(sum), noted, "{found:?}");
    let ms = Duration::from_millis;
    assert_eq!(total(&found, Spent::Timer), ms(3), "{found:?}");
    assert_eq!(total(&found, Spent::ThreadQueue), ms(5), "{found:?}");
    assert_eq!(total(&found, Spent::Work), ms(2), "{found:?}");
    // Ten bytes at a gigabyte a second, and the flush of the sync before.
    assert_eq!(total(&found, Spent::DiskQueue), ms(4) + Duration(10), "{found:?}");
    assert_eq!(total(&found, Spent::Sync), ms(4), "{found:?}");
    // A megabyte there and a kilobyte back, at a gigabyte a second, through two cards each.
    let card = total(&found, Spent::SenderCard);
    assert_eq!(card, Duration(1_001_000), "{found:?}");
}

#[test]
fn keeping_causes_changes_nothing_and_holds_a_chain_only() {
    let mut prints = Vec::new();
    for log in [Vec::new(), whole(), vec![Time(4_000_000)..Time(9_000_000)]] {
        let mut sim = bench(log);
        sim.run_until(Time(1_000_000_000));
        prints.push(sim.fingerprint());
        assert!(sim.take_causes().is_none_or(|causes| causes.held() < 20));
    }
    assert!(prints.iter().all(|print| *print == prints[0]), "{prints:x?}");
}

#[test]
fn a_process_that_stands_still_and_a_link_that_is_cut_are_told_apart() {
    let ms = |ms: u64| Time(ms * 1_000_000);
    let mut sim = bench(whole());
    sim.schedule(ms(8), Fault::Pause { node: SERVER });
    sim.schedule(ms(28), Fault::Resume { node: SERVER });
    sim.run_until(Time(1_000_000_000));
    let causes = sim.take_causes().expect("they were kept");
    let found = chain(&causes);
    // What has a core goes on to its end: 5 ms, until after 8 ms. Then the rest waits.
    assert!(total(&found, Spent::Stopped) > Duration::from_millis(17), "{found:?}");
    assert_eq!(total(&found, Spent::Work), Duration::from_millis(2), "{found:?}");
    assert_eq!(total(&found, Spent::Resent), Duration::ZERO, "{found:?}");

    let mut sim = bench(whole());
    let (from, to, symmetric) = (vec![CLIENT], vec![SERVER], false);
    sim.schedule(ms(1), Fault::Partition { from, to, symmetric });
    sim.schedule(ms(250), Fault::Heal);
    sim.run_until(Time(2_000_000_000));
    let causes = sim.take_causes().expect("they were kept");
    let found = chain(&causes);
    assert!(total(&found, Spent::Resent) > Duration::from_millis(240), "{found:?}");
    assert_eq!(total(&found, Spent::Stopped), Duration::ZERO, "{found:?}");
}
