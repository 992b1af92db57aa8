//! What swarms found of the planted bugs, shrunk, and directed cases of those that chance hardly
//! reaches (docs/BUGS.md): each case fails as it says with its bug, and no longer fails that way
//! without.
#![cfg(feature = "planted-bugs")]

use headwater_models::bugs;
use headwater_scenarios::run::{self, Options};
use headwater_scenarios::scenario::Scenario;
use headwater_scenarios::scenario::metric::WITHIN_LIMITS;

#[test]
fn every_planted_bug_has_a_shrunk_case_that_fails_with_it_and_not_without() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bugs");
    for about in &bugs::ALL {
        let path = folder.join(format!("{}.toml", about.name));
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (_, found) = text.split_once("# Found: ").expect("what was found");
        let (verdict, _) = found.split_once(" fails").expect("a verdict that fails");
        let path = path.to_str().expect("a plain path");
        let run = |set: &[(String, String)]| {
            let scenario =
                Scenario::load(path, set).unwrap_or_else(|problems| panic!("{problems}"));
            assert!(scenario.faults.len() <= 5, "{path}: {} faults", scenario.faults.len());
            run::run(&scenario, &Options::default())
        };
        let with = run(&[]).outcome;
        assert!(with.ok(), "{path}: {:?}", with.expectations);
        let without = run(&[("bugs".into(), "[]".into())]);
        let judged = without.verdicts.iter().find(|found| found.name == verdict);
        // Of a run that ends by itself nothing is said.
        let told = verdict != WITHIN_LIMITS || judged.is_some();
        assert!(judged.map_or(!told, |of| of.passed), "{path} without its bug: {judged:?}");
    }
}
