//! The network: serialisation on the card, the bandwidth-delay product.

use headwater_sim::distribution::Distribution;
use headwater_sim::machine::{Factory, MachineSpec};
use headwater_sim::network::NetworkSpec;
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{BytesPerSecond, NodeId};
use headwater_sim::usage::ResourceKind;
use headwater_tests::bench::{Bench, Ctx, Event, Letter, Saw, Sim, actor, add, simulation};

use crate::law::holds;

const LATENCY: Duration = Duration::from_millis(5);
/// 100 MB/s: a byte takes 10 ns.
const CARD: BytesPerSecond = BytesPerSecond(100_000_000);
const LETTER_BYTES: u64 = 10_000;
/// Time that the card takes over a letter.
const TRANSFER: Duration = Duration(LETTER_BYTES * 10);
const RECEIVER: NodeId = NodeId(0);

fn network() -> Sim {
    network_of(1.0)
}

/// With latencies that are shorter by the factor `speed`.
fn network_of(speed: f64) -> Sim {
    let latency = Distribution::constant(Duration((LATENCY.0 as f64 / speed) as u64));
    let network = NetworkSpec { latency, ..NetworkSpec::default() };
    simulation(1, SimulationSpec { network, ..SimulationSpec::default() })
}

fn machine(name: &str) -> MachineSpec {
    faster(name, 1.0)
}

/// With a card of `speed` times the bandwidth.
fn faster(name: &str, speed: f64) -> MachineSpec {
    let nic = BytesPerSecond((CARD.0 as f64 * speed) as u64);
    MachineSpec { nic, ..MachineSpec::named(name) }
}

/// Notes every letter, and answers it with an empty one if `acks`.
fn receiver(acks: bool) -> Factory<Bench> {
    actor(move || {
        move |ctx: &mut Ctx<'_>, event| {
            if let Event::Letter(from, Letter { id, .. }) = event {
                ctx.note(Saw { what: "got", id, since: Time::ZERO });
                if acks {
                    ctx.send(from, Letter { id, bytes: 0 });
                }
            }
        }
    })
}

/// Sends `window` letters at the start and one more on every answer.
fn sender(window: u64) -> Factory<Bench> {
    actor(move || {
        let mut next = 0;
        move |ctx: &mut Ctx<'_>, event| {
            let letters = match event {
                Event::Start => window,
                _ => 1,
            };
            for _ in 0..letters {
                ctx.send(RECEIVER, Letter { id: next, bytes: LETTER_BYTES });
                next += 1;
            }
        }
    })
}

#[test]
fn letters_sent_at_once_leave_the_card_one_after_the_other() {
    let mut sim = network();
    add(&mut sim, machine("receiver"), &[], receiver(false));
    add(&mut sim, machine("sender"), &[], sender(20));
    sim.run_until(Time::ZERO + Duration::from_secs(1));
    let expected: Vec<_> = (1..=20).map(|nth| Time::ZERO + LATENCY + TRANSFER * nth).collect();
    assert_eq!(sim.observer().times("got"), expected);
    for kind in [ResourceKind::NicOut, ResourceKind::NicIn] {
        let busy: u64 =
            sim.usage().iter().filter(|usage| usage.kind == kind).map(|usage| usage.busy.0).sum();
        assert_eq!(busy, TRANSFER.0 * 20, "{kind:?}");
    }
}

#[test]
fn letters_of_two_senders_queue_at_the_receiving_card() {
    let mut sim = network();
    add(&mut sim, machine("receiver"), &[], receiver(false));
    add(&mut sim, machine("sender-1"), &[], sender(20));
    add(&mut sim, machine("sender-2"), &[], sender(20));
    sim.run_until(Time::ZERO + Duration::from_secs(1));
    let times = sim.observer().times("got");
    assert_eq!(times.len(), 40);
    // Both senders fill the card: 40 letters take 40 transfers, after the first has come in.
    assert_eq!(times[39], Time::ZERO + LATENCY + TRANSFER * 40);
}

/// Throughput is the lesser of the card's bandwidth and window / (round trip + transfer).
#[test]
fn throughput_is_capped_by_the_window_up_to_the_bandwidth_delay_product() {
    let round_trip = LATENCY * 2 + TRANSFER;
    let product = round_trip.0 as f64 / TRANSFER.0 as f64;
    for window in [1, 10, 50, 100, 102, 200, 400] {
        let share = (window as f64 / product).min(1.0);
        let (what, want) = (format!("window of {window}"), CARD.0 as f64 * share);
        holds(&what, want, 0.005, |speed| windowed(window, speed));
    }
}

/// Bytes a second with so many letters under way, on a network where everything is faster by the
/// factor `speed`.
fn windowed(window: u64, speed: f64) -> f64 {
    let mut sim = network_of(speed);
    add(&mut sim, faster("receiver", speed), &[], receiver(true));
    add(&mut sim, faster("sender", speed), &[], sender(window));
    let (settled, end) = (Time::ZERO + Duration::from_secs(1), Duration::from_secs(5));
    sim.run_until(settled + end);
    let got = sim.observer().times("got");
    let letters = got.iter().filter(|at| **at > settled).count() as f64;
    letters * LETTER_BYTES as f64 / end.as_secs_f64()
}

/// A link with jitter is a pipe, not a server: its latency does not cap its throughput.
#[test]
fn jitter_delays_letters_without_serialising_them() {
    let latency = Distribution::uniform(Duration::from_millis(1), Duration::from_millis(9));
    let network = NetworkSpec { latency, ..NetworkSpec::default() };
    let mut sim: Sim = simulation(1, SimulationSpec { network, ..SimulationSpec::default() });
    add(&mut sim, MachineSpec::named("receiver"), &[], receiver(false));
    add(&mut sim, MachineSpec::named("sender"), &[], sender(1_000));
    sim.run_until(Time::ZERO + Duration::from_secs(1));
    let times = sim.observer().times("got");
    assert_eq!(times.len(), 1_000);
    assert!(times[999] <= Time::ZERO + Duration::from_millis(9), "{}", times[999]);
    assert_eq!(sim.observer().ids("got"), (0..1_000).collect::<Vec<_>>(), "in order, as TCP");
}
