//! The claims as a table for a terminal and as the page docs/PAPER.md.

use std::fmt::Write as _;

use super::judge::{Answer, Judged, Verdict};
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
";

/// What stands in the column of live runs where there is none.
pub(super) const NOT_RUN: &str = "not run";

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
            1 => "one seed: no intervals (--seeds N)".to_owned(),
            seeds => format!("{seeds} seeds; ± 95 % confidence (Student's t)"),
        };
        let interrupted = match self.interrupted {
            true => "\ninterrupted: what was not run has no verdict",
            false => "",
        };
        format!("{}; {seeds}{interrupted}\n", self.tally())
    }

    /// How many hold.
    pub fn tally(&self) -> String {
        let parts = [("the paper's claims", &self.claims), ("what it could not see", &self.unseen)];
        let parts = parts.into_iter().filter(|(_, claims)| !claims.is_empty());
        parts.map(|(name, of)| format!("{name}: {}", counted(of))).collect::<Vec<_>>().join("; ")
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
                let live = claim.live.as_deref().unwrap_or(NOT_RUN);
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
            1 => "One seed: no intervals.".to_owned(),
            seeds => format!(
                "{seeds} seeds each; ± is the 95 % confidence interval of the mean (Student's t), \
                 left out where all seeds agree to three digits."
            ),
        };
        out + &seeds + "\n"
    }
}

/// `7 hold, 6 do not`.
fn counted(claims: &[Judged]) -> String {
    let told = |of: Verdict, one: &str, several: &str| {
        let count = claims.iter().filter(|claim| claim.verdict == of).count();
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
    let mut out = format!("{:<4} {}\n", claim.id, claim.verdict.word());
    let live = claim.live.as_deref().unwrap_or(NOT_RUN);
    let lines = [
        ("claim", claim.says.as_str()),
        ("simulated", &claim.simulated),
        ("live", live),
        ("because", &claim.because),
    ];
    for (name, text) in lines.into_iter().filter(|(_, text)| !text.is_empty()) {
        let _ = writeln!(out, "{}", wrapped(&format!("     {name:<9}  {text}"), &" ".repeat(16)));
    }
    for part in claim.parts.iter().filter(|part| part.verdict != Verdict::Holds) {
        let text = format!("{}: {}", part.verdict.word(), part.condition);
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
    for part in &claim.parts {
        let sides = if part.sides.is_empty() { String::new() } else { format!(": {}", part.sides) };
        let _ = writeln!(out, "- {}: `{}`{sides}", part.verdict.word(), part.condition);
    }
    let _ = write!(out, "\n```sh\n{}\n```\n", claim.commands.join("\n"));
    out
}
