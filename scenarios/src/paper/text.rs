//! The claims as a table for a terminal and as the page docs/PAPER.md.

use std::fmt::Write as _;

use super::judge::{Answer, Judged, Part, Verdict};
use crate::table::wrapped;

/// What the page begins with.
const OPENING: &str = "\
# The paper's claims

This page is made by `headwater paper --write`, and `headwater paper --check` holds it to what is
computed. The claims are those of \"Pravega Performance Analysis and System Implementation\" (5
January 2022), each run in simulation with the paper's own settings on the machines that it names. A
verdict is computed: a claim holds if every one of its conditions holds in every seed, and does not
if one holds in none. Conditions on published figures allow 15 %. How far figures of the models are
off elsewhere: [VALIDATION.md](VALIDATION.md) and [FIDELITY.md](FIDELITY.md).

The live column is filled by `loadgen paper --out DIR` on a machine of one's own, and told here by
`headwater paper --live DIR`: Kafka is written to by `kafka-producer-perf-test` with the paper's
options, the misspelt one among them, Pravega's standalone cluster by its Java client as fast as
that takes events, each on a cluster launched for the run and warmed up; what is to be lost or
survived is run by `loadgen`, which reads everything back. The conditions are the same, repeats are
what seeds are, and a run beside which other processes took the machine gives no verdict. The
verdict of a claim is that of the simulation; the live one stands in its own column.
";

/// What stands in the column of live runs where there is none.
const NOT_RUN: &str = "not run";

/// What stands in the column of live runs.
pub(super) fn live(claim: &Judged) -> String {
    match (&claim.live, &claim.not_live) {
        (Some(live), _) => format!("{}: {}", live.verdict.word(), live.told),
        (None, Some(why)) => format!("not measured: {why}"),
        (None, None) => NOT_RUN.to_owned(),
    }
}

impl Answer {
    /// For people: a block for each claim.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let parts =
            [("What the paper says", &self.claims), ("What it could not see", &self.unseen)];
        for (heading, claims) in parts.into_iter().filter(|(_, claims)| !claims.is_empty()) {
            let _ = writeln!(out, "{heading}\n");
            claims.iter().for_each(|claim| out.push_str(&block(claim)));
        }
        out + &self.note()
    }

    fn note(&self) -> String {
        let seeds = match self.seeds {
            0 => "nothing was simulated".to_owned(),
            1 => "one seed: no intervals (--seeds N)".to_owned(),
            seeds => format!("{seeds} seeds; ± 95 % confidence (Student's t)"),
        };
        let interrupted = match self.interrupted {
            true => "\ninterrupted: what was not run has no verdict",
            false => "",
        };
        let live = match &self.live {
            Some(about) => format!("\nlive: {}; {about}", self.live_tally()),
            None => String::new(),
        };
        format!("{}; {seeds}{interrupted}{live}\n", self.tally())
    }

    /// How many hold.
    pub fn tally(&self) -> String {
        self.tallied(&|claim| Some(claim.verdict))
    }

    /// How many of those that were measured live hold there.
    fn live_tally(&self) -> String {
        self.tallied(&|claim| Some(claim.live.as_ref()?.verdict))
    }

    fn tallied(&self, verdict: &dyn Fn(&Judged) -> Option<Verdict>) -> String {
        let parts = [("the paper's claims", &self.claims), ("what it could not see", &self.unseen)];
        let of =
            |claims: &[Judged]| counted(&claims.iter().filter_map(verdict).collect::<Vec<_>>());
        let parts = parts.map(|(name, claims)| (name, of(claims)));
        let parts = parts.into_iter().filter(|(_, count)| !count.is_empty());
        parts.map(|(name, count)| format!("{name}: {count}")).collect::<Vec<_>>().join("; ")
    }

    /// The parts of the page: the tables, then a section for each claim.
    pub fn pages(&self) -> Vec<String> {
        let sections = self.claims.iter().chain(&self.unseen).map(section);
        std::iter::once(self.tables()).chain(sections).collect()
    }

    /// The page.
    pub fn page(&self) -> String {
        format!("{OPENING}\n{}", self.pages().join("\n"))
    }

    fn tables(&self) -> String {
        let mut out = String::new();
        let parts =
            [("What the paper says", &self.claims), ("What it could not see", &self.unseen)];
        for (heading, claims) in parts.into_iter().filter(|(_, claims)| !claims.is_empty()) {
            let _ = writeln!(
                out,
                "## {heading}\n\n| | claim | simulated | live | verdict | mechanism |\n\
                 |---|---|---|---|---|---|"
            );
            for claim in claims {
                let live = live(claim);
                let Judged { id, says, simulated, because, .. } = claim;
                let verdict = claim.verdict.word();
                let _ = writeln!(
                    out,
                    "| {id} | {says} | {simulated} | {live} | **{verdict}** | {because} |"
                );
            }
            out.push('\n');
        }
        let seeds = match self.seeds {
            0 => "Nothing was simulated.".to_owned(),
            1 => "One seed: no intervals.".to_owned(),
            seeds => format!(
                "{seeds} seeds each; ± is the 95 % confidence interval of the mean (Student's t), \
                 left out where all seeds agree to three digits."
            ),
        };
        let live = match &self.live {
            Some(about) => format!("\nLive: {}; {about}.\n", self.live_tally()),
            None => String::new(),
        };
        out + &seeds + "\n" + &live
    }
}

