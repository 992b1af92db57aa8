//! Loss, duplication, reordering and narrow places: datagrams suffer them, connections pay in time.

use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::impairment::Impairment;
use headwater_sim::time::Duration;
use headwater_sim::units::{Bytes, BytesPerSecond};

use crate::letters::{A, B, CONNECTION, Care, DATAGRAMS, Letters};

const MS: u64 = 1_000_000;

/// Both ways, from the start.
fn impaired(by: &Impairment) -> [(u64, Fault); 2] {
    let way = |from, to| Fault::Impair { from: vec![from], to: vec![to], by: by.clone() };
    [(0, way(A, B)), (0, way(B, A))]
}

fn narrow() -> Impairment {
    Impairment::Bandwidth { rate: BytesPerSecond(10_000), queue: Bytes(1_000) }
}

fn reorder() -> Impairment {
    let by = Distribution::uniform(Duration::from_millis(20), Duration::from_millis(60));
    Impairment::Reorder { ppm: 200_000, by }
}

#[test]
fn a_lossy_link_loses_its_share_of_datagrams() {
    let letters = Letters { count: 4_000, every_ms: 1, ..DATAGRAMS };
    let run = letters.run(1, &impaired(&Impairment::Loss(300_000)), 5_000);
    let taken = run.taken().len();
    assert!((2_680..2_920).contains(&taken), "{taken} of 4,000 at 30 % loss");
    assert_eq!(run.sim.totals().messages_lost, 4_000 - taken as u64);
}

#[test]
fn who_sends_again_and_drops_copies_survives_loss() {
    for seed in 0..10 {
        let faults = impaired(&Impairment::Loss(300_000));
        let letters = DATAGRAMS.care(Care::TakesOnce);
        assert_eq!(letters.run(seed, &faults, 4_000).sorted(), letters.all(), "seed {seed}");
        // A lost ack makes a copy, which is taken again by who does not look.
        let copies = DATAGRAMS.care(Care::SendsAgain).run(seed, &faults, 4_000).taken().len();
        assert!(copies > 240, "seed {seed}: {copies} of 200");
    }
}

#[test]
fn a_connection_hides_loss_and_pays_for_it_in_time() {
    let run = CONNECTION.run(1, &impaired(&Impairment::Loss(50_000)), 4_000);
    assert_eq!(run.taken(), CONNECTION.all(), "every letter, once, in order");
    let delays = run.delays();
    let slow = delays.iter().filter(|delay| **delay >= 200 * MS).count();
    assert!(slow > 3, "{slow} waited for a retransmission of 200 ms");
    let clean = CONNECTION.run(1, &[], 4_000);
    assert!(clean.delays().iter().all(|delay| *delay == 0));
    // One letter is lost: those behind it come with it, not before.
    let first = delays.iter().position(|delay| *delay > 0).expect("one was lost");
    assert!(delays[first] > delays[first + 1], "{:?}", &delays[first..first + 2]);
}

#[test]
fn a_link_that_doubles_datagrams_is_noticed_by_who_does_not_look() {
    let faults = impaired(&Impairment::Duplicate(200_000));
    let letters = Letters { count: 4_000, every_ms: 1, ..DATAGRAMS };
    let taken = letters.run(1, &faults, 5_000).taken().len();
    assert!((4_700..4_900).contains(&taken), "{taken} taken of 4,000 at 20 %");
    let once = letters.care(Care::TakesOnce).run(1, &faults, 5_000);
    assert_eq!(once.sorted(), letters.all());
    let connection = CONNECTION.run(1, &faults, 4_000);
    assert_eq!(connection.taken(), CONNECTION.all());
    assert!(connection.delays().iter().all(|delay| *delay == 0), "at no cost");
}

#[test]
fn a_link_that_reorders_lets_datagrams_overtake_and_connections_wait() {
    let bare = DATAGRAMS.run(1, &impaired(&reorder()), 4_000);
    let overtaken = bare.taken().windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!((20..60).contains(&overtaken), "{overtaken} of 200");
    assert_eq!(bare.sorted(), DATAGRAMS.all());
    let careful = DATAGRAMS.care(Care::TakesOnce).run(1, &impaired(&reorder()), 4_000);
    assert_eq!(careful.sorted(), DATAGRAMS.all());
    let connection = CONNECTION.run(1, &impaired(&reorder()), 4_000);
    assert_eq!(connection.taken(), CONNECTION.all());
    let late = connection.delays().iter().filter(|delay| **delay > 0).count();
    assert!(late > 60, "{late} of 200 waited for one held back");
}

/// 1,000 bytes each 10 ms are ten times what passes.
#[test]
fn a_narrow_link_drops_datagrams_at_a_full_queue() {
    let letters = Letters { bytes: 1_000, count: 50, ..DATAGRAMS };
    let run = letters.run(1, &impaired(&narrow()), 4_000);
    let taken = run.taken().len();
    // One a tenth of a second passes, of the half second and what then waits.
    assert!((5..9).contains(&taken), "{taken} of 50");
    assert_eq!(run.sim.totals().messages_lost, 50 - taken as u64);
    let careful = letters.care(Care::TakesOnce);
    assert_eq!(careful.run(1, &impaired(&narrow()), 60_000).sorted(), letters.all());
}

#[test]
fn a_narrow_link_slows_a_connection_down_to_its_rate_and_loses_nothing() {
    let letters = Letters { bytes: 1_000, count: 50, ..CONNECTION };
    let by = Impairment::Bandwidth { rate: BytesPerSecond(10_000), queue: Bytes(1_000_000) };
    let run = letters.run(1, &impaired(&by), 60_000);
    assert_eq!(run.taken(), letters.all());
    // 50 kB at 10 kB/s, begun at 10 ms.
    assert_eq!(run.at_ms(50), Some(5_015));
    let short = letters.run(1, &impaired(&narrow()), 600_000);
    assert_eq!(short.taken(), letters.all(), "a short queue too: what it drops is sent again");
    assert!(short.at_ms(50) > Some(5_015), "{:?} ms", short.at_ms(50));
}

#[test]
fn every_impairment_is_lifted_by_its_neutral_value() {
    let by = Distribution::constant(Duration::from_millis(50));
    let (rate, queue) = (BytesPerSecond(1_000), Bytes(100));
    let pairs = [
        (Impairment::Loss(900_000), Impairment::Loss(0)),
        (Impairment::Duplicate(900_000), Impairment::Duplicate(0)),
        (Impairment::Reorder { ppm: 900_000, by: by.clone() }, Impairment::Reorder { ppm: 0, by }),
        (
            Impairment::Bandwidth { rate, queue },
            Impairment::Bandwidth { rate: BytesPerSecond::UNLIMITED, queue },
        ),
    ];
    let letters = Letters { bytes: 100, ..DATAGRAMS };
    for (on, off) in pairs {
        let lift = |(_, fault): (u64, Fault)| (1_003, fault);
        let faults: Vec<_> =
            impaired(&on).into_iter().chain(impaired(&off).into_iter().map(lift)).collect();
        let run = letters.run(1, &faults, 4_000);
        let late: Vec<_> = run.taken().into_iter().filter(|id| *id > 107).collect();
        assert_eq!(late, (108..=200).collect::<Vec<_>>(), "{on:?} is over");
        assert_eq!(run.at_ms(150), Some(1_505), "{on:?} is over");
        let early: Vec<_> = run.taken().into_iter().filter(|id| *id < 100).collect();
        assert_ne!(early, (1..100).collect::<Vec<_>>(), "{on:?} bites");
    }
}
