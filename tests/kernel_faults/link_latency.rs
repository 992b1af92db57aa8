//! Slow links of every shape, for a message or for good, and limping network cards.

use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::time::Duration;
use headwater_sim::units::{BytesPerSecond, MachineId, NodeId};

use crate::letters::{A, B, CONNECTION, Care, DATAGRAMS, Letters};

const MS: u64 = 1_000_000;

const fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn slow(extra: Distribution, lasting: bool) -> Fault {
    Fault::SlowLink { from: vec![A], to: vec![B], extra, lasting }
}

/// Each shape, with what it says of itself: share of draws up to so many nanoseconds, in percent.
fn shapes() -> Vec<(Distribution, Vec<(u64, f64)>)> {
    let bimodal = Distribution::Bimodal {
        usual: Box::new(Distribution::constant(millis(1))),
        tail: Box::new(Distribution::constant(millis(300))),
        tail_ppm: 50_000,
    };
    let points = vec![(0, millis(2)), (500_000, millis(4)), (1_000_000, millis(20))];
    vec![
        (
            Distribution::uniform(millis(10), millis(30)),
            vec![(10 * MS - 1, 0.0), (15 * MS, 25.0), (20 * MS, 50.0), (30 * MS, 100.0)],
        ),
        (
            Distribution::Exponential { floor: millis(5), mean: millis(20) },
            vec![(5 * MS - 1, 0.0), (25 * MS, 63.2), (65 * MS, 95.0)],
        ),
        (
            Distribution::LogNormal { median: millis(10), p99: millis(100) },
            vec![(10 * MS, 50.0), (100 * MS, 99.0)],
        ),
        (bimodal, vec![(MS - 1, 0.0), (MS, 95.0), (300 * MS - 1, 95.0), (300 * MS, 100.0)]),
        (Distribution::Quantiles { points }, vec![(4 * MS, 50.0), (12 * MS, 75.0)]),
        (Distribution::constant(millis(7)), vec![(7 * MS - 1, 0.0), (7 * MS, 100.0)]),
    ]
}

#[test]
fn a_slow_link_delays_datagrams_as_its_shape_says() {
    let letters = Letters { count: 4_000, every_ms: 1, ..DATAGRAMS };
    for (shape, shares) in shapes() {
        let run = letters.run(3, &[(0, slow(shape.clone(), false))], 20_000);
        let delays = run.delays();
        assert_eq!(delays.len(), 4_000, "{shape:?}: none is lost");
        for (below, percent) in shares {
            let share = delays.iter().filter(|delay| **delay <= below).count() as f64 / 40.0;
            assert!((share - percent).abs() < 2.5, "{shape:?}: {share} % up to {below} ns");
        }
    }
}

#[test]
fn a_connection_keeps_its_order_on_a_slow_link_of_any_shape() {
    for (shape, _) in shapes() {
        let faults = [(0, slow(shape.clone(), false))];
        let run = Letters { every_ms: 1, ..CONNECTION }.run(3, &faults, 5_000);
        assert_eq!(run.taken(), CONNECTION.all(), "{shape:?}");
        let mean = run.delays().iter().sum::<u64>() / CONNECTION.count;
        assert!(mean >= shape.mean().0 * 9 / 10, "{shape:?}: {mean} ns on average");
    }
}

#[test]
fn datagrams_on_a_slow_link_overtake_each_other_and_a_careful_pair_takes_each_once() {
    let letters = Letters { every_ms: 1, ..DATAGRAMS };
    let faults = [(0, slow(Distribution::uniform(millis(0), millis(100)), false))];
    let bare = letters.run(4, &faults, 3_000).taken();
    let overtaken = bare.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!(overtaken > 50, "{overtaken} of 200");
    // Slower than the sender's patience: it sends again, and the copies come too.
    let copies = letters.care(Care::SendsAgain).run(4, &faults, 3_000).taken().len();
    assert!(copies > 220, "{copies} taken of 200");
    assert_eq!(letters.care(Care::TakesOnce).run(4, &faults, 3_000).sorted(), letters.all());
}

