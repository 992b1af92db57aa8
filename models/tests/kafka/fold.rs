//! What nobody needs any more is folded, and nothing else is different.

use headwater_sim::fault::Fault;

use crate::harness::{Bench, bench, steady, three};

/// Records on the disks of three brokers, or what stands for them.
fn records(bench: &Bench) -> usize {
    (0..3).map(|number| bench.sim.disk_records(bench.broker(number)).count()).sum()
}

/// Every ten seconds up to `until` what nobody needs is folded, if `fold`: the fingerprint, and the
/// records that were there at each of these times.
fn play(bench: &mut Bench, until: u64, fold: bool) -> (u64, Vec<usize>) {
    let mut seen = Vec::new();
    for second in (10..=until).step_by(10) {
        bench.run(second);
        if fold {
            bench.sim.fold();
        }
        seen.push(records(bench));
    }
    (bench.sim.fingerprint(), seen)
}

#[test]
fn records_do_not_grow_with_a_run_and_its_fingerprint_stays() {
    let of = |fold| play(&mut bench(&three(), &steady(50, 200, 300), 1), 300, fold);
    let ((whole, all), (folded, few)) = (of(false), of(true));
    assert_eq!(whole, folded);
    assert!(all[29] > 45_000, "{all:?}");
    // The kernel writes back after 30 s, and a fold is worth its while for a thousand batches.
    let after = few[6..].iter().max().expect("there are some");
    assert!(*after < 3 * 50 * 75, "{few:?}");
}

#[test]
fn a_broker_that_restarts_on_a_folded_log_does_what_it_would_have_done() {
    let of = |fold, fault: fn(&mut Bench)| {
        let mut bench = bench(&three(), &steady(50, 200, 150), 3);
        fault(&mut bench);
        let (fingerprint, seen) = play(&mut bench, 160, fold);
        let notes = bench.sim.observer();
        (fingerprint, notes.acks.len(), notes.lost(), notes.repeated(), seen)
    };
    let faults: [fn(&mut Bench); 3] = [
        |bench| {
            bench.at(95, 0, |node, _| Fault::Crash { node });
            bench.at(97, 0, |node, _| Fault::Restart { node });
        },
        |bench| {
            bench.at(95, 1, |_, machine| Fault::PowerCut { machine });
            bench.at(99, 1, |_, machine| Fault::PowerOn { machine });
        },
        |bench| {
            bench.at(95, 2, |node, _| Fault::Shutdown { node });
            bench.at(110, 2, |node, _| Fault::Restart { node });
        },
    ];
    for fault in faults {
        let (whole, folded) = (of(false, fault), of(true, fault));
        assert!(folded.4[8] < whole.4[8], "something was folded before: {:?}", folded.4);
        assert_eq!((whole.0, whole.1, whole.2, whole.3), (folded.0, folded.1, folded.2, folded.3));
    }
}

#[test]
fn who_asks_for_what_was_folded_is_told_of() {
    let mut bench = bench(&three(), &steady(50, 200, 150), 3);
    // A follower that has lost its disk begins anew.
    bench.at(95, 1, |node, _| Fault::Crash { node });
    bench.at(96, 1, |node, _| Fault::WipeDisk { node, disk: None });
    bench.at(97, 1, |node, _| Fault::Restart { node });
    play(&mut bench, 120, true);
    assert!(bench.sim.observer().asked_for_folded);
}
