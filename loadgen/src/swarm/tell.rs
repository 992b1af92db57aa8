//! What a live swarm has found: as a table, as JSON, and a page of what failed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use headwater_scenarios::scenario::shell_word;
use serde::Serialize;

use super::asked::Swarm;
use super::case::arguments;
use super::draw::{Dealer, LeftOut};
use super::store::{self, Store};
use super::world::{Shrunk, Side, Told};
use crate::failure::Result;
use crate::terminal;

/// Version of the JSON.
const SCHEMA: &str = "headwater-live-swarm/1";

/// The columns of the table: in so many cases both kept a promise, both broke it, one alone did,
/// or it was kept and only one of the two looked.
const HEAD: [&str; 6] =
    ["promise", "both keep", "both break", "live alone", "simulated alone", "one looked"];

/// What came out.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Found {
    /// Version of this JSON.
    schema: &'static str,
    /// Version of headwater.
    version: &'static str,
    /// The scenario.
    scenario: String,
    /// What was launched.
    target: String,
    /// Values laid over the scenario.
    settings: Vec<(String, String)>,
    /// What is otherwise than in the scenario, for all cases, a line each.
    bounds: Vec<String>,
    /// The first seed, and how many from there on were drawn.
    seeds: (u64, u64),
    /// Seeds that were skipped, by why.
    skipped: BTreeMap<String, u64>,
    /// Faults of the cases that were run, by their kind.
    faults: BTreeMap<String, u64>,
    /// Faults that were drawn and left out, those of skipped seeds too, by their kind.
    pub(super) left_out: BTreeMap<String, u64>,
    /// Cases in which a promise came out so, by its name and how it came out.
    promises: BTreeMap<String, BTreeMap<Side, u64>>,
    /// Live runs that were made, and of them without an end.
    runs: (u64, u64),
    /// The cases.
    pub(super) cases: Vec<Told>,
    /// It was stopped before its time.
    pub(super) interrupted: bool,
}

