//! Small messages: what a card takes of them in a second, and how long one is on its way.
//!
//! To the kernel a message is as large as it says, headers included; it adds nothing of its own and
//! forgives nothing. So many small messages are as long on a card as one that is as large as they
//! are together, and the kernel's rounding, up to a nanosecond for each, is all that may be added.

use headwater_sim::distribution::Distribution;
use headwater_sim::machine::{Factory, MachineSpec};
use headwater_sim::network::NetworkSpec;
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{BytesPerSecond, NodeId};
use headwater_sim::usage::ResourceKind;
use headwater_tests::bench::{Bench, Ctx, Event, Letter, Saw, Sim, actor, add, simulation};

use crate::law::{holds, refuses};

/// Headers of a segment: Ethernet 14 B, IPv4 20 B (RFC 791), TCP 20 B (RFC 9293) with timestamps
/// 12 B (RFC 7323).
const HEADERS: u64 = 66;
/// A byte, a cache line, and what is left for data of an MTU of 1,500 B.
const PAYLOADS: [u64; 3] = [1, 64, 1_448];
const LATENCY: Duration = Duration::from_micros(50);
/// 1 Gbit/s: a byte takes 8 ns.
const GIGABIT: f64 = 125e6;
const SECOND: Duration = Duration::from_secs(1);

fn network() -> Sim {
    let network =
        NetworkSpec { latency: Distribution::constant(LATENCY), ..NetworkSpec::default() };
    simulation(1, SimulationSpec { network, ..SimulationSpec::default() })
}

fn machine(name: &str, rate: f64) -> MachineSpec {
    MachineSpec { nic: BytesPerSecond(rate as u64), ..MachineSpec::named(name) }
}

/// Notes every letter.
fn receiver() -> Factory<Bench> {
    actor(|| {
        |ctx: &mut Ctx<'_>, event| {
            if let Event::Letter(_, Letter { id, .. }) = event {
                ctx.note(Saw { what: "got", id, since: Time::ZERO });
            }
        }
    })
}

/// Hands its card so many letters of `bytes` every millisecond, and never lets it run dry.
fn flood(to: NodeId, bytes: u64, letters: u64) -> Factory<Bench> {
    actor(move || {
        move |ctx: &mut Ctx<'_>, event| {
            if !matches!(event, Event::Letter(..)) {
                (0..letters).for_each(|id| ctx.send(to, Letter { id, bytes }));
                ctx.timer(Duration::from_millis(1), 0);
            }
        }
    })
}

/// Letters of `bytes` that come through in a second at cards of `rate`, once both ways are full.
fn letters_a_second(rate: f64, bytes: u64) -> f64 {
    let mut sim = network();
    let to = add(&mut sim, machine("receiver", rate), &[], receiver());
    let letters = (rate / 1e3 / bytes as f64 * 1.2) as u64 + 2;
    add(&mut sim, machine("sender", rate), &[], flood(to, bytes, letters));
    // A twentieth of a second is thousands of letters.
    let (from, length) = (Time::ZERO + Duration::from_millis(5), SECOND / 20);
    sim.run_until(from + length);
    sim.observer().times("got").iter().filter(|at| **at > from).count() as f64 * 20.0
}

/// Bandwidth over bytes on the wire.
#[test]
fn a_card_takes_as_many_small_messages_as_its_bandwidth_and_their_headers_give() {
    for payload in PAYLOADS {
        let bytes = payload + HEADERS;
        let want = GIGABIT / bytes as f64;
        let what = format!("messages of {payload} B a second");
        holds(&what, want, 0.002, |speed| letters_a_second(GIGABIT * speed, bytes));
        // Headers that are 5 % of a whole segment too many are no rounding error either.
        let more = bytes + bytes.div_ceil(20);
        refuses(&what, letters_a_second(GIGABIT, more), want, 0.002);
    }
}

/// Where a byte is no whole number of nanoseconds a message is up to one longer, and never shorter.
#[test]
fn what_a_small_message_takes_is_rounded_up_to_a_nanosecond_and_no_more() {
    for (gigabit, payload) in [(10, 64), (10, 1_448), (25, 1_448), (100, 1_448)] {
        let (rate, bytes) = (GIGABIT * f64::from(gigabit), payload + HEADERS);
        let exact = bytes as f64 * 1e9 / rate;
        let want = 1e9 / exact.ceil();
        let what = format!("messages of {payload} B at {gigabit} Gbit/s");
        // Not less than with a nanosecond more, and not more than without rounding.
        assert!(want > 1e9 / (exact + 1.0) && want <= 1e9 / exact, "{what}");
        holds(&what, want, 0.003, |speed| letters_a_second(rate * speed, bytes));
    }
}

