//! Sweeps and swarms as what `headwater-reports` shows: plain figures, without scenarios.

use std::collections::BTreeSet;

use headwater_reports::swarm as show_swarm;
use headwater_reports::sweep as show;

use crate::scenario::metric::Kind;
use crate::scenario::{Metric, shell_word};
use crate::stats::Estimate;
use crate::swarm::Swarm;
use crate::sweep::{ILLS, Sweep, Variant};
use crate::units::Duration;

impl Sweep {
    /// As it is shown: as Markdown and a page.
    pub fn shown(&self) -> show::Sweep {
        let first = self.variants.first();
        let paths = first.map_or(&[][..], |variant| &variant.settings);
        let axes = paths.iter().enumerate().map(|(index, (path, _))| {
            let mut seen = BTreeSet::new();
            let values = self.variants.iter().map(|variant| variant.settings[index].1.clone());
            let values = values.filter(|value| seen.insert(value.clone())).collect();
            show::Axis { path: path.clone(), values }
        });
        let figures = self.metrics.iter().map(|name| {
            let kind = Metric::parse(name).map_or(Kind::Count, |metric| metric.kind());
            let quantity = match kind {
                _ if ILLS.contains(&name.as_str()) => show::Quantity::Ills,
                Kind::Time => show::Quantity::Time,
                Kind::Rate => show::Quantity::Rate,
                Kind::Share => show::Quantity::Share,
                Kind::Count | Kind::Word => show::Quantity::Count,
            };
            show::Figure { name: name.clone(), quantity }
        });
        let figures: Vec<show::Figure> = figures.collect();
        show::Sweep {
            scenario: self.scenario.clone(),
            version: self.version.to_owned(),
            reproduce: self.reproduce.clone(),
            axes: axes.collect(),
            seeds: first.map_or(0, |variant| variant.points.len() as u64),
            variants: self.variants.iter().map(|variant| shown(variant, &figures)).collect(),
            figures,
            interrupted: self.interrupted,
        }
    }
}

fn shown(variant: &Variant, figures: &[show::Figure]) -> show::Variant {
    let passed = variant.points.iter().filter(|point| point.ok).count();
    let failed = variant.points.iter().find(|point| !point.ok);
    show::Variant {
        values: variant.settings.iter().map(|(_, value)| value.clone()).collect(),
        passed: (passed, variant.points.len()),
        cells: figures.iter().map(|figure| cell(variant, figure)).collect(),
        failed: failed.map(|point| point.reproduce.clone()),
    }
}

fn cell(variant: &Variant, figure: &show::Figure) -> Option<show::Cell> {
    if figure.quantity == show::Quantity::Ills {
        return ills(variant, &figure.name);
    }
    // Times are seconds here, and nanoseconds where they are shown.
    let scale = if figure.quantity == show::Quantity::Time { 1e9 } else { 1.0 };
    let Estimate { mean, half_width, .. } = *variant.estimates.get(&figure.name)?;
    let difference = variant.differences.get(&figure.name);
    Some(show::Cell {
        value: mean * scale,
        interval: half_width.map(|half| ((mean - half) * scale, (mean + half) * scale)),
        hit: None,
        difference: difference.map(|it| (it.mean * scale, it.half_width.map(|it| it * scale))),
    })
}

fn ills(variant: &Variant, name: &str) -> Option<show::Cell> {
    let figure = |point: &crate::sweep::Point| point.figures.get(name).copied();
    let mut values: Vec<f64> = variant.points.iter().filter_map(figure).collect();
    values.sort_by(f64::total_cmp);
    let (least, greatest) = (*values.first()?, *values.last()?);
    let hit = values.iter().filter(|value| **value > 0.0).count();
    Some(show::Cell {
        value: values[values.len() / 2],
        interval: (values.len() > 1).then_some((least, greatest)),
        hit: Some((hit, values.len())),
        difference: None,
    })
}

