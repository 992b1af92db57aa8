//! `headwater sample`.

use std::process::ExitCode;

use headwater_reports::text;
use headwater_scenarios::estimate::Estimate;
use headwater_scenarios::sample;
use headwater_scenarios::scenario::Scenario;

use crate::args::Sample;
use crate::failure::{Failure, warn};
use crate::output::{self, Folder};
use crate::progress::Bar;
use crate::run::interrupt;

/// Estimates a long scenario from stretches of it.
pub fn sample(arguments: &Sample) -> Result<ExitCode, Failure> {
    let mut scenario = Scenario::load(&arguments.chosen.scenario, &arguments.chosen.settings)?;
    if let Some(seed) = arguments.seed {
        scenario.seed = seed;
    }
    warn(&scenario);
    let folder = arguments.out.as_deref().map(Folder::open).transpose()?;
    let (whole, part) =
        (scenario.traffic.duration, sample::simulated(&scenario, arguments.stretches));
    if part.0 >= whole.0 {
        let what = format!(
            "a sample of {} stretches simulates {part}, and the whole is {whole}: run it whole \
             (headwater run), or take fewer --stretches",
            arguments.stretches
        );
        return Err(Failure::Other(what));
    }
    let all = Estimate::simulated(&scenario).time_ns;
    let share = part.0 as f64 / whole.0 as f64;
    eprintln!(
        "{part} of {whole}: about {} on one core, where the whole takes {}",
        text::duration(all * share),
        text::duration(all)
    );
    let stop = interrupt()?;
    let bar = Bar::new(1, "stretches");
    let progress = |done: usize, of: usize| bar.set_of(done as u64, of as u64, "");
    let sample = sample::sample(&scenario, arguments.stretches, &stop, &progress);
    drop(bar);
    output::answer(folder.as_ref(), "sample", (&sample, &sample.text()), arguments.json)?;
    let sound = sample.is_sound() && !sample.interrupted;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
