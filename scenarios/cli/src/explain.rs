//! `headwater explain`.

use std::process::ExitCode;

use headwater_scenarios::estimate::Estimate;
use headwater_scenarios::explain::{self, ExplainSpec};
use headwater_scenarios::scenario::Source;

use crate::args::Explain;
use crate::failure::{self, Failure};
use crate::output::{self, Folder};
use crate::progress::Bar;
use crate::run::interrupt;

/// Says where events of a run waited, and what each mechanism is worth.
pub fn explain(arguments: &Explain) -> Result<ExitCode, Failure> {
    let source = Source::find(&arguments.chosen.scenario)?;
    let settings = arguments.chosen.settings.clone();
    let scenario = source.read(&settings)?;
    failure::warn(&scenario);
    if !arguments.yes {
        Estimate::simulated(&scenario).check().map_err(Failure::Other)?;
    }
    let folder = arguments.out.as_deref().map(Folder::open).transpose()?;
    let stop = interrupt()?;
    let (seed, ablations) = (arguments.seed, !arguments.no_without);
    let spec = ExplainSpec { source, settings, seed, ablations };
    let bar = Bar::new(2, "runs");
    let progress = |done: usize, runs: usize, what: &str| {
        bar.set_of(done as u64, runs as u64, &format!("({what})"));
    };
    let answer = explain::explain(&spec, &scenario, &stop, &progress);
    drop(bar);
    let Some(answer) = answer else { return Err(Failure::Other("interrupted".into())) };
    output::answer(folder.as_ref(), "explain", (&answer, &answer.text()), arguments.json)?;
    if answer.interrupted {
        eprintln!("interrupted: not everything was run without");
    }
    Ok(if answer.interrupted { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