#[test]
fn lasting_slowness_is_one_draw_for_a_pair_until_the_link_is_restored() {
    let extra = Distribution::uniform(millis(10), millis(30));
    let draws: Vec<u64> = (0..20)
        .map(|seed| {
            let restore = Fault::RestoreLink { from: vec![A], to: vec![B] };
            let faults = [(0, slow(extra.clone(), true)), (995, restore)];
            let delays = DATAGRAMS.run(seed, &faults, 3_000).delays();
            assert!(delays[..96].iter().all(|delay| *delay == delays[0]), "{:?}", &delays[..96]);
            assert!(delays[103..].iter().all(|delay| *delay == 0), "{:?}", &delays[103..]);
            delays[0]
        })
        .collect();
    assert!(draws.iter().all(|draw| (10 * MS..=30 * MS).contains(draw)), "{draws:?}");
    let (low, high) = (draws.iter().min(), draws.iter().max());
    assert!(low < Some(&(14 * MS)) && high > Some(&(26 * MS)), "{draws:?}");
}

#[test]
fn lasting_slowness_differs_from_pair_to_pair() {
    let both = vec![A, B];
    let extra = Distribution::uniform(millis(10), millis(30));
    let fault = Fault::SlowLink { from: both.clone(), to: both, extra, lasting: true };
    let run = CONNECTION.care(Care::TakesOnce).run(5, &[(0, fault.clone())], 3_000);
    assert_eq!(run.taken(), CONNECTION.all());
    let told = |node: NodeId| run.sim.log().entries().find(move |entry| entry.node == node);
    assert!(told(B).is_some());
    let there = run.delays()[0];
    // An ack's way back: the first letter to A, less the way there.
    let back = run.sim.log().entries().filter(|entry| entry.node == A && entry.what == "message");
    let last = back.last().expect("acks came").at.0 - 2_000 * MS;
    let back = last - there - 10 * MS;
    assert_ne!(there, back);
    assert!((10 * MS..=30 * MS).contains(&back), "{there} ns there, {back} ns back");
}

/// 1,000 bytes at 1 MB/s are 1 ms; at a tenth of the speed 10 ms, while one comes every 5 ms.
#[test]
fn a_limping_network_card_queues_what_it_sends_and_loses_nothing() {
    let nic = BytesPerSecond(1_000_000);
    let letters = Letters { bytes: 1_000, every_ms: 5, nic, ..CONNECTION };
    let limp = |percent| Fault::SlowNic { machine: MachineId(0), percent };
    let run = letters.run(1, &[(103, limp(1_000)), (303, limp(100))], 2_000);
    assert_eq!(run.taken(), letters.all());
    let delays: Vec<_> = run.delays().iter().map(|delay| delay / MS).collect();
    assert!(delays[..20].iter().all(|delay| *delay == 1), "{delays:?}");
    // The first limping one leaves after 10 ms, each one later waits 5 ms more than the one before.
    assert_eq!(delays[20..24], [10, 15, 20, 25]);
    assert_eq!(delays[59], 10 + 39 * 5, "the last before it is well again");
    assert_eq!(delays[199], 1, "the queue is gone");
}

#[test]
fn a_receiver_with_a_limping_card_takes_in_as_slowly() {
    let nic = BytesPerSecond(1_000_000);
    let letters = Letters { bytes: 1_000, every_ms: 5, nic, ..CONNECTION };
    let limp = Fault::SlowNic { machine: MachineId(1), percent: 1_000 };
    let run = letters.run(1, &[(0, limp)], 4_000);
    assert_eq!(run.taken(), letters.all());
    let delays: Vec<_> = run.delays().iter().map(|delay| delay / MS).collect();
    assert_eq!(delays[..3], [1, 6, 11], "taken in bit by bit, then behind the one before");
    assert_eq!(delays[199], 1 + 199 * 5);
}
