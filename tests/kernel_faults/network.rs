//! Partitions and slow links.

use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::machine::{Factory, MachineSpec};
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;
use headwater_tests::bench::{Bench, Ctx, Event, Sim, actor, add};

use crate::{letter, ms, saw, world};

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);

/// Letters number from here on are sent as datagrams.
const DATAGRAM: u64 = 1_000;

/// Writes to `peer` every 10 ms, a letter over the connection and a datagram.
fn talker(peer: NodeId) -> Factory<Bench> {
    actor(move || {
        move |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => ctx.timer(Duration::from_millis(10), 1),
            Event::Timer(id) => {
                ctx.send(peer, letter(id));
                ctx.datagram(peer, letter(DATAGRAM + id));
                ctx.timer(Duration::from_millis(10), id + 1);
            }
            Event::Letter(_, letter) => {
                let what = if letter.id > DATAGRAM { "datagram" } else { "letter" };
                saw(ctx, what, letter.id % DATAGRAM);
            }
            Event::Broken(_) => saw(ctx, "broken", 0),
            _ => {}
        }
    })
}

fn two_talkers() -> Sim {
    let mut sim = world(1);
    add(&mut sim, MachineSpec::named("a"), &[], talker(B));
    add(&mut sim, MachineSpec::named("b"), &[], talker(A));
    sim
}

/// What reached `node`: (number, millisecond).
fn reached(sim: &Sim, node: NodeId, what: &str) -> Vec<(u64, u64)> {
    let lines = sim.observer().about(what).filter(|line| line.node == node);
    lines.map(|line| (line.saw.id, line.at.0 / 1_000_000)).collect()
}

fn cut(symmetric: bool) -> Fault {
    Fault::Partition { from: vec![A], to: vec![B], symmetric }
}

#[test]
fn a_partition_loses_datagrams_and_holds_the_connection_until_it_heals() {
    let mut sim = two_talkers();
    sim.schedule(ms(32), cut(true));
    sim.schedule(ms(100), Fault::Heal);
    sim.run_until(ms(300));
    for node in [A, B] {
        let letters = reached(&sim, node, "letter");
        let numbers: Vec<_> = letters.iter().map(|(id, _)| *id).collect();
        let all = (1..=numbers.len() as u64).collect::<Vec<_>>();
        assert_eq!(numbers, all, "every letter, once, in order");
        // Letter 3 reached the cut at 35 ms and is retransmitted after 200 ms (TCP_RTO_MIN).
        assert_eq!(letters[2], (3, 240));
        assert_eq!(letters[..2], [(1, 15), (2, 25)]);
        let datagrams = reached(&sim, node, "datagram");
        assert_eq!(datagrams[..4], [(1, 15), (2, 25), (10, 105), (11, 115)], "3 to 9 are lost");
    }
    assert_eq!(sim.totals().messages_lost, 14);
    assert_eq!(sim.observer().ids("broken"), [0u64; 0]);
}

#[test]
fn a_one_way_partition_cuts_one_way() {
    let mut sim = two_talkers();
    sim.schedule(ms(32), cut(false));
    sim.run_until(ms(300));
    assert_eq!(reached(&sim, B, "letter"), [(1, 15), (2, 25)]);
    assert_eq!(reached(&sim, A, "letter").len(), 29);
    assert_eq!(reached(&sim, A, "datagram").len(), 29);
}

#[test]
fn retransmission_backs_off_so_that_a_long_partition_outlasts_its_heal() {
    let mut sim = two_talkers();
    sim.schedule(ms(32), cut(true));
    // Tries at 235, 635, 1435 and 3035 ms.
    sim.schedule(ms(1_500), Fault::Heal);
    sim.run_until(ms(3_100));
    let letters = reached(&sim, B, "letter");
    assert_eq!(letters[2], (3, 3_040));
}

/// Two letters are on their way when the cut comes, and it heals between them.
#[test]
fn a_heal_lets_no_letter_overtake_one_that_is_held() {
    let mut sim = world(1);
    add(
        &mut sim,
        MachineSpec::named("a"),
        &[],
        actor(|| {
            |ctx: &mut Ctx<'_>, event| match event {
                Event::Start => (1..=4).for_each(|id| ctx.timer(Duration::from_millis(id), id)),
                Event::Timer(id) => ctx.send(B, letter(id)),
                _ => {}
            }
        }),
    );
    add(&mut sim, MachineSpec::named("b"), &[], talker(A));
    sim.schedule(ms(5), cut(true));
    sim.schedule(ms(8), Fault::Heal);
    sim.run_until(ms(1_000));
    let numbers: Vec<_> = reached(&sim, B, "letter").iter().map(|(id, _)| *id).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[test]
fn a_slow_link_delays_one_way_until_it_is_restored() {
    let mut sim = two_talkers();
    let extra = Distribution::constant(Duration::from_millis(30));
    sim.schedule(ms(15), Fault::SlowLink { from: vec![A], to: vec![B], extra, lasting: false });
    sim.schedule(ms(45), Fault::RestoreLink { from: vec![A], to: vec![B] });
    sim.run_until(ms(100));
    let to_b = reached(&sim, B, "letter");
    // 2, 3 and 4 take 35 ms; 5 to 7 are fast again but keep their place behind 4.
    let expected = [(1, 15), (2, 55), (3, 65), (4, 75), (5, 75), (6, 75), (7, 75), (8, 85)];
    assert_eq!(to_b[..8], expected);
    let datagrams = reached(&sim, B, "datagram");
    assert_eq!(datagrams[..4], [(1, 15), (2, 55), (5, 55), (3, 65)], "datagrams overtake");
    assert_eq!(reached(&sim, A, "letter")[..3], [(1, 15), (2, 25), (3, 35)]);
}
