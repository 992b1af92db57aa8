//! The verdict on a claim: a rule over its runs.

use std::collections::BTreeMap;

use headwater_reports::Outcome;
use serde::Serialize;

use super::claims::{Asked, Claim, Paper};
use super::live::Live;
use super::runs::Made;
use crate::condition::{Condition, Lookup, Side, filled};
use crate::stats::Estimate;
use crate::sweep::Sweep;

/// Whether a claim, or one condition of it, holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// In every seed.
    Holds,
    /// In none.
    DoesNotHold,
    /// Seeds differ, or no simulation can tell.
    CannotBeKnown,
    /// Its runs were not made: it was interrupted before.
    NotRun,
}

impl Verdict {
    /// In words.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::DoesNotHold => "does not hold",
            Self::CannotBeKnown => "cannot be known",
            Self::NotRun => "not run",
        }
    }

    /// Of how many seeds it was looked at in, and holds in.
    const fn of_seeds(seen: usize, kept: usize) -> Self {
        match (seen, kept) {
            (0, _) => Self::NotRun,
            (_, 0) => Self::DoesNotHold,
            (seen, kept) if seen == kept => Self::Holds,
            _ => Self::CannotBeKnown,
        }
    }

    /// Of several: what does not hold outweighs everything, what is missing what is uncertain.
    pub(super) fn of_all(all: impl IntoIterator<Item = Self>) -> Self {
        const WEIGHT: [Verdict; 4] =
            [Verdict::Holds, Verdict::CannotBeKnown, Verdict::NotRun, Verdict::DoesNotHold];
        let weight = |of: &Self| WEIGHT.iter().position(|it| it == of).unwrap_or(0);
        all.into_iter().max_by_key(weight).unwrap_or(Self::NotRun)
    }
}

/// One condition of a claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// As it is written.
    pub condition: String,
    /// Whether it holds.
    pub verdict: Verdict,
    /// Its two sides, as people read them: means over the seeds.
    pub sides: String,
}

/// A claim and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// `C4`.
    pub id: String,
    /// The machines that it is of, in words.
    pub profile: &'static str,
    /// What is claimed.
    pub says: String,
    /// Where in the paper.
    pub paper: String,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What was simulated, with intervals over the seeds.
    pub simulated: String,
    /// What was measured live; nothing where there is no such run.
    pub live: Option<Live>,
    /// Why nothing real can tell on one machine, if nothing can.
    pub not_live: Option<String>,
    /// The mechanism in a sentence.
    pub because: String,
    /// Whether what the sentence says holds of these runs.
    pub explained: bool,
    /// Its conditions.
    pub parts: Vec<Part>,
    /// The command lines of its runs.
    pub commands: Vec<String>,
}

/// All claims that were asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// Schema of this value as JSON.
    pub schema: &'static str,
    /// Version of headwater.
    pub version: &'static str,
    /// How many seeds each run has.
    pub seeds: u64,
    /// What the paper says.
    pub claims: Vec<Judged>,
    /// What it could not see.
    pub unseen: Vec<Judged>,
    /// The runs, by the names that conditions know them by.
    pub runs: BTreeMap<String, Sweep>,
    /// True if it was stopped before every run was made.
    pub interrupted: bool,
    /// Where, when and how often the live runs were made, if there are any.
    pub live: Option<String>,
    #[serde(skip)]
    pub(super) file: Paper,
    #[serde(skip)]
    pub(super) pipeline: Option<Outcome>,
}

/// Judges all claims by the runs that were made.
pub(super) fn judge(
    file: Paper,
    runs: Made,
    pipeline: Option<Outcome>,
    asked: &Asked,
    interrupted: bool,
) -> Answer {
    let of = |claims: &[Claim]| claims.iter().map(|claim| judged(claim, &file, &runs)).collect();
    Answer {
        schema: "headwater-paper/1",
        version: env!("CARGO_PKG_VERSION"),
        seeds: asked.seeds.1,
        claims: of(&file.claims),
        unseen: of(&file.unseen),
        runs,
        interrupted,
        live: None,
        file,
        pipeline,
    }
}