/// `7 hold, 6 do not`.
fn counted(verdicts: &[Verdict]) -> String {
    let told = |of: Verdict, one: &str, several: &str| {
        let count = verdicts.iter().filter(|verdict| **verdict == of).count();
        (count > 0).then(|| format!("{count} {}", if count == 1 { one } else { several }))
    };
    let all = [
        told(Verdict::Holds, "holds", "hold"),
        told(Verdict::DoesNotHold, "does not", "do not"),
        told(Verdict::CannotBeKnown, "cannot be known", "cannot be known"),
        told(Verdict::NotRun, "was not run", "were not run"),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn block(claim: &Judged) -> String {
    let simulated = !(claim.live.is_some() && claim.verdict == Verdict::NotRun);
    let word = if simulated { claim.verdict.word() } else { "not simulated" };
    let mut out = format!("{:<4} {word}\n", claim.id);
    let measured = live(claim);
    let lines = [
        ("claim", claim.says.as_str()),
        ("simulated", &claim.simulated),
        ("live", &measured),
        ("because", &claim.because),
    ];
    for (name, text) in lines.into_iter().filter(|(_, text)| !text.is_empty()) {
        let _ = writeln!(out, "{}", wrapped(&format!("     {name:<9}  {text}"), &" ".repeat(16)));
    }
    let open = |part: &&Part| part.verdict != Verdict::Holds;
    let own = claim.parts.iter().filter(|_| simulated).filter(open).map(|part| ("", part));
    let live = claim.live.iter().flat_map(|live| &live.parts);
    for (world, part) in own.chain(live.filter(open).map(|part| ("live, ", part))) {
        let text = format!("{world}{}: {}", part.verdict.word(), part.condition);
        let sides =
            if part.sides.is_empty() { String::new() } else { format!(" ({})", part.sides) };
        let _ = writeln!(out, "{}", wrapped(&format!("     {text}{sides}"), &" ".repeat(16)));
    }
    out + "\n"
}

fn section(claim: &Judged) -> String {
    let Judged { id, says, paper, profile, .. } = claim;
    let mut out = format!("## {id}: {}\n\n", claim.verdict.word());
    let _ = writeln!(out, "{says} (Section {paper}; {profile}.)\n");
    claim.parts.iter().for_each(|part| out.push_str(&listed(part)));
    if let Some(live) = &claim.live {
        let _ = writeln!(out, "\nLive, by {}: {}.\n", live.tools.join(", "), live.verdict.word());
        live.parts.iter().for_each(|part| out.push_str(&listed(part)));
    }
    let _ = write!(out, "\n```sh\n{}\n```\n", claim.commands.join("\n"));
    out
}

/// A condition as an item of a list.
fn listed(part: &Part) -> String {
    let sides = if part.sides.is_empty() { String::new() } else { format!(": {}", part.sides) };
    format!("- {}: `{}`{sides}\n", part.verdict.word(), part.condition)
}
