//! Where results go: a folder with the outcome, the report and the histogram log.

use std::path::{Path, PathBuf};

use headwater_reports::{Outcome, write_hlog, write_report};
use serde::Serialize;

use crate::failure::Failure;
use crate::say;

/// Writes a page for people.
pub fn page(path: &Path, html: &str) -> Result<(), Failure> {
    std::fs::write(path, html).map_err(|error| Failure::output(path.display(), &error))
}

/// Tells an answer, as JSON or as text, and writes both, as `NAME.json` and `NAME.txt`, if there is
/// a folder for them.
pub fn answer(
    folder: Option<&Folder>,
    name: &str,
    (answer, text): (&impl Serialize, &str),
    as_json: bool,
) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(answer).expect("plain data");
    if let Some(folder) = folder {
        folder.text(&format!("{name}.json"), &json)?;
        folder.text(&format!("{name}.txt"), text)?;
    }
    say(if as_json { json.trim_end() } else { text.trim_end() })
}

/// A folder that can be written to.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the folder if need be, and tries to write to it.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        std::fs::create_dir_all(path).map_err(|error| Failure::output(&name, &error))?;
        let probe = path.join(".headwater-probe");
        let tried = std::fs::write(&probe, b"probe").and_then(|()| std::fs::remove_file(&probe));
        tried.map_err(|error| Failure::output(&name, &error))?;
        Ok(Self(path.to_owned()))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a text.
    pub fn text(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.0.join(name);
        std::fs::write(&path, text).map_err(|error| Failure::output(path.display(), &error))
    }

    /// Writes the three files of an outcome.
    pub fn outcome(&self, outcome: &Outcome) -> Result<(), Failure> {
        let fail = |error: headwater_reports::OutcomeError| Failure::Other(error.to_string());
        outcome.write(&self.0.join("outcome.json")).map_err(fail)?;
        write_report(outcome, &self.0.join("report.html")).map_err(fail)?;
        write_hlog(outcome, &self.0.join("latency.hlog")).map_err(fail)
    }
}
