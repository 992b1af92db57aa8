//! Where a scenario comes from: the library in the binary, or a file.

use std::path::{Path, PathBuf};

use headwater_models::systems::Systems;

use super::{Scenario, shell_word};
use crate::library;
use headwater_reading::problem::{Finding, Problems};

/// The text of a scenario.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name in the library, or its file's path.
    pub name: String,
    /// The TOML.
    pub text: String,
    /// The folder of its file.
    pub folder: Option<PathBuf>,
    /// The systems that it may use.
    pub systems: Systems,
}

impl Source {
    /// Finds a scenario: standard input for `-`, a file if `name` is the path of one, else in the
    /// library.
    pub fn find(name: &str) -> Result<Self, Problems> {
        let path = Path::new(name);
        if name == "-" {
            let text = std::io::read_to_string(std::io::stdin()).map_err(|error| {
                Problems::one(Finding::new(format!("standard input: {error}"), None))
            })?;
            return Ok(Self::of(name.to_owned(), text));
        }
        if path.is_dir() {
            let finding = Finding::new(format!("{name} is a folder, not a scenario file"), None);
            let help = format!("`headwater test {}` runs every file in it", shell_word(name));
            return Err(Problems::one(finding.help(help)));
        }
        if path.is_file() {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Problems::one(Finding::new(format!("{name}: {error}"), None)))?;
            let folder = path.parent().map(Path::to_owned);
            return Ok(Self { name: name.to_owned(), text, folder, systems: Systems::standard() });
        }
        let known = library::SCENARIOS.iter().find(|(known, _)| *known == name);
        if let Some((known, text)) = known {
            return Ok(Self::of((*known).into(), (*text).into()));
        }
        let is_path = name.ends_with(".toml") || path.is_absolute() || name.starts_with('.');
        let message = if is_path {
            format!("no such file: {name}")
        } else {
            format!("no scenario `{name}` in the library, and no such file")
        };
        let names = library::SCENARIOS.iter().map(|(name, _)| *name);
        let finding = Finding::new(message, None);
        let near = headwater_reading::problem::nearest(name.trim_end_matches(".toml"), names);
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`headwater list` shows the library".into(),
        };
        Err(Problems::one(finding.help(help)))
    }

    /// A text of this name that is in no file, for one of the standard systems.
    pub fn of(name: String, text: String) -> Self {
        Self { name, text, folder: None, systems: Systems::standard() }
    }

    /// The same with another text.
    #[must_use]
    pub fn with_text(&self, text: String) -> Self {
        Self { text, ..self.clone() }
    }

    /// Reads it, with settings from the command line laid over it.
    pub fn read(&self, settings: &[(String, String)]) -> Result<Scenario, Problems> {
        Scenario::of(self, settings)
    }
}