impl Swarm {
    /// As it is shown in a page.
    pub fn shown(&self) -> show_swarm::Swarm {
        let (first, count) = self.seeds;
        let simulated = Duration::from_secs(self.simulated_ns / 1_000_000_000);
        let mut about = vec![format!(
            "{} of {count} seeds from {first}, {simulated} of virtual time, {} events; {} run \
             twice; fingerprint {:016x}",
            self.runs, self.events, self.twice, self.fingerprint
        )];
        let settings = self.settings.iter().map(|(path, value)| format!("{path} = {value}"));
        about.extend(settings);
        let missing: Vec<String> = self.missing().iter().map(ToString::to_string).collect();
        let incomplete = match (self.interrupted, missing.is_empty()) {
            (true, _) => Some("interrupted".to_owned()),
            (false, false) => Some(format!("parts that are missing: {}", missing.join(", "))),
            (false, true) => None,
        };
        let of_verdict = |name: &str| {
            let failed = self.failures.iter().filter(|failure| failure.verdict == name);
            failed.map(|failure| failure.seed).collect::<BTreeSet<_>>().len() as u64
        };
        let names: BTreeSet<&String> = (self.checked.keys())
            .chain(self.failures.iter().map(|failure| &failure.verdict))
            .collect();
        let verdicts = names.into_iter().map(|name| {
            let failed = of_verdict(name);
            let checked = self.checked.get(name).copied().unwrap_or(failed);
            (name.clone(), checked, failed)
        });
        let failures = self.failures.iter().map(|failure| show_swarm::Failure {
            seed: failure.seed,
            verdict: failure.verdict.clone(),
            finding: failure.finding.clone(),
            reproduce: self.reproduce(failure.seed),
        });
        let pairs = |of: &std::collections::BTreeMap<String, u64>| {
            of.iter().map(|(name, seeds)| (name.clone(), *seeds)).collect()
        };
        show_swarm::Swarm {
            scenario: self.scenario.clone(),
            version: self.version.clone(),
            about,
            runs: self.runs,
            failed: self.failed().len() as u64,
            incomplete,
            verdicts: verdicts.collect(),
            faults: pairs(&self.faults),
            properties: pairs(&self.properties),
            never: self.never().into_iter().map(str::to_owned).collect(),
            failures: failures.collect(),
        }
    }

    /// The line that runs one seed of it again; of a guided one, all cases up to it.
    pub fn reproduce(&self, seed: u64) -> String {
        let name = shell_word(&self.scenario);
        let mut line = match self.guided {
            Some(_) => {
                let (first, _) = self.seeds;
                let cases = seed.wrapping_sub(first) + 1;
                format!("headwater swarm {name} --guided --seed {first} --seeds {cases}")
            }
            None => format!("headwater swarm {name} --seed {seed} --seeds 1"),
        };
        for (path, value) in &self.settings {
            line += &format!(" --set {}", shell_word(&format!("{path}={value}")));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sweep::Point;

    fn variant(values: &[f64]) -> Variant {
        let point = |(seed, value): (u64, &f64)| Point {
            seed,
            fingerprint: String::new(),
            traffic: String::new(),
            ok: *value == 0.0,
            figures: [("lost".to_owned(), *value)].into(),
            reproduce: format!("headwater run x --seed {seed}"),
        };
        Variant {
            settings: vec![],
            estimates: BTreeMap::new(),
            differences: BTreeMap::new(),
            points: (1..).zip(values).map(point).collect(),
        }
    }

    #[test]
    fn losses_are_told_by_the_seeds_that_have_any() {
        let of = |values: &[f64]| ills(&variant(values), "lost");
        let some = of(&[0.0, 17.0, 0.0, 3.0]).expect("measured");
        assert_eq!((some.value, some.interval, some.hit), (3.0, Some((0.0, 17.0)), Some((2, 4))));
        assert_eq!(of(&[0.0, 0.0]).and_then(|cell| cell.hit), Some((0, 2)));
        assert_eq!(of(&[4.0]).and_then(|cell| cell.interval), None);
        assert_eq!(of(&[]), None);
        let shown = shown(&variant(&[0.0, 17.0]), &[]);
        assert_eq!(shown.failed.as_deref(), Some("headwater run x --seed 2"));
    }
}
