//! Seeds that failed once, kept in a file beside the scenario: `NAME.seeds`, a seed a line.

use std::io::Write;
use std::path::{Path, PathBuf};

use headwater_scenarios::scenario::{Finding, Problems};

use crate::failure::Failure;

/// Seeds that one run adds at most: a system that fails everywhere needs no list.
const ADDED_MAX: usize = 10;

/// What a new file begins with.
const HEADER: &str = "\
# Seeds that failed once: they are run first. Keep this file under version control; a line may go
# when its seed no longer says anything.
";

/// The file of a scenario.
pub fn path_of(scenario: &Path) -> PathBuf {
    scenario.with_extension("seeds")
}

/// The seeds of a file, in order; none if it is not there.
pub fn read(path: &Path) -> Result<Vec<u64>, Problems> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(problem(format!("{}: {error}", path.display()))),
    };
    let mut seeds = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let seed = line.split('#').next().unwrap_or_default().trim();
        match seed.parse() {
            Ok(seed) => seeds.push(seed),
            Err(_) if seed.is_empty() => {}
            Err(_) => {
                let place = format!("{}:{number}", path.display());
                return Err(problem(format!("{place}: `{seed}` is no seed; expected a number")));
            }
        }
    }
    Ok(seeds)
}

fn problem(message: String) -> Problems {
    Problems::one(Finding::new(message, None))
}

/// Adds the seeds that failed and are not in the file yet.
pub fn add(path: &Path, failures: &[&Failure]) -> Result<bool, Problems> {
    let known = read(path)?;
    let new = failures.iter().filter(|failure| !known.contains(&failure.seed)).take(ADDED_MAX);
    let line = |failure: &&Failure| {
        let what = failure.what.first().map_or("", |what| what.lines().next().unwrap_or_default());
        let words: Vec<&str> = what.split_whitespace().collect();
        format!("{}  # {}\n", failure.seed, words.join(" "))
    };
    let lines: String = new.map(line).collect();
    if lines.is_empty() {
        return Ok(false);
    }
    let header = if path.exists() { "" } else { HEADER };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| file.write_all(format!("{header}{lines}").as_bytes()));
    written.map_err(|error| problem(format!("can't write {}: {error}", path.display())))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_kept_once_and_read_back_and_a_wrong_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_of(&folder.path().join("crash.toml"));
        assert!(read(&path).unwrap().is_empty());
        let failure = |seed| Failure {
            seed,
            what: vec!["fail     no_acked_loss: 3 lost".into()],
            replay: String::new(),
            case: None,
        };
        let (seven, nine) = (failure(7), failure(9));
        assert!(add(&path, &[&seven]).unwrap());
        assert!(add(&path, &[&seven, &nine]).unwrap());
        assert!(!add(&path, &[&nine]).unwrap());
        assert_eq!(read(&path).unwrap(), [7, 9]);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.ends_with("9  # fail no_acked_loss: 3 lost\n"), "{text}");
        std::fs::write(&path, "7\nseven\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("crash.seeds:2: `seven` is no seed"), "{error}");
    }
}