impl Found {
    /// Nothing yet.
    pub(super) fn new(asked: &Swarm, dealer: &Dealer<'_>) -> Self {
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            scenario: asked.scenario.clone(),
            target: dealer.system.name().to_owned(),
            settings: asked.settings.clone(),
            bounds: dealer.bounds.clone(),
            seeds: (asked.seed, 0),
            skipped: BTreeMap::new(),
            faults: BTreeMap::new(),
            left_out: BTreeMap::new(),
            promises: BTreeMap::new(),
            runs: (0, 0),
            cases: Vec::new(),
            interrupted: false,
        }
    }

    /// A seed of which nothing could be run.
    pub(super) fn skip(&mut self, why: String, left_out: &[LeftOut]) {
        self.seeds.1 += 1;
        count(&mut self.skipped, why);
        self.leave_out(left_out);
    }

    /// A case that was run.
    pub(super) fn add(&mut self, told: Told) {
        self.seeds.1 += 1;
        told.kinds.iter().for_each(|kind| count(&mut self.faults, kind.clone()));
        self.leave_out(&told.left_out);
        self.runs.0 += told.runs.len() as u64;
        self.runs.1 += told.runs.iter().filter(|run| run.world.is_none()).count() as u64;
        for (promise, side) in told.sides() {
            *self.promises.entry(promise).or_default().entry(side).or_default() += 1;
        }
        self.cases.push(told);
    }

    fn leave_out(&mut self, left_out: &[LeftOut]) {
        left_out.iter().for_each(|one| count(&mut self.left_out, one.kind.clone()));
    }

    /// Why seeds were skipped, and how many.
    pub(super) fn skipped_in_words(&self) -> String {
        let (first, drawn) = self.seeds;
        let why: Vec<String> =
            self.skipped.iter().map(|(why, count)| format!("{count} because {why}")).collect();
        format!("of {drawn} seeds from {first} on all were skipped, {}", why.join("; "))
    }

    /// For programs.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("every key is a string")
    }

    /// For people.
    pub(super) fn text(&self, asked: &Swarm) -> String {
        let mut text = String::new();
        let mut line = |line: String| {
            text.push_str(line.trim_end());
            text.push('\n');
        };
        let (first, drawn) = self.seeds;
        let (runs, failed) = self.runs;
        line(format!(
            "{} on {}: {} cases of {drawn} seeds from {first}, {runs} live runs{}",
            self.scenario,
            self.target,
            self.cases.len(),
            if failed > 0 { format!(", {failed} without an end") } else { String::new() }
        ));
        for (why, count) in &self.skipped {
            line(format!("skipped {count}: {why}"));
        }
        self.bounds.iter().for_each(|bound| line(format!("changed: {bound}")));
        line(format!("faults done: {}", counted(&self.faults)));
        line(format!("left out: {}", counted(&self.left_out)));
        line(String::new());
        line(self.table());
        for told in self.cases.iter().filter(|told| told.fails()) {
            line(format!("\nseed {}: {}", told.seed, reasons(told).join("; ")));
            line(format!("  {}", again(asked, told, "case.toml")));
        }
        if self.interrupted {
            line("\ninterrupted: what is told is of the cases that were run".into());
        }
        text
    }

    /// How each promise came out, in cases.
    fn table(&self) -> String {
        let mut rows = vec![HEAD.map(str::to_owned)];
        for (promise, sides) in &self.promises {
            let of = |all: &[Side]| {
                let count: u64 = all.iter().filter_map(|side| sides.get(side)).sum();
                count.to_string()
            };
            rows.push([
                promise.clone(),
                of(&[Side::BothKeep]),
                of(&[Side::BothBreak]),
                of(&[Side::LiveAlone]),
                of(&[Side::SimulatedAlone]),
                of(&[Side::LiveLooked, Side::SimulatedLooked]),
            ]);
        }
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: [usize; HEAD.len()] = std::array::from_fn(width);
        let cell = |(column, cell): (usize, &String)| match column {
            0 => format!("{cell:<width$}", width = widths[0]),
            _ => format!("{cell:>width$}", width = widths[column]),
        };
        let line =
            |row: &[String; HEAD.len()]| row.iter().enumerate().map(cell).collect::<Vec<_>>();
        rows.iter().map(|row| line(row).join("  ")).collect::<Vec<_>>().join("\n")
    }

    /// Writes what came out.
    pub(super) fn write(&self, store: &Store, asked: &Swarm) -> Result<()> {
        store.write("swarm.json", &self.to_json())?;
        store.write("swarm.txt", &self.text(asked))?;
        let page = store.write("found.md", &self.page(asked))?;
        terminal::note(format_args!("written to {}, swarm.json beside it", page.display()));
        Ok(())
    }

    /// The page of what failed.
    fn page(&self, asked: &Swarm) -> String {
        let (first, drawn) = self.seeds;
        let mut text = format!(
            "# What a live swarm found\n\n`{}` on {}, {} cases of {drawn} seeds from {first} on. \
             Each case was run live and simulated from the same file, on a cluster with this \
             machine's cores; `headwater run` simulates it on the machines of its profile.\n\n\
             ```text\n{}\n```\n",
            self.scenario,
            self.target,
            self.cases.len(),
            self.table()
        );
        let failing: Vec<&Told> = self.cases.iter().filter(|told| told.fails()).collect();
        if failing.is_empty() {
            text.push_str("\nNo case failed.\n");
        }
        failing.into_iter().for_each(|told| entry(&mut text, told, asked));
        text
    }
}

