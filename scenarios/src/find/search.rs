//! A ramp and two bisections: the last value at which all seeds keep an objective, and the first at
//! which none does.

/// The search itself.
pub(super) struct Search<At> {
    /// Higher values are the harder ones.
    pub(super) rises: bool,
    /// How many there are.
    pub(super) seeds: usize,
    /// How far apart the ends may be, as a share.
    pub(super) within: f64,
    /// The lowest and the highest value that may be tried.
    pub(super) limits: (u64, u64),
    /// How many seeds keep the objective at a value; none if it is not to be known.
    pub(super) at: At,
    /// The hardest value at which all seeds keep it.
    pub(super) kept: Option<u64>,
    /// The easiest at which none does.
    pub(super) broken: Option<u64>,
}

impl<At: FnMut(u64) -> Option<usize>> Search<At> {
    /// Begins at a value; nothing if it ended early.
    pub(super) fn run(&mut self, from: u64) -> Option<()> {
        let all = self.seeds;
        // Until it changes: harder while all keep it, easier while one does not.
        let harder = (self.at)(from)? == all;
        let (mut next, mut some) = (Some(from), None);
        while let Some(value) = next {
            let keeps = (self.at)(value)? == all;
            if keeps {
                self.kept = Some(value)
            } else {
                some = Some(value)
            }
            next = if keeps == harder { self.step(value, harder, 2.0) } else { None };
        }
        let mut some = some?;
        while let Some(value) = self.kept.and_then(|kept| self.between(kept, some)) {
            if (self.at)(value)? == all { self.kept = Some(value) } else { some = value }
        }
        // From the first that not all keep on: the first that none does.
        let (mut soft, mut hard, mut factor) = (some, some, 1.0 + self.within);
        while (self.at)(hard)? > 0 {
            soft = hard;
            hard = self.step(hard, true, factor)?;
            factor = (factor * factor).min(2.0);
        }
        self.broken = Some(hard);
        while let Some(value) = self.between(soft, hard) {
            if (self.at)(value)? > 0 {
                soft = value
            } else {
                hard = value
            }
            self.broken = Some(hard);
        }
        Some(())
    }

    /// The next value by a factor, harder or easier; none beyond the limits.
    fn step(&self, value: u64, harder: bool, factor: f64) -> Option<u64> {
        let next = if self.rises == harder {
            ((value as f64 * factor) as u64).max(value + 1).min(self.limits.1)
        } else {
            ((value as f64 / factor) as u64).min(value.saturating_sub(1)).max(self.limits.0)
        };
        (next != value && (self.limits.0..=self.limits.1).contains(&next)).then_some(next)
    }

    /// The middle of two values, in proportion; none where they are near enough.
    fn between(&self, one: u64, other: u64) -> Option<u64> {
        let (low, high) = (one.min(other), one.max(other));
        let near = high <= low + 1 || high as f64 <= low as f64 * (1.0 + self.within);
        let middle = (low as f64 * high as f64).sqrt().round() as u64;
        (!near).then(|| middle.clamp(low + 1, high - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ends where `seeds` break at these values, and what was tried.
    fn ends(rises: bool, thresholds: &[u64], from: u64, limits: (u64, u64)) -> [Option<u64>; 2] {
        let at = |value: u64| {
            let keeps = |of: &&u64| if rises { value <= **of } else { value >= **of };
            Some(thresholds.iter().filter(keeps).count())
        };
        let seeds = thresholds.len();
        let mut search =
            Search { rises, seeds, within: 0.05, limits, at, kept: None, broken: None };
        search.run(from);
        [search.kept, search.broken]
    }

    #[test]
    fn the_ends_lie_around_where_seeds_break() {
        for from in [1, 100, 41_000, 1_000_000] {
            let [kept, broken] = ends(true, &[41_000, 42_500, 44_000], from, (1, u64::MAX));
            let (kept, broken) = (kept.unwrap(), broken.unwrap());
            assert!((39_000..=41_000).contains(&kept), "from {from}: {kept}");
            assert!((44_001..=46_300).contains(&broken), "from {from}: {broken}");
        }
        // Whole numbers, downwards: three brokers are enough, two are not.
        assert_eq!(ends(false, &[3, 3], 9, (1, 100)), [Some(3), Some(2)]);
        assert_eq!(ends(false, &[3, 3], 1, (1, 100)), [Some(3), Some(2)]);
    }

    #[test]
    fn what_does_not_break_or_is_never_kept_has_one_end() {
        assert_eq!(ends(true, &[1_000], 10, (1, 500)), [Some(500), None]);
        assert_eq!(ends(true, &[0], 10, (1, 500)), [None, Some(1)]);
    }
}
