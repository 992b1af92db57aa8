//! A plan for people: what to take, what it costs, what binds, and what was rejected and why.

use std::fmt::Write;

use headwater_reports::text::{count, duration, significant};

use super::knee::Knee;
use super::regret::Scales;
use super::search::{Fate, Found};
use super::trial::Trials;
use super::{Considered, FormulaSays, MaxRate, Pick, Plan};
use crate::table::aligned;

/// The candidates in the order in which they were looked at, with those that cost and came to the
/// same in one.
pub(super) fn considered(
    trials: &Trials<'_>,
    (found, scales): (&Found, &Scales<'_>),
    (middle, chosen): (usize, Option<usize>),
) -> Vec<Considered> {
    let mut all: Vec<Considered> = Vec::new();
    for index in &found.order {
        let (of, fates) = (&trials.candidates[*index], &found.fates[*index]);
        let picked = chosen == Some(*index);
        let one = Considered {
            name: of.topology.name.clone(),
            settings: of.settings(),
            month: of.cost(middle),
            kept: scales.kept(*index),
            regret: fates.iter().any(Fate::keeps).then(|| scales.regret(*index)),
            why: why(trials, (fates, scales), *index, chosen),
            count: 1,
            tried: trials.screened(*index).is_some(),
            picked,
        };
        let alike = |other: &&mut Considered| {
            let same = (&other.name, other.month, &other.why) == (&one.name, one.month, &one.why);
            same && !picked && !other.picked
        };
        match all.iter_mut().rev().find(alike) {
            Some(other) => other.count += 1,
            None => all.push(one),
        }
    }
    all
}

fn why(
    trials: &Trials<'_>,
    (fates, scales): (&[Fate], &Scales<'_>),
    index: usize,
    chosen: Option<usize>,
) -> String {
    if chosen == Some(index) {
        return "taken".into();
    }
    let first = fates.iter().find_map(|fate| match fate {
        Fate::Lacks(lacks) => Some(lacks.clone()),
        Fate::Breaks(tried) => tried.last().map(super::Tried::show),
        Fate::Keeps(_) | Fate::Unknown => None,
    });
    if let Some(first) = first {
        return first;
    }
    if fates.iter().all(Fate::keeps) {
        let dearer = chosen.is_some_and(|chosen| scales.regret(index) > scales.regret(chosen));
        return if dearer { "keeps everything, dearer" } else { "keeps everything, slower" }.into();
    }
    match trials.screened(index) {
        Some(peak) if peak.kept => format!("slower in the peak, {}", peak.show()),
        Some(peak) => peak.show(),
        None => "not tried: what is taken is not dearer".into(),
    }
}

/// Rejected alternatives that are shown.
const SHOWN: usize = 16;

impl Plan {
    /// Whether something was found.
    pub const fn is_found(&self) -> bool {
        self.pick.is_some()
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.question);
        if self.worlds.len() > 1 {
            let _ = writeln!(
                text,
                "{} worlds, of which {:.0} % by weight are to be kept",
                self.worlds.len(),
                self.share * 100.0
            );
        }
        match &self.pick {
            Some(pick) => text += &pick.text(self.worlds.len()),
            None => text += "\nnothing that was tried keeps it\n",
        }
        text += &self.rejected();
        text += &formulas(&self.formulas);
        let _ = writeln!(text, "\nprices: {}; {} runs", self.prices, count(self.runs));
        text
    }

    fn rejected(&self) -> String {
        // Of those that were not run and have one reason, the cheapest stands for all.
        let mut rejected: Vec<(&Considered, usize)> = Vec::new();
        for of in self.considered.iter().filter(|of| !of.picked) {
            let alike = |(other, _): &&mut (&Considered, usize)| {
                !of.tried && !other.tried && other.why == of.why
            };
            match rejected.iter_mut().find(alike) {
                Some((_, more)) => *more += of.count,
                None => rejected.push((of, 0)),
            }
        }
        if rejected.is_empty() {
            return String::new();
        }
        let mut rows = vec![["rejected", "a month", "kept in", "why"].map(str::to_owned).to_vec()];
        for (of, more) in rejected.iter().take(SHOWN) {
            let settings = match of.count {
                1 => of.settings.clone(),
                count => format!("{count} settings"),
            };
            let more = if *more > 0 { format!(", and {more} more") } else { String::new() };
            let name = format!("{} ({settings}){more}", of.name);
            let month = if of.month.is_finite() { significant(of.month) } else { "-".into() };
            rows.push(vec![name, month, format!("{:.0} %", of.kept * 100.0), of.why.clone()]);
        }
        let mut text = format!("\n{}\n", aligned(&rows));
        if let Some(more) = rejected.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            let _ = writeln!(text, "and {more} more (--json has them)");
        }
        text
    }
}

