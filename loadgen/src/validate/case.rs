//! The cases of a folder: a scenario file each.
//!
//! Files whose names differ in nothing but what stands behind an `@` are configurations of one
//! experiment (`small@linger-0.toml`, `small@linger-5.toml`): of each two of them it is asked which
//! one is better.

use std::path::{Path, PathBuf};

use crate::arguments::{Reach, Run, Validate};
use crate::failure::{Failure, Result};
use crate::fault;
use crate::placement::Placement;
use crate::plan::RunPlan;
use crate::run;
use crate::systems::system::{Home, Source};

/// A case.
pub(super) struct Case {
    /// Its path below the folder, without `.toml`.
    pub(super) name: String,
    /// Its file.
    pub(super) file: PathBuf,
    /// What is run.
    pub(super) plan: RunPlan,
}

/// The experiment that a case is a configuration of, and which; none if it stands for itself.
pub(super) fn configuration(name: &str) -> Option<(&str, &str)> {
    name.split_once('@').filter(|(experiment, which)| !experiment.is_empty() && !which.is_empty())
}

/// Reads all cases of a folder that are asked for, by name.
///
/// # Errors
/// All that can't be run, a line each.
pub(super) fn read(asked: &Validate) -> Result<Vec<Case>> {
    let folder = &asked.folder;
    let mut files = Vec::new();
    list(folder, &mut files)
        .map_err(|error| Failure::io(format_args!("{}", folder.display()), &error))?;
    files.sort();
    let named = |file: PathBuf| {
        let below = file.strip_prefix(folder).unwrap_or(&file).with_extension("");
        (below.to_string_lossy().into_owned(), file)
    };
    let all: Vec<(String, PathBuf)> = files.into_iter().map(named).collect();
    if all.is_empty() {
        let at = folder.display();
        return Err(Failure::new(format!(
            "{at} has no scenario file (*.toml): name a folder of \
                                         cases"
        )));
    }
    let wanted = |name: &str| {
        asked.only.is_empty() || asked.only.iter().any(|part| name.contains(part.as_str()))
    };
    let names: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
    let chosen = all.into_iter().filter(|(name, _)| wanted(name));
    let (mut cases, mut wrong) = (Vec::new(), Vec::new());
    for (name, file) in chosen {
        match plan(&file, asked) {
            Ok(plan) => cases.push(Case { name, file, plan }),
            Err(failure) => wrong.push(format!("{name}: {failure}")),
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::new(wrong.join("\nerror: ")));
    }
    if cases.is_empty() {
        return Err(Failure::new(format!(
            "no case has `{}` in its name; there are {}",
            asked.only.join("` or `"),
            names.join(", ")
        )));
    }
    Ok(cases)
}

/// Scenario files below a folder; machine profiles and what was measured are none.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let named = |name: &str| path.file_name().is_some_and(|have| have == name);
        if path.is_dir() {
            if !named("profiles") {
                list(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    Ok(())
}

/// The plan of a case, checked as far as that is possible before it is run.
fn plan(file: &Path, asked: &Validate) -> Result<RunPlan> {
    let run = Run { scenario: Some(file.display().to_string()), ..arguments(asked) };
    let plan = RunPlan::new(&run)?;
    if plan.system.home() == Home::InProcess {
        return Err(Failure::new("it has no cluster to be launched"));
    }
    fault::check(&plan.scenario, plan.system)?;
    run::check(&plan.departures(&Source::Launch))?;
    Placement::find(asked.cores, true)?;
    Ok(plan)
}

/// What every case is run with.
fn arguments(asked: &Validate) -> Run {
    Run {
        duration: asked.duration,
        settings: asked.settings.clone(),
        reach: Reach { launch: true, ..Reach::default() },
        cores: asked.cores,
        forecast: true,
        seeds: asked.seeds,
        profile: asked.profile.clone(),
        warm_up: asked.warm_up,
        ..Run::plain()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_an_at_is_a_configuration() {
        assert_eq!(configuration("one/small@linger-0"), Some(("one/small", "linger-0")));
        assert_eq!(configuration("one/small"), None);
        assert_eq!(configuration("one/small@"), None);
    }
}
