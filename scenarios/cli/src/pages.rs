//! Pages of the documentation that a command computes.

use std::path::Path;
use std::process::ExitCode;

use crate::failure::Failure;
use crate::say;

/// A page as it was computed now.
pub struct Pages<'a> {
    /// Where it lies.
    pub file: &'a Path,
    /// The command that writes it.
    pub command: &'a str,
    /// What its parts are.
    pub unit: &'a str,
    /// Its parts, each with a heading.
    pub parts: Vec<String>,
    /// All of it.
    pub whole: String,
}

impl Pages<'_> {
    /// Writes the file.
    pub fn write(&self) -> Result<(), Failure> {
        let shown = self.file.display();
        std::fs::write(self.file, &self.whole).map_err(|error| Failure::output(&shown, &error))
    }

    /// Whether the file has every part, and nothing else if these are all.
    pub fn check(&self, all: bool) -> Result<ExitCode, Failure> {
        let file = crate::input::text(self.file)?;
        let Self { command, unit, parts, whole, .. } = self;
        let shown = self.file.display();
        let stale: Vec<&String> =
            parts.iter().filter(|part| !file.contains(part.as_str())).collect();
        if let Some(first) = stale.first() {
            let has: Vec<&str> = file.lines().collect();
            let line = first.lines().find(|line| !has.contains(line)).unwrap_or_default();
            let heading = first.lines().next().unwrap_or_default().trim_start_matches("# ");
            eprintln!("{shown}: {} {unit} are not as computed; the first:", stale.len());
            eprintln!("  {heading}\n  computed: {line}\n`{command}` writes it again");
            return Ok(ExitCode::FAILURE);
        }
        if all && file != *whole {
            eprintln!(
                "{shown}: there is more in it than what is computed; `{command}` writes it again"
            );
            return Ok(ExitCode::FAILURE);
        }
        say(&format!("{shown}: {} {unit} are as computed", parts.len()))?;
        Ok(ExitCode::SUCCESS)
    }
}
