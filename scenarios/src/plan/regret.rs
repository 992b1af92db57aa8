//! Which candidate is regretted least, over all worlds.
//!
//! In a world in which a candidate keeps everything, it is regretted for what it costs more than
//! the cheapest that does. In one in which it breaks it is regretted for all that the cheapest that
//! does costs. Over and under are weighed and bent as Netflix's service-capacity-modeling weighs
//! spending (`Regret` in `service_capacity_modeling/interface.py` @ 09f457a: over 1, under 1.25,
//! exponent 1.2). A world that nobody stands is nobody's regret.

use super::search::Fate;

const OVER: f64 = 1.0;
const UNDER: f64 = 1.25;
const EXPONENT: f64 = 1.2;

/// What is weighed: costs and fates by candidate and world, and the worlds' weights.
pub struct Scales<'a> {
    /// What each candidate costs in each world.
    pub costs: Vec<Vec<f64>>,
    /// Whether it keeps everything there.
    pub fates: &'a [Vec<Fate>],
    /// How likely each world is.
    pub weights: Vec<f64>,
}

impl Scales<'_> {
    /// The share of the worlds in which a candidate keeps everything.
    pub fn kept(&self, candidate: usize) -> f64 {
        let worlds = self.fates[candidate].iter().zip(&self.weights);
        worlds.filter(|(fate, _)| fate.keeps()).fold(0.0, |sum, (_, weight)| sum + weight)
    }

    /// How much a candidate is regretted, in what it costs to the power of 1.2.
    pub fn regret(&self, candidate: usize) -> f64 {
        let of = |world: usize| {
            let Some(least) = self.cheapest(world) else { return 0.0 };
            let regretted = if self.fates[candidate][world].keeps() {
                OVER * (self.costs[candidate][world] - least)
            } else {
                UNDER * least
            };
            self.weights[world] * libm::pow(regretted.max(0.0), EXPONENT)
        };
        (0..self.weights.len()).map(of).sum()
    }

    /// What the cheapest costs that keeps everything in a world.
    fn cheapest(&self, world: usize) -> Option<f64> {
        let keeps = |(fates, _): &(&Vec<Fate>, &Vec<f64>)| fates[world].keeps();
        let costs = self.fates.iter().zip(&self.costs).filter(keeps);
        costs.map(|(_, costs)| costs[world]).min_by(f64::total_cmp)
    }

    /// The one that keeps everything in such a share of the worlds and is regretted least; of equal
    /// ones the first in this order.
    pub fn least(&self, order: &[usize], share: f64) -> Option<usize> {
        let enough = |one: &&usize| self.kept(**one) >= share - 1e-9;
        let kept = order.iter().filter(enough);
        kept.min_by(|one, other| self.regret(**one).total_cmp(&self.regret(**other))).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn least(fates: &[[bool; 3]], costs: &[f64], share: f64) -> Option<usize> {
        let fate = |keeps: bool| if keeps { Fate::Keeps(vec![]) } else { Fate::Breaks(vec![]) };
        let fates: Vec<Vec<Fate>> =
            fates.iter().map(|of| of.iter().map(|keeps| fate(*keeps)).collect()).collect();
        let costs = costs.iter().map(|cost| vec![*cost; 3]).collect();
        let scales = Scales { costs, fates: &fates, weights: vec![0.3, 0.4, 0.3] };
        let order: Vec<usize> = (0..fates.len()).collect();
        scales.least(&order, share)
    }

    #[test]
    fn the_cheapest_that_stands_every_world_is_taken_where_all_are_asked_for() {
        let fates = [[false, true, true], [true, true, true], [true, true, true]];
        assert_eq!(least(&fates, &[3.0, 4.0, 5.0], 1.0), Some(1));
        assert_eq!(least(&fates, &[3.0, 4.0, 5.0], 0.7), Some(1), "a third of a chance to break");
        // What stands the hardest world as well is too dear for a third of a chance.
        assert_eq!(least(&fates, &[3.0, 40.0, 50.0], 0.7), Some(0));
        assert_eq!(least(&[[false, false, true]], &[1.0], 0.5), None);
    }

    #[test]
    fn of_equal_ones_the_first_is_taken() {
        assert_eq!(least(&[[true; 3], [true; 3]], &[2.0, 2.0], 1.0), Some(0));
    }
}