/// A case that failed, on the page.
fn entry(text: &mut String, told: &Told, asked: &Swarm) {
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    line(format!("\n## Seed {}\n", told.seed));
    for (promise, side) in told.sides().into_iter().filter(|(_, side)| side.is_broken()) {
        let (broken, made) = told.rate(&promise);
        line(format!(
            "- `{promise}`: {}; {broken} of {made} live runs. {}",
            side.told(),
            which(side, told)
        ));
        line(format!("  Found: {}", told.evidence(&promise).unwrap_or_default()));
    }
    for run in &told.runs {
        if let Some(why) = &run.failed {
            line(format!("- {} has no end: {why}", run.folder));
        }
        if let Some(why) = &run.doubt {
            line(format!("- {} was disturbed: {why}", run.folder));
        }
    }
    line(format!("- faults: {}", told.faults.join("; ")));
    for LeftOut { kind, occasion, why } in &told.left_out {
        line(format!("- left out: {kind} {occasion}: {why}"));
    }
    told.changed.iter().for_each(|what| line(format!("- changed: {what}")));
    if let Some(run) = told.runs.iter().find(|run| !run.differences.is_empty()) {
        line(format!("- live, other than the case asks: {}", run.differences.join(", ")));
    }
    if told.stopped {
        line("- it was stopped before all of its runs were made".into());
    }
    line("\n```sh".into());
    line(again(asked, told, "case.toml"));
    line(format!("headwater run {}", file(asked, told, "case.toml")));
    let first = told.runs.iter().find(|run| run.world.is_some() && run.fails());
    if let Some(run) = first {
        line(format!("loadgen check {}", file(asked, told, &run.folder) + "/history.jsonl"));
    }
    line("```".into());
    if let Some(shrunk) = &told.shrunk {
        smaller(text, told, shrunk, asked);
    }
}

/// What is left of a case, on the page.
fn smaller(text: &mut String, told: &Told, shrunk: &Shrunk, asked: &Swarm) {
    let Shrunk { file: name, faults, runs, rate: (broken, made), simulated, cut_short } = shrunk;
    let faults = if faults.is_empty() { "no fault".to_owned() } else { faults.join("; ") };
    let world = match simulated {
        Some(world) if world.broken.is_empty() => "simulated, it keeps everything".to_owned(),
        Some(world) => {
            let broken: Vec<&str> = world.broken.keys().map(String::as_str).collect();
            format!("simulated, it breaks {}", broken.join(", "))
        }
        None => "it is not simulated".to_owned(),
    };
    let short = if *cut_short { ", cut short" } else { "" };
    let _ = writeln!(
        text,
        "\nShrunk over {runs} live runs{short}: {faults}; it fails in {broken} of {made}; \
         {world}.\n\n```sh\n{}\n```",
        again(asked, told, name)
    );
}

/// Which of the worlds is wrong, as far as that can be told.
fn which(side: Side, told: &Told) -> &'static str {
    match side {
        Side::BothBreak => "The model knows of it: the promise does not hold of the system.",
        Side::LiveAlone if told.simulated.is_none() => {
            "It was not simulated: the system is wrong, or what drives and checks it."
        }
        Side::LiveAlone => {
            "One of them is wrong: the model lacks what breaks it; or the system keeps it, and \
             what drives and checks it live does not."
        }
        Side::SimulatedAlone => {
            "One of them is wrong: the model breaks what the system keeps; or the live runs did \
             not meet the moment in which it breaks."
        }
        Side::BothKeep | Side::LiveLooked | Side::SimulatedLooked => "",
    }
}

/// Why a case fails, a line for each promise, and for runs without an end.
fn reasons(told: &Told) -> Vec<String> {
    let broken = told.sides().into_iter().filter(|(_, side)| side.is_broken());
    let mut all: Vec<String> = broken
        .map(|(promise, side)| {
            let (broken, made) = told.rate(&promise);
            format!("{promise}: {}, {broken} of {made} live runs", side.told())
        })
        .collect();
    let failed = told.runs.iter().filter_map(|run| run.failed.as_deref());
    all.extend(failed.map(|why| format!("a live run has no end: {why}")));
    all
}

/// A file of a case, for a shell.
fn file(asked: &Swarm, told: &Told, name: &str) -> String {
    let path = store::folder(&asked.out, told.seed).join(name);
    shell_word(&path.to_string_lossy())
}

/// The line that runs a file of a case live again.
fn again(asked: &Swarm, told: &Told, name: &str) -> String {
    let words = arguments(&store::folder(&asked.out, told.seed).join(name), asked);
    let words: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
    format!("loadgen {} --history run.jsonl", words.join(" "))
}

fn count(counts: &mut BTreeMap<String, u64>, name: String) {
    *counts.entry(name).or_default() += 1;
}

fn counted(counts: &BTreeMap<String, u64>) -> String {
    let each: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if each.is_empty() { "none".to_owned() } else { each.join(", ") }
}
