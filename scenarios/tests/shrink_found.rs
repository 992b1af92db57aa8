//! Failures that were found and shrunk (`headwater shrink --out scenarios/tests/found/NAME.toml`):
//! each is a file and does as it says: fails, or, where it says that what was found is mended,
//! passes.

use headwater_scenarios::run::{self, Options};
use headwater_scenarios::scenario::Scenario;

#[test]
fn every_case_that_was_found_does_as_it_says() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/found");
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 3, "{paths:?}");
    let mut wrong = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a text");
        let name = path.file_name().expect("a name").to_string_lossy();
        assert!(text.starts_with("# Found: "), "{name} says first what was found");
        let line = format!("\n# Reproduce: headwater run scenarios/tests/found/{name}\n");
        assert!(text.contains(&line), "{name} lacks the line {line:?}");
        let path = path.to_str().expect("a plain path");
        let scenario = Scenario::load(path, &[]).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(scenario.faults.len() <= 5, "{name} has {} faults", scenario.faults.len());
        assert!(text.lines().take_while(|line| line.starts_with('#')).count() <= 45, "{name}");
        let outcome = run::run(&scenario, &Options::default()).outcome;
        if !outcome.ok() {
            wrong.push(format!("{name}: {:?}", outcome.expectations));
        }
    }
    assert!(wrong.is_empty(), "fixed, or changed? {wrong:#?}");
}
