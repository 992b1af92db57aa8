//! `headwater sweep`.

use std::process::ExitCode;

use headwater_scenarios::scenario::{Metric, Source};
use headwater_scenarios::sweep::{self, DEFAULT_METRICS, SweepSpec};

use crate::args::Sweep;
use crate::failure::Failure;
use crate::merge::shard;
use crate::output::{self, Folder};
use crate::progress::Bar;
use crate::run::interrupt;
use crate::say;

/// What is asked for.
pub fn spec(arguments: &Sweep) -> Result<SweepSpec, Failure> {
    let usual =
        || DEFAULT_METRICS.map(|name| Metric::parse(name).expect("a known metric")).to_vec();
    let asked = &arguments.metrics;
    Ok(SweepSpec {
        source: Source::find(&arguments.chosen.scenario)?,
        settings: arguments.chosen.settings.clone(),
        vary: arguments.vary.clone(),
        skip: arguments.skip.clone(),
        across: arguments.across.clone(),
        seeds: (arguments.seed, arguments.seeds),
        metrics: if asked.is_empty() { usual() } else { asked.clone() },
        shard: shard(&arguments.shard)?,
    })
}

/// Runs variants over seeds.
pub fn sweep(arguments: &Sweep) -> Result<ExitCode, Failure> {
    let spec = spec(arguments)?;
    let folder = arguments.out.as_deref().map(Folder::open).transpose()?;
    let stop = interrupt()?;
    let variants = spec.variants().map_or(0, |all| all.len());
    let bar = Bar::new(variants as u64 * spec.seeds.1, "runs");
    let done = sweep::sweep(&spec, &stop, &|done, _| bar.set(done as u64, ""))?;
    drop(bar);
    let json = serde_json::to_string_pretty(&done).expect("plain data");
    let shown = done.shown();
    if let Some(folder) = &folder {
        folder.text("sweep.json", &json)?;
        folder.text("sweep.txt", &done.table())?;
    }
    if let Some(path) = &arguments.html {
        output::page(path, &shown.to_html())?;
    }
    let text = match (arguments.json, arguments.markdown) {
        (true, _) => json,
        (_, true) => shown.to_markdown(),
        _ => done.table(),
    };
    say(text.trim_end())?;
    let failed: Vec<_> = done
        .variants
        .iter()
        .flat_map(|variant| &variant.points)
        .filter(|point| !point.ok)
        .collect();
    if let Some(first) = failed.first() {
        let count = failed.len();
        eprintln!(
            "{count} runs did not do what the scenario expects; the first: {}",
            first.reproduce
        );
    }
    if done.interrupted {
        eprintln!("interrupted: figures are of the runs that were done");
    }
    // A sweep explores: a variant that misses an expectation is a finding, not a failure.
    Ok(if done.interrupted { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
