//! Connections that are clogged, half-open, reset, refused or cut while their end dies.

use headwater_sim::fault::Fault;
use headwater_sim::units::{MachineId, NodeId};

use crate::letters::{A, B, CONNECTION, Care, DATAGRAMS, Letters, Run};
use crate::ms;

fn pair() -> (Vec<NodeId>, Vec<NodeId>) {
    (vec![A], vec![B])
}

fn half_open() -> Fault {
    let (from, to) = pair();
    Fault::HalfOpen { from, to }
}

fn reset() -> Fault {
    let (from, to) = pair();
    Fault::Reset { from, to }
}

fn cut(symmetric: bool) -> Fault {
    let (from, to) = pair();
    Fault::Partition { from, to, symmetric }
}

fn clog() -> Fault {
    let (from, to) = pair();
    Fault::Clog { from, to }
}

fn unclog() -> Fault {
    let (from, to) = pair();
    Fault::Unclog { from, to }
}

fn rejoin() -> Fault {
    let (from, to) = pair();
    Fault::Rejoin { from, to, symmetric: true }
}

/// Who just sends loses some; who sends again until it is acknowledged does not.
fn bites_and_is_survived(faults: &[(u64, Fault)]) -> Run {
    let letters = Letters { count: 50, ..CONNECTION };
    let bare = letters.run(1, faults, 10_000);
    assert_ne!(bare.taken(), letters.all(), "something is lost");
    let careful = letters.care(Care::TakesOnce).run(1, faults, 10_000);
    assert_eq!(careful.taken(), letters.all(), "once, in order");
    assert_eq!(careful.sim.observer().ids("gap"), [0u64; 0], "a prefix of what was sent arrives");
    bare
}

#[test]
fn a_half_open_connection_swallows_letters_and_tells_nobody_until_it_is_reset() {
    let run = bites_and_is_survived(&[(102, half_open()), (303, reset())]);
    // 10 was under way at 102 ms; 31 was sent at 310 ms, after A was told at 308 ms.
    let expected: Vec<u64> = (1..10).chain(31..=50).collect();
    assert_eq!(run.taken(), expected);
    assert_eq!((run.told(A), run.told(B)), (vec![308], vec![308]));
    let silent = CONNECTION.run(1, &[(102, half_open())], 10_000);
    assert_eq!((silent.told(A), silent.told(B)), (vec![], vec![]));
    assert_eq!(silent.taken().len(), 9);
}

#[test]
fn a_half_open_connection_is_none_of_a_datagrams_business() {
    let run = DATAGRAMS.run(1, &[(102, half_open())], 4_000);
    assert_eq!(run.taken(), DATAGRAMS.all());
}

#[test]
fn a_reset_loses_what_is_under_way_and_both_ends_are_told() {
    let run = bites_and_is_survived(&[(102, reset())]);
    assert_eq!(run.taken()[8..10], [9, 11], "10 was under way");
    assert_eq!((run.told(A), run.told(B)), (vec![107], vec![107]));
}

/// At 99 ms the connection breaks; letter 10 leaves at 100 ms and A is told at 104 ms.
#[test]
fn what_is_sent_before_the_sender_is_told_is_lost_with_its_connection() {
    let run = bites_and_is_survived(&[(99, reset())]);
    assert_eq!(run.taken()[8..10], [9, 11]);
    assert_eq!(run.sim.totals().messages_lost, 1);
}

#[test]
fn a_process_that_refuses_keeps_old_connections_and_takes_no_new_one() {
    let refuse = |refuse| Fault::Refuse { node: B, refuse };
    let stands = CONNECTION.run(1, &[(50, refuse(true))], 4_000);
    assert_eq!(stands.taken(), CONNECTION.all());
    let run = bites_and_is_survived(&[(50, refuse(true)), (102, reset()), (301, refuse(false))]);
    let told = run.told(A);
    assert!(told.len() > 5 && told[1] == 120, "a round trip after letter 11: {told:?}");
    assert!(run.taken().contains(&31) && !run.taken().contains(&29), "{:?}", run.taken());
}

