//! Where results go: a folder with the outcome, the report and the histogram log.

use std::path::{Path, PathBuf};

use headwater_reports::{Outcome, OutcomeError, Score, forecast_report, write_hlog, write_report};

use crate::failure::{Failure, Result};
use crate::forecast::Made;
use crate::terminal;

/// A folder that can be written to.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder if need be and tries to write to it, before there is anything to lose.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let fail = |error: std::io::Error| {
            let path = path.display();
            Failure::new(format!("--out {path}: {error}; free space or name another directory"))
        };
        std::fs::create_dir_all(path).map_err(fail)?;
        let probe = path.join(".headwater-probe");
        // More than an empty file, which even a full disk takes.
        let tried =
            std::fs::write(&probe, [0; 1 << 16]).and_then(|()| std::fs::remove_file(&probe));
        tried.map_err(|error| {
            let _ = std::fs::remove_file(&probe);
            fail(error)
        })?;
        Ok(Self(path.to_owned()))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes every file that can be written: a run can't be repeated. Returns the first error.
    fn write(&self, outcome: &Outcome) -> std::result::Result<(), OutcomeError> {
        let written = outcome.write(&self.0.join("outcome.json"));
        let logged = write_hlog(outcome, &self.0.join("latency.hlog"));
        let reported = write_report(outcome, &self.0.join("report.html"));
        written.and(logged).and(reported)
    }
}

/// Prints how a forecast came out, and writes it to `folder`: the score, the simulation of the
/// run's seed, and both overlaid in place of the run's own report, which is `live.html` then.
pub(crate) fn tell_score(
    made: &Made,
    score: &Score,
    live: &Outcome,
    folder: Option<&Folder>,
    json: bool,
) -> Result<()> {
    // Standard output is the outcome's, where that is asked for as JSON.
    let text = score.to_text();
    let printed = if json {
        terminal::note(text.trim_end());
        Ok(())
    } else {
        terminal::result(&format!("\n{}", text.trim_end()))
    };
    if let Some(Folder(path)) = folder {
        write_score(made, score, live, path)?;
        terminal::note(
            "report.html has the forecast and the run, live.html the run alone; forecast.json, \
             score.json and simulated.json are beside them",
        );
    }
    printed.map_err(|error| Failure::io("can't write to standard output", &error))
}

/// Writes the score and both overlaid into the folder of a run.
pub(crate) fn write_score(made: &Made, score: &Score, live: &Outcome, path: &Path) -> Result<()> {
    let fail = |error: std::io::Error| Failure::after_run(format!("{}: {error}", path.display()));
    let written = |error: OutcomeError| Failure::after_run(error.to_string());
    write_report(live, &path.join("live.html")).map_err(written)?;
    let html = forecast_report(&made.forecast, score, live, &made.simulated);
    std::fs::write(path.join("report.html"), html).map_err(fail)?;
    std::fs::write(path.join("score.json"), score.to_json()).map_err(fail)?;
    made.simulated.write(&path.join("simulated.json")).map_err(written)
}

/// Prints an outcome and writes it to `folder`.
pub(crate) fn tell(outcome: &Outcome, folder: Option<&Folder>, json: bool) -> Result<()> {
    let text = if json { outcome.to_json() } else { headwater_reports::summary(outcome) };
    let printed = terminal::result(text.trim_end());
    if let Some(folder) = folder {
        folder.write(outcome).map_err(|error| Failure::after_run(error.to_string()))?;
        let path = folder.0.display();
        terminal::note(format_args!("written to {path}: report.html, outcome.json, latency.hlog"));
    }
    printed.map_err(|error| Failure::io("can't write to standard output", &error))
}