fn judged(claim: &Claim, file: &Paper, runs: &Made) -> Judged {
    let parts: Vec<Part> = claim.holds.iter().map(|text| part(text, runs)).collect();
    let mut verdict = Verdict::of_all(parts.iter().map(|part| part.verdict));
    if claim.unknown.is_some() {
        verdict = Verdict::CannotBeKnown;
    }
    let given: Vec<Part> = claim.given.iter().map(|text| part(text, runs)).collect();
    let stands = given.iter().find(|part| part.verdict != Verdict::Holds);
    let of_names = |name: &String| file.runs.iter().find(|run| run.name == *name);
    let because = match (&claim.unknown, stands) {
        (Some(why), _) => why.clone(),
        (None, Some(Part { verdict: Verdict::NotRun, .. })) => String::new(),
        (None, Some(Part { condition, sides, .. })) => {
            format!("not explained: `{condition}` does not hold of these runs ({sides})")
        }
        (None, None) => told(&claim.because, runs),
    };
    Judged {
        id: claim.id.clone(),
        profile: claim.profile.describes(),
        says: claim.says.clone(),
        paper: claim.paper.clone(),
        verdict,
        simulated: told(&claim.simulated, runs),
        live: None,
        not_live: claim.not_live.clone(),
        because,
        explained: stands.is_none(),
        parts,
        commands: claim.runs().iter().filter_map(of_names).map(|run| run.command()).collect(),
    }
}

/// A text with figures over the seeds in it, in one line; nothing where they are missing.
pub(super) fn told(text: &str, runs: &Made) -> String {
    let stands = |name: &str| {
        let side = Side::parse(name)?;
        let estimate = over_seeds(&side, runs).ok_or("not run")?;
        Ok(shown(&side, &estimate))
    };
    let filled = filled(text, &stands).unwrap_or_default();
    filled.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An estimate with its interval, which is left out where every seed gives the same.
fn shown(side: &Side, estimate: &Estimate) -> String {
    let mean = side.show(estimate.mean);
    match estimate.half_width {
        Some(half) if half > 5e-4 * estimate.mean.abs() => {
            format!("{mean} ± {}", side.show(half))
        }
        _ => mean,
    }
}

/// A figure over the seeds that have it.
pub(super) fn over_seeds(side: &Side, runs: &Made) -> Option<Estimate> {
    let value = |seed| side.value(&*of_seed(runs, seed)).ok();
    let values: Vec<f64> = seeds(runs, side.figures()).into_iter().filter_map(value).collect();
    Estimate::of(&values)
}

/// A condition held to the runs.
pub(super) fn part(text: &str, runs: &Made) -> Part {
    let part = |verdict, sides: &str| Part {
        condition: text.to_owned(),
        verdict,
        sides: sides.to_owned(),
    };
    let Ok(condition) = Condition::parse(text) else { return part(Verdict::NotRun, "") };
    let of = |seed| condition.holds(&*of_seed(runs, seed)).ok();
    let seen: Vec<(bool, [f64; 2])> =
        seeds(runs, condition.figures()).into_iter().filter_map(of).collect();
    if seen.is_empty() {
        return part(Verdict::NotRun, "");
    }
    let kept = seen.iter().filter(|(holds, _)| *holds).count();
    let mean =
        |side: usize| seen.iter().map(|(_, sides)| sides[side]).sum::<f64>() / seen.len() as f64;
    part(Verdict::of_seeds(seen.len(), kept), &condition.shown([mean(0), mean(1)]))
}

/// The seeds that the run of the first of these figures has.
fn seeds<'a>(runs: &Made, mut figures: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<u64> {
    let points = figures.next().and_then(|(of, _)| {
        let (run, variant) = of.split_once('.')?;
        Some(&runs.get(run)?.variants.get(variant.parse::<usize>().ok()?)?.points)
    });
    points.into_iter().flatten().map(|point| point.seed).collect()
}