#[test]
fn a_death_behind_a_cut_is_learned_of_when_the_cut_heals() {
    let faults = [
        (102, cut(true)),
        (150, Fault::Crash { node: B }),
        (160, Fault::Restart { node: B }),
        (400, Fault::Heal),
    ];
    let letters = Letters { count: 100, ..CONNECTION };
    let run = letters.run(1, &faults, 10_000);
    let told = run.told(A);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0] > 400, "not through the cut: {told:?}");
    let last = run.taken();
    assert_eq!(last[..9], (1..10).collect::<Vec<_>>()[..]);
    assert!(last[9] > 40 && last.ends_with(&[100]), "on a new connection: {last:?}");
    let careful = letters.care(Care::TakesOnce).run(1, &faults, 10_000);
    assert_eq!(careful.sorted().last(), Some(&100));
    let mut sorted = careful.sorted();
    sorted.dedup();
    assert_eq!(sorted, letters.all(), "sent again once it is told");
}

#[test]
fn a_power_cut_with_a_half_open_connection_is_learned_of_at_its_reset() {
    let faults = [
        (102, half_open()),
        (150, Fault::PowerCut { machine: MachineId(1) }),
        (200, Fault::PowerOn { machine: MachineId(1) }),
        (400, reset()),
    ];
    let run = CONNECTION.run(1, &faults, 10_000);
    assert_eq!(run.told(A), [405]);
    let late: Vec<_> = run.taken().into_iter().filter(|id| *id > 9).collect();
    assert_eq!(late, (41..=200).collect::<Vec<_>>());
}

#[test]
fn a_clog_holds_everything_and_lets_it_go_at_once_in_order() {
    let faults = [(22, clog()), (101, unclog())];
    for letters in [CONNECTION, DATAGRAMS] {
        let run = letters.run(1, &faults, 4_000);
        assert_eq!(run.taken(), letters.all(), "{:?}: nothing is lost", letters.transport);
        assert_eq!(run.at_ms(1), Some(15));
        assert!((101..=106).contains(&run.at_ms(2).expect("it came")), "{:?} ms", run.at_ms(2));
        let times = run.sim.observer().times("taken");
        assert!(!times.iter().any(|at| (ms(22)..ms(101)).contains(at)), "{times:?}");
    }
    // A partition's heal is found out by a retransmission, 200 ms after the first loss.
    let partition = CONNECTION.run(1, &[(22, cut(true)), (101, Fault::Heal)], 4_000);
    assert_eq!(partition.at_ms(2), Some(230));
}

#[test]
fn clogs_that_overlap_both_have_to_end() {
    let faults = [(22, clog()), (50, clog()), (80, unclog()), (151, unclog())];
    let run = CONNECTION.run(1, &faults, 4_000);
    assert_eq!(run.taken(), CONNECTION.all());
    assert_eq!(run.at_ms(2), Some(156));
}

#[test]
fn a_swizzle_of_clogs_keeps_order_and_loses_nothing() {
    let (to_a, from_a) = (vec![A], vec![B]);
    let back = || (from_a.clone(), to_a.clone());
    let faults: Vec<(u64, Fault)> = (1..6)
        .flat_map(|round| {
            let (from, to) = back();
            let (free_from, free_to) = back();
            [
                (round * 100, clog()),
                (round * 100 + 20, Fault::Clog { from, to }),
                (round * 100 + 50, Fault::Unclog { from: free_from, to: free_to }),
                (round * 100 + 71, unclog()),
            ]
        })
        .collect();
    let run = CONNECTION.care(Care::TakesOnce).run(1, &faults, 4_000);
    assert_eq!(run.taken(), CONNECTION.all());
    let late = run.delays().iter().filter(|delay| **delay > 0).count();
    assert!((25..=45).contains(&late), "{late} of 200 stood in a clog");
}

#[test]
fn partitions_that_overlap_are_rejoined_one_by_one() {
    let faults = [(22, cut(true)), (40, cut(true)), (60, rejoin()), (1_001, rejoin())];
    let run = CONNECTION.run(1, &faults, 6_000);
    assert_eq!(run.taken(), CONNECTION.all());
    // Tries at 225, 625 and 1425 ms.
    assert_eq!(run.at_ms(2), Some(1_430));
}

#[test]
fn a_one_way_cut_of_the_acks_makes_copies_that_a_careful_pair_drops() {
    let faults = [
        (22, Fault::Partition { from: vec![B], to: vec![A], symmetric: false }),
        (500, Fault::Heal),
    ];
    let letters = DATAGRAMS;
    let copies = letters.care(Care::SendsAgain).run(1, &faults, 4_000).taken().len();
    assert!(copies > 300, "{copies} taken of 200");
    assert_eq!(letters.care(Care::TakesOnce).run(1, &faults, 4_000).sorted(), letters.all());
}
