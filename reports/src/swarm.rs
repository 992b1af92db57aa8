//! Swarms as a page: what was checked in how many seeds, which failed, and how to run those again.

use crate::page::{Sections, name, page, stacked, table};
use crate::text::{count, escape, percent};

/// Failures that are listed at most.
const FAILURES_MAX: usize = 500;

/// A swarm that is to be shown.
#[derive(Clone, Debug, Default)]
pub struct Swarm {
    /// The scenario's name.
    pub scenario: String,
    /// Version of headwater that ran it.
    pub version: String,
    /// In a few lines: which seeds, how much virtual time, over which settings.
    pub about: Vec<String>,
    /// Seeds that were run.
    pub runs: u64,
    /// Seeds that failed.
    pub failed: u64,
    /// Why it is not whole, if it isn't: it was stopped, or parts are missing.
    pub incomplete: Option<String>,
    /// Each verdict with the seeds in which it was checked, and those in which it failed.
    pub verdicts: Vec<(String, u64, u64)>,
    /// Seeds in which a kind of fault was injected.
    pub faults: Vec<(String, u64)>,
    /// Seeds in which a property of the models was seen to hold.
    pub properties: Vec<(String, u64)>,
    /// Properties that no seed has shown.
    pub never: Vec<String>,
    /// What failed, by seed.
    pub failures: Vec<Failure>,
}

/// A seed that broke a promise.
#[derive(Clone, Debug, Default)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The verdict that failed.
    pub verdict: String,
    /// The first thing that it found.
    pub finding: String,
    /// The line that runs it again.
    pub reproduce: String,
}

impl Swarm {
    /// Whether every seed was run and none failed.
    fn ok(&self) -> bool {
        self.failed == 0 && self.incomplete.is_none()
    }

    fn heading(&self) -> String {
        let runs = count(self.runs);
        let whole = self.incomplete.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        match self.failed {
            0 => format!("None of {runs} seeds failed{whole}"),
            some => format!("{} of {runs} seeds failed{whole}", count(some)),
        }
    }
}

/// Swarms as one self-contained HTML file.
pub fn swarm_page(swarms: &[Swarm]) -> String {
    let title = match swarms {
        [one] => format!("Swarm of {}", one.scenario),
        _ => "Swarms".to_owned(),
    };
    let mut top = format!("<header><h1>{}</h1></header>\n", name(&title));
    let mut sections = Sections::default();
    for (index, swarm) in swarms.iter().enumerate() {
        let class = if swarm.ok() { "pass" } else { "fail" };
        let of = match swarms {
            [_] => String::new(),
            _ => format!("{}: ", escape(&swarm.scenario)),
        };
        top.push_str(&format!(
            "<section class=\"box {class}\" aria-label=\"How the seeds came out\"><strong \
             class=\"{class}\">{of}{}</strong></section>\n",
            escape(&swarm.heading())
        ));
        let heading = |part: &str| match swarms {
            [_] => part.to_owned(),
            _ => format!("{}: {}", swarm.scenario, part.to_lowercase()),
        };
        let id = |part: &str| format!("{part}-{index}");
        sections.add(&id("verdicts"), &heading("Verdicts"), &verdicts(swarm));
        sections.add(&id("failures"), &heading("Seeds that failed"), &failures(swarm));
        sections.add(&id("faults"), &heading("Faults"), &shares("fault", swarm, &swarm.faults));
        sections.add(&id("properties"), &heading("Properties"), &properties(swarm));
    }
    page(&title, &(top + &sections.html()))
}

fn verdicts(swarm: &Swarm) -> String {
    let mut rows = swarm.verdicts.clone();
    rows.sort_by(|left, right| right.2.cmp(&left.2).then_with(|| left.0.cmp(&right.0)));
    let row = |(verdict, checked, failed): &(String, u64, u64)| {
        let class = if *failed > 0 { "fail" } else { "pass" };
        let word = format!("<span class=\"{class}\"><b class=\"s\">{class}</b></span>");
        vec![word, name(verdict), count(*checked), count(*failed)]
    };
    let rows: Vec<Vec<String>> = rows.iter().map(row).collect();
    let about: String =
        swarm.about.iter().map(|line| format!("<p class=\"dim\">{}</p>\n", escape(line))).collect();
    about + &table(&["", "verdict", "#seeds checked", "#seeds failed"], &rows)
}

fn failures(swarm: &Swarm) -> String {
    if swarm.failures.is_empty() {
        return String::new();
    }
    let shown = swarm.failures.iter().take(FAILURES_MAX);
    let row = |failure: &Failure| {
        vec![
            format!("<strong>{}</strong>", failure.seed),
            name(&failure.verdict),
            escape(&failure.finding),
            format!("<code>{}</code>", escape(&failure.reproduce)),
        ]
    };
    let rows: Vec<Vec<String>> = shown.map(row).collect();
    let more = match swarm.failures.len().saturating_sub(FAILURES_MAX) {
        0 => String::new(),
        more => format!("<p class=\"dim\">and {} more (--json has all)</p>\n", count(more as u64)),
    };
    stacked(&["seed", "verdict", "found", "run it again"], &rows) + &more
}

/// Of how many seeds each has a share, with a bar.
fn shares(of: &str, swarm: &Swarm, all: &[(String, u64)]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let mut sorted = all.to_vec();
    sorted.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    let row = |(what, seeds): &(String, u64)| {
        let share = *seeds as f64 / swarm.runs.max(1) as f64;
        let width = (share * 100.0).clamp(0.0, 100.0);
        let bar = format!("<span class=\"bar\"><i style=\"width:{width:.1}%\"></i></span>");
        vec![name(what), count(*seeds), percent(share), bar]
    };
    table(&[of, "#seeds", "#of all", ""], &sorted.iter().map(row).collect::<Vec<_>>())
}

fn properties(swarm: &Swarm) -> String {
    let mut html = shares("seen to hold", swarm, &swarm.properties);
    if !swarm.never.is_empty() {
        let never: Vec<String> = swarm.never.iter().map(|it| name(it)).collect();
        html.push_str(&format!("<p>Never seen: {}</p>\n", never.join(", ")));
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_comes_first_with_the_line_that_runs_it_again() {
        let failure = Failure {
            seed: 7,
            verdict: "no_acked_loss".into(),
            finding: "lost <#3>".into(),
            reproduce: "headwater swarm x --seed 7 --seeds 1".into(),
        };
        let swarm = Swarm {
            scenario: "swarm/kafka".into(),
            runs: 1_000,
            failed: 1,
            verdicts: vec![("order".into(), 1_000, 0), ("no_acked_loss".into(), 990, 1)],
            failures: vec![failure],
            ..Swarm::default()
        };
        let html = swarm_page(std::slice::from_ref(&swarm));
        let place = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text} is missing"));
        assert!(place("1 of 1,000 seeds failed") < place("no_<wbr>acked_<wbr>loss"));
        assert!(place("no_<wbr>acked_<wbr>loss") < place("order</td>"), "what failed first");
        assert!(place("--seed 7 --seeds 1") > 0 && html.contains("lost &lt;#3&gt;"));
        assert!(!html.contains("uPlot=function"), "no chart, no library");
        let clean = Swarm { failed: 0, failures: vec![], ..swarm };
        let both = swarm_page(&[
            clean.clone(),
            Swarm { incomplete: Some("part 2/4 is missing".into()), ..clean },
        ]);
        assert!(both.contains("None of 1,000 seeds failed (part 2/4 is missing)"));
    }
}
