//! Planted bugs: each loses what was acknowledged, and without it the same seeds lose nothing.

use headwater_check::Promises;
use headwater_models::bookkeeper::config::Cluster as Config;
use headwater_models::bugs::{Bug, BugSet};
use headwater_models::deployment::Environment;
use headwater_sim::fault::Fault;
use headwater_sim::time::Duration;

use crate::cluster::{self, at, cluster_in, config, steady};
use crate::faults::{self, Cast, cast};

const SEEDS: u64 = 4;

fn environment(bug: Option<Bug>) -> Environment {
    Environment { bugs: bug.into_iter().collect::<BugSet>(), ..cluster::environment() }
}

/// `lost` counts acknowledged events that can't be read.
fn bites(bug: Bug, lost: impl Fn(&Environment, u64) -> u64) {
    for seed in 0..SEEDS {
        assert_eq!(lost(&environment(None), seed), 0, "{bug} off, seed {seed}");
    }
    let with: Vec<_> = (0..SEEDS).map(|seed| lost(&environment(Some(bug)), seed)).collect();
    assert!(with.iter().any(|lost| *lost > 0), "{bug} on, seeds 0 and on: {with:?} lost");
}

/// A writer writes an event of 1 KB every millisecond from second 1 on, under `faults`.
fn lost_under(
    environment: &Environment,
    seed: u64,
    config: &Config,
    faults: Vec<(u64, Fault)>,
) -> u64 {
    let source = steady(at(1_000), Duration::from_millis(1), 20_000, 1_000);
    let mut sim = cluster_in(environment, seed, config, &source);
    for (when, fault) in faults {
        sim.schedule(at(when), fault);
    }
    sim.run_until(at(60_000));
    let seen = sim.observer();
    assert!(seen.acks.len() > 1_900, "seed {seed}: {} acked", seen.acks.len());
    if environment.bugs == BugSet::default() {
        assert_eq!(seen.broken(Promises::none()), [], "seed {seed}");
    }
    seen.lost()
}

#[test]
fn a_wiped_bookie_that_answers_loses_the_tail_that_it_had() {
    let config = config(4, (3, 3, 2));
    bites(Bug::WipedBookieAnswers, |environment, seed| {
        faults::lost_with_a_tail_on_two_bookies(environment, seed, &config, true)
    });
}

#[test]
fn an_ack_quorum_of_one_loses_what_only_a_dead_bookie_has() {
    let config = config(4, (3, 3, 2));
    let Cast { bookies, writer, .. } = cast(&config);
    let (first, others, spare) = (bookies[0], bookies[1..3].to_vec(), bookies[3]);
    bites(Bug::AckQuorumOne, |environment, seed| {
        let (from, to) = (vec![writer], others.clone());
        let faults = vec![
            (0, Fault::Crash { node: spare }),
            (10_000, Fault::Restart { node: spare }),
            (3_000, Fault::Partition { from, to, symmetric: true }),
            (3_500, Fault::Crash { node: writer }),
            (3_500, Fault::Crash { node: first }),
            (4_000, Fault::Heal),
        ];
        lost_under(environment, seed, &config, faults)
    });
}

#[test]
fn recovery_without_fencing_lets_the_old_writer_write_what_nobody_reads() {
    let config = config(3, (3, 3, 2));
    let Cast { metadata, writer, .. } = cast(&config);
    bites(Bug::RecoveryWithoutFencing, |environment, seed| {
        let (from, to) = (vec![writer], vec![metadata]);
        let cut = (3_000, Fault::Partition { from, to, symmetric: true });
        lost_under(environment, seed, &config, vec![cut, (30_000, Fault::Heal)])
    });
}

#[test]
fn an_ack_before_the_sync_is_lost_with_the_power() {
    let config = config(3, (3, 3, 2));
    bites(Bug::AckBeforeSync, |environment, seed| {
        faults::lost_after_a_power_cut(environment, seed, &config)
    });
}
