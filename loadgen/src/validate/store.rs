//! What was gathered, on disk: a folder for each case with its forecast, and below it one for each
//! repeat with the run's files.
//!
//! A forecast is kept with what it was made from, a run with what was run and the forecast that
//! stood before it: whatever still holds is not made again.

use std::path::{Path, PathBuf};

use headwater_reports::outcome::Speed;
use headwater_reports::{Forecast, Outcome};
use serde::{Deserialize, Serialize};

use super::case::Case;
use crate::arguments::Validate;
use crate::failure::{Failure, Result};
use crate::forecast::{Made, sha256};
use crate::output::Folder;
use crate::placement::Placement;
use crate::speed;

/// The folder of a validation.
pub(super) struct Store(PathBuf);

/// What a run was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    /// SHA-256 of the scenario, its settings, its seed and how it is run.
    live: String,
    /// SHA-256 of the forecast that had been made before.
    forecast: String,
}

/// A run that was found.
pub(super) struct Found {
    /// Its outcome.
    pub(super) outcome: Outcome,
    /// Another forecast than the one that stands there now had been made before it.
    pub(super) hindcast: bool,
}

impl Store {
    /// Opens the folder, which is made if need be.
    pub(super) fn open(path: &Path) -> Result<Self> {
        Folder::open(path)?;
        Ok(Self(path.to_owned()))
    }

    /// The folder of a case.
    pub(super) fn of(&self, case: &Case) -> PathBuf {
        self.0.join(&case.name)
    }

    /// The folder of a repeat.
    pub(super) fn repeat(&self, case: &Case, repeat: u64) -> PathBuf {
        self.of(case).join(format!("repeat-{}", repeat + 1))
    }

    /// Writes a file of the validation as a whole.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        write(&path, text)?;
        Ok(path)
    }

    /// How fast the machine is that is forecast: as it was when the first forecasts were made, so
    /// that a validation that goes on has the same.
    pub(super) fn speed(&self, placement: &Placement) -> Result<Option<Speed>> {
        let path = self.0.join("speed.json");
        match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| {
                let path = path.display();
                Failure::new(format!("{path}: {error}; remove it, and all is forecast again"))
            }),
            Err(_) => {
                let speed = speed::measure(&placement.all(), speed::FORECAST);
                if let Some(speed) = &speed {
                    write(&path, &serde_json::to_string(speed).expect("it has numbers only"))?;
                }
                Ok(speed)
            }
        }
    }

    /// The forecast of a case, if it was made from the same by the same program.
    pub(super) fn forecast(&self, case: &Case, key: &str, speed: Option<Speed>) -> Option<Made> {
        let folder = self.of(case);
        let kept = std::fs::read_to_string(folder.join("key.txt")).ok()?;
        if kept.trim() != key {
            return None;
        }
        let path = folder.join("forecast.json");
        let text = std::fs::read_to_string(&path).ok()?;
        let forecast = Forecast::read(&path).ok()?;
        let simulated = Outcome::read(&folder.join("simulated.json")).ok()?;
        let hash = sha256(text.as_bytes());
        let speed = speed.filter(|_| case.plan.scenario.profile.speed.is_some());
        Some(Made { forecast, text, hash, simulated, speed })
    }

    /// Keeps a forecast.
    pub(super) fn keep_forecast(&self, case: &Case, key: &str, made: &Made) -> Result<()> {
        let folder = self.of(case);
        made.write(&folder)?;
        let simulated = made.simulated.write(&folder.join("simulated.json"));
        simulated.map_err(|error| Failure::new(error.to_string()))?;
        write(&folder.join("key.txt"), key)
    }

    /// The run of a repeat, if it was made of the same; with another forecast before it only where
    /// `hindcast` is wanted.
    pub(super) fn run(
        &self,
        case: &Case,
        repeat: u64,
        made: &Made,
        asked: &Validate,
    ) -> Option<Found> {
        let folder = self.repeat(case, repeat);
        let stamp = std::fs::read_to_string(folder.join("stamp.json")).ok()?;
        let stamp: Stamp = serde_json::from_str(&stamp).ok()?;
        let hindcast = stamp.forecast != made.hash;
        if stamp.live != live(case, repeat, asked) || (hindcast && !asked.hindcast) {
            return None;
        }
        let outcome = Outcome::read(&folder.join("outcome.json")).ok()?;
        Some(Found { outcome, hindcast })
    }

    /// Says what a run was made from, once it counts.
    pub(super) fn keep_run(
        &self,
        case: &Case,
        repeat: u64,
        made: &Made,
        asked: &Validate,
    ) -> Result<()> {
        let stamp = Stamp { live: live(case, repeat, asked), forecast: made.hash.clone() };
        let text = serde_json::to_string_pretty(&stamp).expect("every key is a string");
        write(&self.repeat(case, repeat).join("stamp.json"), &text)
    }

    /// Makes room for a repeat: what is left of one that was stopped, or no longer holds, goes.
    pub(super) fn clear(&self, case: &Case, repeat: u64) -> Result<PathBuf> {
        let folder = self.repeat(case, repeat);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::io(format_args!("{}", folder.display()), &error))
            }
            _ => Ok(folder),
        }
    }

    /// Puts a run aside that does not count.
    pub(super) fn set_aside(&self, case: &Case, repeat: u64, discarded: u32) -> Result<()> {
        let (from, folder) = (self.repeat(case, repeat), self.of(case));
        let to = folder.join(format!("discarded-{}-{}", repeat + 1, discarded + 1));
        let _ = std::fs::remove_dir_all(&to);
        std::fs::rename(&from, &to)
            .map_err(|error| Failure::io(format_args!("{}", from.display()), &error))
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(path, text))
        .map_err(|error| Failure::io(format_args!("{}", path.display()), &error))
}

/// What a run of a repeat is made from; not the machine profile, by which a live run is
/// only judged.
fn live(case: &Case, repeat: u64, asked: &Validate) -> String {
    let settings = case.plan.scenario.settings.iter().filter(|(path, _)| path != "profile");
    let text = format!(
        "{}\n{:?}\n{} {repeat}\n{:?} {:?}",
        case.plan.written.text,
        settings.collect::<Vec<_>>(),
        case.plan.seed,
        asked.cores,
        asked.warm_up
    );
    sha256(text.as_bytes())
}

/// What a forecast is made from, this program included.
pub(super) fn key(
    case: &Case,
    placement: &Placement,
    asked: &Validate,
    speed: Option<Speed>,
) -> String {
    let program = std::env::current_exe().and_then(std::fs::metadata);
    let program = program.map(|of| (of.len(), of.modified().ok())).ok();
    let text = format!(
        "{}\n{:?}\n{:?}\n{} {}\n{placement} {:?}\n{program:?}\n{speed:?}",
        case.plan.written.text,
        case.plan.scenario.settings,
        case.plan.scenario.profile,
        case.plan.seed,
        asked.seeds,
        asked.warm_up
    );
    sha256(text.as_bytes())
}