/// Passes what it gets on.
fn relay(to: NodeId) -> Factory<Bench> {
    actor(move || {
        move |ctx: &mut Ctx<'_>, event| {
            if let Event::Letter(_, letter) = event {
                ctx.send(to, letter);
            }
        }
    })
}

/// Sends one letter.
fn once(to: NodeId, bytes: u64) -> Factory<Bench> {
    actor(move || {
        move |ctx: &mut Ctx<'_>, event| {
            if let Event::Start = event {
                ctx.send(to, Letter { id: 0, bytes });
            }
        }
    })
}

/// How long a letter takes over so many links, in nanoseconds.
fn way(hops: u32, rate: f64, latency: f64, bytes: u64) -> f64 {
    let latency = Distribution::constant(Duration((LATENCY.0 as f64 * latency) as u64));
    let network = NetworkSpec { latency, ..NetworkSpec::default() };
    let mut sim: Sim = simulation(1, SimulationSpec { network, ..SimulationSpec::default() });
    let mut to = add(&mut sim, machine("last", rate), &[], receiver());
    for hop in 1..hops {
        to = add(&mut sim, machine(&format!("relay-{hop}"), rate), &[], relay(to));
    }
    add(&mut sim, machine("first", rate), &[], once(to, bytes));
    sim.run_until(Time::ZERO + SECOND);
    sim.observer().times("got")[0].0 as f64
}

/// Store and forward: a latency and a transfer for each link.
#[test]
fn latencies_and_transfers_of_a_way_sum() {
    for payload in PAYLOADS {
        let bytes = payload + HEADERS;
        for hops in [1, 2, 5] {
            let transfer = bytes as f64 * 8.0;
            let want = f64::from(hops) * (LATENCY.0 as f64 + transfer);
            let what = format!("{payload} B over {hops} links");
            holds(&what, want, 1e-9, |slower| way(hops, GIGABIT, slower, bytes));
            holds(&what, want, 1e-5, |speed| way(hops, GIGABIT * speed, 1.0, bytes));
        }
    }
}

/// Eight senders, of which each could fill the card of the receiver by itself.
#[test]
fn small_messages_of_many_senders_share_the_receiving_card() {
    for payload in PAYLOADS {
        let bytes = payload + HEADERS;
        let measure = |speed: f64| {
            let mut sim = network();
            let to = add(&mut sim, machine("receiver", GIGABIT * speed), &[], receiver());
            let letters = (GIGABIT / 1e3 / bytes as f64 / 8.0 * 1.2) as u64 + 2;
            for sender in 0..8 {
                let spec = machine(&format!("sender-{sender}"), GIGABIT);
                add(&mut sim, spec, &[], flood(to, bytes, letters));
            }
            let (from, length) = (Time::ZERO + Duration::from_millis(5), SECOND / 20);
            sim.run_until(from + length);
            sim.observer().times("got").iter().filter(|at| **at > from).count() as f64 * 20.0
        };
        let want = GIGABIT / bytes as f64;
        holds(&format!("{payload} B of eight senders"), want, 0.003, measure);
    }
}

/// What goes out takes nothing of what comes in.
#[test]
fn a_card_is_full_both_ways_at_once() {
    let bytes = PAYLOADS[1] + HEADERS;
    let busy = |speed: f64| {
        let mut sim = network();
        // As much as cards of a gigabit have time for, and not more.
        let letters = (GIGABIT / 1e3 / bytes as f64) as u64;
        for (name, to) in [("left", NodeId(1)), ("right", NodeId(0))] {
            add(&mut sim, machine(name, GIGABIT * speed), &[], flood(to, bytes, letters));
        }
        let ways = |sim: &Sim| -> Vec<f64> {
            let cards = sim
                .usage()
                .into_iter()
                .filter(|usage| matches!(usage.kind, ResourceKind::NicOut | ResourceKind::NicIn));
            cards.map(|usage| usage.busy.as_secs_f64()).collect()
        };
        sim.run_until(Time::ZERO + SECOND / 100);
        let before = ways(&sim);
        sim.run_until(Time::ZERO + SECOND / 20);
        let shares: Vec<f64> = ways(&sim).iter().zip(before).map(|(b, a)| (b - a) / 0.04).collect();
        assert_eq!(shares.len(), 4);
        shares
    };
    for way in 0..4 {
        // At 95 % of the speed all of the time, and no more than that, is not enough.
        let least = busy(1.0)[way];
        assert!((0.995..=1.0).contains(&least), "way {way}: {least}");
        assert!((0.94..0.96).contains(&busy(1.05)[way]), "way {way}, faster");
    }
}