fn formulas(all: &[FormulaSays]) -> String {
    let mut text = String::from("\npublished formulas, which know no queue, burst or fault, say\n");
    let rows: Vec<Vec<String>> = (all.iter())
        .map(|of| vec![format!("  {}", of.name), of.answer.clone(), of.formula.to_owned()])
        .collect();
    text += &aligned(&rows);
    text.push('\n');
    for of in all {
        let _ = writeln!(text, "  {}: {}", of.name, of.source);
    }
    text
}

impl Pick {
    fn text(&self, worlds: usize) -> String {
        let bill = &self.bill;
        let mut text = format!("\ntake {}\n", self.name);
        for (path, value) in &self.options {
            let _ = writeln!(text, "  system.{path} = {value}");
        }
        if worlds > 1 {
            let _ = writeln!(
                text,
                "keeps everything in {:.0} % of the worlds; least regret {}",
                self.kept * 100.0,
                significant(self.regret)
            );
        }
        let _ = writeln!(text, "\n{} {} a month", significant(bill.month), bill.currency);
        let rows: Vec<Vec<String>> = (bill.lines.iter())
            .map(|line| {
                let quantity = format!("{} {}", significant(line.quantity), line.unit);
                vec![format!("  {}", line.what), quantity, significant(line.month)]
            })
            .collect();
        text += &aligned(&rows);
        text += &self.tried();
        let used: Vec<Vec<String>> = (self.needs.iter())
            .map(|need| {
                let share = format!("{:.0} %", need.share * 100.0);
                vec![format!("  {}", need.what), share, need.of.clone()]
            })
            .collect();
        let _ = write!(text, "\nneeded at the least\n{}\n", aligned(&used));
        let seconds = |of: f64| duration(of * 1e9);
        let _ = writeln!(
            text,
            "  a server's cache holds the last {} of the peak; a lost server's data takes {} and \
             more to copy",
            seconds(self.cached_s),
            seconds(self.rebuild_s)
        );
        text
    }

    /// The phases and the knee.
    fn tried(&self) -> String {
        let mut text = format!("\n\nrun with {}\n", self.tried_in.show());
        let rows: Vec<Vec<String>> = (self.phases.iter())
            .map(|tried| {
                let binding = tried.binding.as_ref().map_or("-".into(), ToString::to_string);
                let gap = duration(tried.gap_s * 1e9);
                let after = tried.after_s.map_or_else(String::new, |after| {
                    format!(", from {after:.0} s after the loss on")
                });
                vec![
                    format!("  {}", tried.phase),
                    format!("{}{after}", tried.show()),
                    format!("longest silence {gap}"),
                    binding,
                ]
            })
            .collect();
        text += &aligned(&rows);
        text.push('\n');
        if let Some(knee) = &self.knee {
            text += &knee.text(Some(self.tried_in.rate));
        }
        text
    }
}

impl Knee {
    /// One line, and what binds; with how many times a rate it is.
    fn text(&self, of: Option<f64>) -> String {
        let times = |rate: f64| {
            let times = of.map_or_else(String::new, |of| format!(" ({:.1}x)", rate / of));
            format!("{}/s{times}", count(rate as u64))
        };
        let mut text = format!("  {}: ", self.phase);
        text += &match (self.kept, self.broken) {
            (Some(kept), Some(broken)) => {
                format!("breaks between {} and {}", times(kept), times(broken))
            }
            (Some(kept), None) => format!("kept up to {}, the highest that was tried", times(kept)),
            (None, Some(broken)) => {
                format!("broken at {} and at all that was tried", times(broken))
            }
            (None, None) => "not found".into(),
        };
        if let Some(binds) = &self.binds {
            let _ = write!(text, "; beyond it binds {binds}");
        }
        if let Some(why) = &self.incomplete {
            let _ = write!(text, "; {why}");
        }
        text + "\n"
    }
}

impl MaxRate {
    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{} ({})\n\n", self.question, self.cluster, self.settings);
        for phase in &self.phases {
            text += &phase.text(None);
        }
        match self.rate {
            Some(rate) if rate.is_finite() => {
                let _ = writeln!(
                    text,
                    "takes up to {}/s on average with every phase kept",
                    count(rate as u64)
                );
            }
            _ => text += "no rate that was tried keeps every phase\n",
        }
        text + &formulas(&self.formulas)
    }
}