/// The figures of one seed.
fn of_seed(runs: &Made, seed: u64) -> Box<Lookup<'_>> {
    Box::new(move |of, metric| {
        let found = of.split_once('.').and_then(|(run, variant)| {
            let variant = runs.get(run)?.variants.get(variant.parse::<usize>().ok()?)?;
            let point = variant.points.iter().find(|point| point.seed == seed)?;
            point.figures.get(metric).copied()
        });
        found.ok_or_else(|| format!("no `{metric}` of {of} with seed {seed}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::{Point, Variant};

    /// A run `r` of one variant, with this `lost` of each seed.
    fn runs(lost: &[f64]) -> Made {
        let point = |(seed, lost): (u64, &f64)| Point {
            seed,
            fingerprint: String::new(),
            traffic: String::new(),
            ok: true,
            figures: [("lost".to_owned(), *lost)].into(),
            reproduce: String::new(),
        };
        let variant = Variant {
            settings: vec![],
            estimates: BTreeMap::new(),
            differences: BTreeMap::new(),
            points: (1..).zip(lost).map(point).collect(),
        };
        let sweep = Sweep {
            schema: String::new(),
            scenario: String::new(),
            version: String::new(),
            reproduce: String::new(),
            metrics: vec![],
            variants: vec![variant],
            across: None,
            shards: vec![],
            interrupted: false,
        };
        [("r".to_owned(), sweep)].into()
    }

    #[test]
    fn a_condition_holds_in_every_seed_in_none_or_cannot_be_known() {
        let of = |lost: &[f64]| part("r.0 lost < 5", &runs(lost)).verdict;
        assert_eq!(of(&[1.0, 4.0]), Verdict::Holds);
        assert_eq!(of(&[5.0, 9.0]), Verdict::DoesNotHold);
        assert_eq!(of(&[1.0, 9.0]), Verdict::CannotBeKnown);
        assert_eq!(of(&[]), Verdict::NotRun);
        let missing = part("r.1 lost < 5", &runs(&[1.0]));
        assert_eq!((missing.verdict, missing.sides.as_str()), (Verdict::NotRun, ""));
        assert_eq!(part("r.0 lost < 5", &runs(&[1.0, 3.0])).sides, "2 and 5");
    }

    #[test]
    fn a_claim_holds_if_all_of_it_does() {
        use Verdict::{CannotBeKnown, DoesNotHold, Holds, NotRun};
        assert_eq!(Verdict::of_all([Holds, Holds]), Holds);
        assert_eq!(Verdict::of_all([Holds, DoesNotHold, CannotBeKnown]), DoesNotHold);
        assert_eq!(Verdict::of_all([CannotBeKnown, Holds]), CannotBeKnown);
        assert_eq!(Verdict::of_all([Holds, NotRun, CannotBeKnown]), NotRun);
        assert_eq!(Verdict::of_all([]), NotRun);
    }

    #[test]
    fn figures_have_an_interval_where_seeds_differ() {
        assert_eq!(told("{r.0 lost} lost", &runs(&[4.0, 4.0])), "4 lost");
        assert_eq!(told("{r.0 lost}\nlost", &runs(&[4.0, 6.0])), "5 ± 12.7 lost");
        assert_eq!(told("{r.0 acked} acked", &runs(&[4.0])), "");
    }

    #[test]
    fn a_sentence_that_the_runs_do_not_bear_out_is_not_printed() {
        let claim = Claim {
            id: "C0".into(),
            profile: super::super::SetUp::Laptop,
            says: String::new(),
            paper: String::new(),
            simulated: String::new(),
            holds: vec!["r.0 lost > 0".into()],
            because: "nobody knows".into(),
            given: vec!["r.0 lost > 100".into()],
            unknown: None,
            not_live: None,
        };
        let found = judged(&claim, &Paper::shipped(), &runs(&[7.0]));
        assert_eq!((found.verdict, found.explained), (Verdict::Holds, false));
        assert!(found.because.starts_with("not explained"), "{}", found.because);
    }
}
