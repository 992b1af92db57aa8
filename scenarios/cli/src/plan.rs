//! `headwater plan`.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use headwater_reports::text;
use headwater_scenarios::plan::{self, File, Prices, Question};
use headwater_scenarios::units::Duration;
use serde::Serialize;

use crate::args::Plan;
use crate::failure::Failure;
use crate::output::{self, Folder};
use crate::progress::Bar;
use crate::run::interrupt;
use crate::say;

/// What the arguments ask.
fn question(of: &Plan) -> Result<Question, Failure> {
    let system = of.system.clone().unwrap_or_default();
    let prices = match &of.prices {
        Some(path) => Prices::load(path)?,
        None => Prices::of(&of.profiles),
    };
    let mut settings = of.settings.clone();
    let counts = [("brokers", of.brokers), ("bookies", of.bookies), ("partitions", of.partitions)];
    for (name, count) in counts.iter().filter_map(|(name, count)| Some((name, (*count)?))) {
        settings.push((plan::path_of(&system, name)?, count.to_string()));
    }
    Ok(Question {
        system,
        rate: of.rate.clone(),
        event_bytes: of.event_bytes.clone(),
        peak: of.peak.clone(),
        peak_for: of.peak_for,
        p99: of.p99,
        retention: of.retention,
        survive: of.survive,
        recover: of.recover,
        profiles: of.profiles.clone(),
        zone_latency: of.zone_latency.unwrap_or(Duration::ZERO),
        share: of.share,
        seeds: (of.seed, of.seeds),
        servers_max: of.servers_max,
        zones: of.zones,
        clients: of.clients,
        settings,
        prices,
        exhaustive: of.exhaustive,
        knee: !of.no_knee,
        insist: of.yes,
    })
}

/// Plans, or finds what a given cluster takes.
pub fn plan(arguments: &Plan) -> Result<ExitCode, Failure> {
    if arguments.example_prices {
        say(Prices::example().trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    let question = question(arguments)?;
    let folder = arguments.out.as_deref().map(Folder::open).transpose()?;
    if arguments.max_rate {
        return max_rate(arguments, &question, folder.as_ref());
    }
    let effort = plan::effort(&question)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let ((all, refused), runs) = (effort.candidates, effort.runs);
    let time = effort.time_ns / cores.min(arguments.seeds as f64);
    eprintln!(
        "{all} candidates, {refused} of them refused without a run; if the cheapest of the others \
         keeps everything: about {runs} runs, {}",
        text::duration(time)
    );
    let stop = interrupt()?;
    let (bar, done) = (Bar::new(runs, "runs, about"), AtomicU64::new(0));
    let progress = |what: &str| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        bar.set_of(done, runs.max(done), &format!("({what})"));
    };
    let plan = plan::plan(&question, &stop, &progress)?;
    drop(bar);
    tell(folder.as_ref(), &plan.files, (&plan, &plan.text()), arguments.json)?;
    finish(plan.is_found(), plan.interrupted)
}

fn max_rate(
    arguments: &Plan,
    question: &Question,
    folder: Option<&Folder>,
) -> Result<ExitCode, Failure> {
    let stop = interrupt()?;
    let bar = Bar::new(1, "runs");
    let done = AtomicU64::new(0);
    let progress = |what: &str| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        bar.set_of(done, done + 1, &format!("({what})"));
    };
    let answer = plan::max_rate(question, &stop, &progress)?;
    drop(bar);
    tell(folder, &answer.files, (&answer, &answer.text()), arguments.json)?;
    finish(answer.rate.is_some(), answer.interrupted)
}

fn tell(
    folder: Option<&Folder>,
    files: &[File],
    (plan, text): (&impl Serialize, &str),
    as_json: bool,
) -> Result<(), Failure> {
    if let Some(folder) = folder {
        files.iter().try_for_each(|file| folder.text(&file.name, &file.text))?;
    }
    output::answer(folder, "plan", (plan, text), as_json)?;
    if let (Some(folder), Some(file), false) = (folder, files.first(), as_json) {
        let folder = folder.path().display();
        say(&format!("written to {folder}: `headwater run {folder}/{}` repeats it", file.name))?;
    }
    Ok(())
}

fn finish(found: bool, interrupted: bool) -> Result<ExitCode, Failure> {
    if interrupted {
        eprintln!("interrupted: what was found until then");
    }
    Ok(if found && !interrupted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
