//! `headwater find`.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use headwater_reports::text;
use headwater_scenarios::estimate::Estimate;
use headwater_scenarios::find::{self, Extreme, FindSpec};
use headwater_scenarios::scenario::Source;

use crate::args::Find;
use crate::failure::Failure;
use crate::output::{self, Folder};
use crate::progress::Bar;
use crate::run::interrupt;

/// How many values are tried, about: a ramp of four and twice as many halvings.
const VALUES: u64 = 12;

/// Finds where an objective breaks.
pub fn find(arguments: &Find) -> Result<ExitCode, Failure> {
    let source = Source::find(&arguments.chosen.scenario)?;
    let folder = arguments.out.as_deref().map(Folder::open).transpose()?;
    let (extreme, path) = match (&arguments.max, &arguments.min) {
        (Some(path), _) => (Extreme::Highest, path),
        (None, Some(path)) => (Extreme::Lowest, path),
        (None, None) => return Err(Failure::Other("nothing to find: --max or --min".into())),
    };
    let spec = FindSpec {
        source,
        settings: arguments.chosen.settings.clone(),
        path: path.clone(),
        extreme,
        objective: arguments.until.clone(),
        per_phase: arguments.per_phase,
        from: arguments.from.clone(),
        limit: arguments.limit.clone(),
        seeds: (arguments.seed, arguments.seeds),
        within: arguments.within,
        insist: arguments.yes,
    };
    let (from, scenario) = spec.first()?;
    let runs = VALUES * arguments.seeds;
    let each = text::duration(Estimate::simulated(&scenario).time_ns);
    eprintln!("begins at {path} = {from}: about {runs} runs, of which one takes some {each} there");
    let stop = interrupt()?;
    let (bar, values) = (Bar::new(runs, "runs, about"), AtomicU64::new(0));
    let progress = |value: &str, done: usize| {
        if done == 0 {
            values.fetch_add(1, Ordering::Relaxed);
        }
        let position = (values.load(Ordering::Relaxed) - 1) * arguments.seeds + done as u64;
        bar.set(position.min(runs), &format!("({value})"));
    };
    let answer = find::find(&spec, &stop, &progress)?;
    drop(bar);
    output::answer(folder.as_ref(), "find", (&answer, &answer.text()), arguments.json)?;
    if answer.interrupted {
        eprintln!("interrupted: what was found until then");
    }
    Ok(if answer.is_found() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
