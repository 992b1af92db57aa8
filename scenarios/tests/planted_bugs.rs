//! What swarms found of the planted bugs, shrunk, and directed cases of those that chance hardly
//! reaches (docs/BUGS.md): each case fails as it says with its bug, and no longer fails that way
//! without. A checker that is blind passes what the same case fails without it.

use headwater_models::bugs;
use headwater_scenarios::run::{self, Finished, Options};
use headwater_scenarios::scenario::Scenario;
use headwater_scenarios::scenario::metric::WITHIN_LIMITS;

/// The system of bugs that are the checkers' own.
const CHECKERS: &str = "checkers";

/// A case file.
struct Case {
    path: String,
    /// What fails in it.
    verdict: String,
}

impl Case {
    /// Of a bug, if it has one.
    fn of(bug: &str) -> Option<Self> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bugs");
        let path = folder.join(format!("{bug}.toml"));
        let text = std::fs::read_to_string(&path).ok()?;
        let (_, found) = text.split_once("# Found: ").expect("what was found");
        let (verdict, _) = found.split_once(" fails").expect("a verdict that fails");
        let path = path.to_str().expect("a plain path").to_owned();
        Some(Self { path, verdict: verdict.to_owned() })
    }

    fn run(&self, set: &[(String, String)]) -> Finished {
        let scenario =
            Scenario::load(&self.path, set).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(scenario.faults.len() <= 5, "{}: {} faults", self.path, scenario.faults.len());
        run::run(&scenario, &Options::default())
    }

    /// Whether its verdict passes; of a run that ends by itself nothing is said.
    fn passes(&self, finished: &Finished) -> bool {
        let judged = finished.verdicts.iter().find(|found| found.name == self.verdict);
        assert!(self.verdict == WITHIN_LIMITS || judged.is_some(), "{}: not judged", self.path);
        judged.is_none_or(|of| of.passed)
    }
}

#[test]
fn every_planted_bug_has_a_shrunk_case_that_fails_with_it_and_not_without() {
    for about in bugs::ALL.iter().filter(|about| about.system != CHECKERS) {
        let case = Case::of(about.name).unwrap_or_else(|| panic!("no case of {}", about.name));
        let with = case.run(&[]);
        let failed: Vec<_> = with.verdicts.iter().filter(|verdict| !verdict.passed).collect();
        let expected = &with.outcome.expectations;
        assert!(with.outcome.ok(), "{}: {expected:?} {failed:?}", case.path);
        let without = case.run(&[("bugs".into(), "[]".into())]);
        assert!(case.passes(&without), "{} without its bug: {:?}", case.path, without.verdicts);
    }
}

#[test]
fn a_blind_checker_passes_the_case_that_it_is_to_fail() {
    let mut blind = 0;
    for about in bugs::ALL.iter().filter(|about| about.system == CHECKERS) {
        // Those of histories are found by their oracle (`scenarios/check/tests/oracle.rs`).
        let Some(case) = Case::of(about.name) else { continue };
        let found = case.run(&[]);
        assert!(case.passes(&found) && !found.outcome.ok(), "{}: not blind", case.path);
        let all = Scenario::load(&case.path, &[]).unwrap_or_else(|problems| panic!("{problems}"));
        let others = all.bugs.iter().filter(|bug| bug.about().name != about.name);
        let others: Vec<_> = others.map(|bug| format!("\"{bug}\"")).collect();
        let sees = case.run(&[("bugs".into(), format!("[{}]", others.join(", ")))]);
        assert!(!case.passes(&sees) && sees.outcome.ok(), "{}: {:?}", case.path, sees.verdicts);
        blind += 1;
    }
    assert!(blind > 0, "no case of a blind checker");
}
