//! The corpus of a guided swarm: cases that reached something new, and which case comes next.
//!
//! One case in four is what its number draws as a seed, as in a plain swarm. The others are
//! variants of a case of the corpus, chosen by what few runs have shown: a class of features, one
//! of it with a chance as one over the runs that have shown it, and of the cases that have, of two
//! the one that has bred less. (Coverage-guided as AFL is; that the rare comes first is from
//! C. Lemieux and K. Sen, "FairFuzz", ASE 2018.)

use std::collections::{BTreeMap, BTreeSet};

use headwater_sim::random::{Seed, Stream};
use rand::Rng;
use rand::seq::IndexedRandom;

use super::case::{Base, Drawn};
use super::coverage::{Feature, Moments};
use super::variant;

/// Of a million cases, those that are what their number draws.
const PLAIN_PPM: u32 = 250_000;

/// The share of a feature that one run has shown.
const SHARE: u64 = 1_000_000_000;

/// A case that reached something new.
struct Kept {
    drawn: Drawn,
    /// What happened in its run, and when.
    moments: Moments,
    /// Variants of it that were chosen.
    bred: u64,
}

/// What is known of a feature.
#[derive(Default)]
struct Known {
    /// Runs that have shown it.
    runs: u64,
    /// The kept cases among them.
    kept: Vec<usize>,
}

/// The corpus.
#[derive(Default)]
pub(super) struct Corpus {
    kept: Vec<Kept>,
    known: BTreeMap<Feature, Known>,
}

impl Corpus {
    /// A variant to be run as the case of this number; nothing if that is what it draws as a seed.
    pub(super) fn next(&mut self, base: &Base, number: u64) -> Option<Drawn> {
        let stream = &mut Seed(number).stream("swarm guided", 0);
        if self.kept.is_empty() || stream.chance_ppm(PLAIN_PPM) {
            return None;
        }
        let chosen = self.choose(stream);
        self.kept[chosen].bred += 1;
        let other = &self.kept.choose(stream).expect("there is one").drawn;
        let Kept { drawn, moments, .. } = &self.kept[chosen];
        Some(variant::of(base, (drawn, moments), other, stream))
    }

    /// The number of a kept case.
    fn choose(&self, stream: &mut Stream) -> usize {
        let mut classes: [Vec<&Known>; Feature::CLASSES] = Default::default();
        for (feature, known) in self.known.iter().filter(|(_, known)| !known.kept.is_empty()) {
            classes[feature.class()].push(known);
        }
        let classes: Vec<_> = classes.iter().filter(|class| !class.is_empty()).collect();
        let class = classes.choose(stream).expect("what is kept has shown something");
        let share = |known: &Known| SHARE / known.runs;
        let mut at = stream.random_range(0..class.iter().map(|known| share(known)).sum::<u64>());
        let mut place = 0;
        while at >= share(class[place]) {
            at -= share(class[place]);
            place += 1;
        }
        let mut one = || *class[place].kept.choose(stream).expect("only those that are kept");
        let (one, other) = (one(), one());
        if self.kept[other].bred < self.kept[one].bred { other } else { one }
    }

    /// Takes what a run has shown, and keeps its case if some of it is new. One that failed is not
    /// kept: its variants would fail in the same way.
    pub(super) fn learn(&mut self, seen: Seen) {
        let Seen { drawn, features, moments, failed } = seen;
        let kept =
            |feature: &Feature| self.known.get(feature).is_some_and(|known| !known.kept.is_empty());
        let new = !features.iter().all(kept);
        let number = (new && !failed).then_some(self.kept.len());
        for feature in features {
            let known = self.known.entry(feature).or_default();
            known.runs += 1;
            known.kept.extend(number);
        }
        if number.is_some() {
            self.kept.push(Kept { drawn, moments, bred: 0 });
        }
    }

    /// How many cases are kept, and how many features are known.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.kept.len() as u64, self.known.len() as u64)
    }
}

/// What a run has shown.
pub(super) struct Seen {
    /// Its case.
    pub(super) drawn: Drawn,
    pub(super) features: BTreeSet<Feature>,
    pub(super) moments: Moments,
    pub(super) failed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Source;

    fn seen(base: &Base, seed: u64, states: &[&'static str]) -> Seen {
        let drawn = base.drawn(seed).unwrap_or_else(|problems| panic!("{problems}"));
        let features = states.iter().map(|&name| Feature::State(name, 1)).collect();
        Seen { drawn, features, moments: Moments::new(), failed: false }
    }

    #[test]
    fn what_shows_nothing_new_is_not_kept_and_what_is_rare_breeds_more() {
        let base = Base::read(Source::find("swarm/kafka").expect("in the library"), &[]);
        let base = base.unwrap_or_else(|problems| panic!("{problems}"));
        let mut corpus = Corpus::default();
        assert!(corpus.next(&base, 1).is_none(), "there is nothing to vary");
        for seed in 1..=20 {
            corpus.learn(seen(&base, seed, &["usual"]));
        }
        assert_eq!(corpus.size(), (1, 1));
        corpus.learn(Seen { failed: true, ..seen(&base, 21, &["fails"]) });
        assert_eq!(corpus.size(), (1, 2), "one that fails is no parent");
        corpus.learn(seen(&base, 22, &["usual", "rare"]));
        assert_eq!(corpus.size(), (2, 3));
        let variants = (100..500).filter_map(|number| corpus.next(&base, number));
        let origins: Vec<u64> = variants.map(|drawn| drawn.origin).collect();
        let rare = origins.iter().filter(|origin| **origin == 22).count();
        // Three in four are variants. A feature of one run is chosen 21 times for one of that of
        // 21 runs; and of the usual one's two cases the one that has bred less.
        assert!((250..350).contains(&origins.len()), "{} variants", origins.len());
        assert!(rare * 10 > origins.len() * 8 && rare < origins.len(), "{rare} of the rare one");
    }
}
