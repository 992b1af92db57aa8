//! `headwater traffic`.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use headwater_scenarios::scenario::Scenario;
use headwater_sim::random::Seed;
use headwater_traffic::{Format, TrafficSpec, describe, save};

use crate::args::Traffic;
use crate::failure::{Failure, warn};
use crate::progress::Bar;
use crate::run::interrupt;
use crate::say;

/// Describes and plots a schedule, or saves it.
pub fn traffic(arguments: &Traffic) -> Result<ExitCode, Failure> {
    let (mut spec, seed) = match &arguments.scenario {
        Some(name) => {
            let scenario = Scenario::load(name, &arguments.settings)?;
            warn(&scenario);
            (scenario.traffic, scenario.seed)
        }
        None => (TrafficSpec::default(), 1),
    };
    if spec.trace.is_some() && arguments.rate.is_some() {
        let message = "--rate has no effect on a trace; --set traffic.trace.speed=2 replays it \
                       faster";
        return Err(Failure::Other(message.into()));
    }
    spec.rate = arguments.rate.unwrap_or(spec.rate);
    spec.duration = arguments.duration.unwrap_or(spec.duration);
    let seed = arguments.seed.unwrap_or(seed);
    if let Some(path) = &arguments.save {
        return saved(&spec, seed, path);
    }
    let described =
        describe(&spec, Seed(seed)).map_err(|error| Failure::Other(error.to_string()))?;
    if arguments.json {
        say(&serde_json::to_string_pretty(&described).expect("plain data"))?;
    } else {
        say(described.to_text().trim_end())?;
    }
    if let Some(path) = &arguments.svg {
        std::fs::write(path, described.to_svg())
            .map_err(|error| Failure::output(path.display(), &error))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Saves a schedule as a trace, event by event; an interrupted one has what was written by then.
fn saved(spec: &TrafficSpec, seed: u64, path: &Path) -> Result<ExitCode, Failure> {
    let name = path.display();
    let format = Format::of(&path.to_string_lossy()).ok_or_else(|| {
        Failure::Other(format!("{name}: expected a name that ends in .csv, .ndjson or .jsonl"))
    })?;
    let plan = spec.plan(Seed(seed)).map_err(|error| Failure::Other(error.to_string()))?;
    let plan = std::sync::Arc::new(plan);
    let failed = |error: std::io::Error| Failure::output(path.display(), &error);
    let mut out = BufWriter::new(File::create(path).map_err(failed)?);
    let (stop, bar) = (interrupt()?, Bar::new(spec.duration.as_millis(), "ms"));
    let arrivals = plan.schedule().take_while(|arrival| {
        if arrival.index % 65_536 == 0 {
            bar.set(arrival.at.0 / 1_000_000, "");
        }
        !stop.load(Ordering::Relaxed)
    });
    let count = save(arrivals, spec.keyed(), format, &mut out).map_err(failed)?;
    out.flush().map_err(failed)?;
    drop(bar);
    if let Some(trouble) = plan.trouble() {
        return Err(Failure::Other(format!("{trouble}; {name} has the {count} events before")));
    }
    let interrupted = stop.load(Ordering::Relaxed);
    let how = if interrupted { ", interrupted" } else { "" };
    say(&format!("{count} events in {name}{how}; seed {seed}"))?;
    Ok(if interrupted { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
