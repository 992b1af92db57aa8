//! Which bookies a ledger gets.
//!
//! Stands for `client/DefaultEnsemblePlacementPolicy.java` of apache/bookkeeper @ branch-4.15: any
//! of the registered ones, at random. Left out: racks, disk weights, quarantine (off by default).

use headwater_sim::random::Stream;
use headwater_sim::units::NodeId;
use rand::Rng;
use rand::seq::IndexedRandom;

use super::metadata::message::Value;

/// The registered bookies, from a listing of their directory.
pub fn registered(directory: &[(u64, Value)]) -> Vec<NodeId> {
    directory.iter().map(|(id, _)| NodeId(*id as u32)).collect()
}

/// An ensemble of `size` bookies; none if there are too few.
pub fn new_ensemble(
    mut bookies: Vec<NodeId>,
    size: u32,
    random: &mut Stream,
) -> Option<Vec<NodeId>> {
    let size = size as usize;
    if bookies.len() < size {
        return None;
    }
    // One number for each place; `partial_shuffle` would take several places from one, and every
    // ensemble of every seed would be another.
    for place in 0..size {
        let pick = random.random_range(place..bookies.len());
        bookies.swap(place, pick);
    }
    bookies.truncate(size);
    Some(bookies)
}

/// The ensemble with every failed bookie replaced by one that is in neither; none if there are too
/// few (`EnsembleUtils.replaceBookiesInEnsemble`).
pub fn replace(
    ensemble: &[NodeId],
    failed: &[NodeId],
    bookies: &[NodeId],
    random: &mut Stream,
) -> Option<Vec<NodeId>> {
    let mut changed = ensemble.to_vec();
    for bookie in changed.clone() {
        if !failed.contains(&bookie) {
            continue;
        }
        let free = |node: &&NodeId| {
            !ensemble.contains(node) && !changed.contains(node) && !failed.contains(node)
        };
        let free: Vec<_> = bookies.iter().filter(free).copied().collect();
        let pick = *free.choose(random)?;
        let place = ensemble.iter().position(|node| *node == bookie).expect("it is in it");
        changed[place] = pick;
    }
    Some(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_sim::random::Seed;

    #[test]
    fn a_failed_bookie_is_replaced_by_one_that_is_in_neither_ensemble_nor_failed() {
        let nodes: Vec<_> = (0..5).map(NodeId).collect();
        for seed in 0..32 {
            let mut random = Seed(seed).stream("placement", 0);
            let ensemble = new_ensemble(nodes.clone(), 3, &mut random).expect("five are enough");
            let failed = [ensemble[1]];
            let changed = replace(&ensemble, &failed, &nodes, &mut random).expect("two spare");
            assert_eq!((changed[0], changed[2]), (ensemble[0], ensemble[2]));
            assert!(!ensemble.contains(&changed[1]));
            assert_eq!(replace(&ensemble, &failed, &ensemble, &mut random), None);
        }
        assert_eq!(new_ensemble(nodes, 6, &mut Seed(0).stream("placement", 0)), None);
    }
}
