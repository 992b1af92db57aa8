//! `headwater swarm`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use headwater_scenarios::library;
use headwater_scenarios::scenario::{Source, shell_word};
use headwater_scenarios::swarm::{self, Base, CASES_MAX, Shard, Swarm as Found, SwarmRun};

use crate::args::Swarm;
use crate::failure::Failure;
use crate::merge::shard;
use crate::output::{self, Folder};
use crate::progress::Bar;
use crate::run::interrupt;
use crate::say;

/// Runs a swarm of each scenario asked for.
pub fn swarm(arguments: &Swarm) -> Result<ExitCode, Failure> {
    let stop = interrupt()?;
    let shard = shard(&arguments.shard)?;
    let mut settings = arguments.settings.clone();
    if !arguments.bugs.is_empty() {
        let names: Vec<String> = arguments.bugs.iter().map(|bug| format!("{bug:?}")).collect();
        settings.push(("bugs".into(), format!("[{}]", names.join(", "))));
    }
    let names: Vec<String> = match &arguments.scenario {
        Some(name) => vec![name.clone()],
        None => {
            let all = library::SCENARIOS.iter().map(|(name, _)| *name);
            all.filter(|name| name.starts_with("swarm/")).map(str::to_owned).collect()
        }
    };
    let folder = arguments.out.as_deref().map(Folder::open).transpose()?;
    let mut swarms = Vec::new();
    let mut failed = false;
    for name in names {
        let source = Source::find(&name)?;
        let (found, base) = one(arguments, source, &settings, shard, &stop)?;
        failed |= !found.is_clean() || found.interrupted;
        if let Some(folder) = &folder {
            write(folder, &found, &base)?;
        }
        advise(&found, arguments)?;
        let over = found.interrupted || arguments.until_failure && !found.failures.is_empty();
        swarms.push(found);
        if over {
            break;
        }
    }
    pages(arguments.html.as_deref(), &swarms)?;
    if arguments.json {
        say(&serde_json::to_string_pretty(&swarms).expect("plain data"))?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Writes the page of some swarms, if one was asked for.
fn pages(path: Option<&Path>, swarms: &[Found]) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let shown: Vec<_> = swarms.iter().map(Found::shown).collect();
    output::page(path, &headwater_reports::swarm::swarm_page(&shown))
}

fn one(
    arguments: &Swarm,
    source: Source,
    settings: &[(String, String)],
    shard: Shard,
    stop: &Arc<AtomicBool>,
) -> Result<(Found, Base), Failure> {
    let base = Base::read(source.clone(), settings)?;
    base.doubts().iter().for_each(|doubt| eprintln!("warning: {doubt}"));
    let started = Instant::now();
    let bar = Bar::new(arguments.seeds / shard.count, "seeds");
    let limit = arguments.lasts.map(|lasts| std::time::Duration::from_nanos(lasts.0));
    let timed_out = AtomicBool::new(false);
    let progress = |found: &Found| {
        let failed = found.failed().len();
        let rate = found.runs as f64 / started.elapsed().as_secs_f64();
        bar.set(found.runs, &format!("({rate:.0} seeds/s, {failed} failed)"));
        if limit.is_some_and(|limit| started.elapsed() >= limit) {
            timed_out.store(true, Ordering::Relaxed);
            stop.store(true, Ordering::Relaxed);
        }
    };
    let spec = SwarmRun {
        source,
        settings: settings.to_vec(),
        seeds: (arguments.seed, arguments.seeds),
        shard,
        guided: arguments.guided,
        until_failure: arguments.until_failure,
        stop,
        progress: &progress,
    };
    let mut found = swarm::swarm(&spec)?;
    drop(bar);
    if timed_out.load(Ordering::Relaxed) {
        // The user stopped it: what there is counts.
        found.interrupted = false;
        stop.store(false, Ordering::Relaxed);
    }
    if !arguments.json {
        let took = started.elapsed().as_secs_f64();
        say(found.text().trim_end())?;
        let (seeds, time) = (found.runs as f64 / took, found.simulated_ns as f64 / 1e9 / took);
        say(&format!("{took:.1} s: {seeds:.1} seeds/s, {time:.0} s of virtual time per second"))?;
    }
    if found.interrupted {
        eprintln!("interrupted: what is told is of the seeds that were run");
    }
    Ok((found, base))
}

/// The name of the files of a scenario's swarm.
fn stem(scenario: &str) -> &str {
    scenario.rsplit('/').next().unwrap_or(scenario).trim_end_matches(".toml")
}

/// The results, as written to a file.
fn file(found: &Found) -> String {
    serde_json::to_string_pretty(found).expect("plain data") + "\n"
}

/// Writes what was found, and the case of each seed that failed.
fn write(folder: &Folder, found: &Found, base: &Base) -> Result<(), Failure> {
    let stem = stem(&found.scenario);
    folder.text(&format!("{stem}.json"), &file(found))?;
    folder.text(&format!("{stem}.txt"), &found.text())?;
    for seed in found.failed().into_iter().take(CASES_MAX) {
        let variant = found.cases.get(&seed).cloned();
        let text = variant.or_else(|| base.draw(seed).ok().map(|case| case.text()));
        if let Some(text) = text {
            folder.text(&format!("{stem}-{seed}.toml"), &text)?;
        }
    }
    Ok(())
}

/// What to do about the first failure.
fn advise(found: &Found, arguments: &Swarm) -> Result<(), Failure> {
    let Some(seed) = found.failed().first().copied() else { return Ok(()) };
    if arguments.json {
        return Ok(());
    }
    let name = &found.scenario;
    let stem = stem(name);
    if let Some(out) = &arguments.out {
        let path = out.join(format!("{stem}-{seed}.toml"));
        let path = shell_word(&path.to_string_lossy());
        return say(&format!("headwater replay {path}\nheadwater shrink {path}"));
    }
    let line = found.reproduce(seed);
    say(&format!("{line} --out case\nheadwater shrink case/{stem}-{seed}.toml"))
}
