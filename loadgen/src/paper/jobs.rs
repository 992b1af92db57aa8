//! What is to be run, for which claims, and about how long it takes.

use std::fmt::Write as _;

use headwater_reports::text;
use headwater_scenarios::paper::claims::Claim;
use headwater_scenarios::paper::{Paper, Spec, Tool};
use headwater_sim::time::Duration;

use super::measure::{WARM_EVENTS, scenario};
use crate::arguments::WarmUp;
use crate::estimate::{CLEARING, launching_servers, shown};
use crate::failure::Result;
use crate::systems;

/// What a load test takes, about, on two cores: events and bytes a second, and starting a JVM.
const EVENTS_PER_SECOND: f64 = 200_000.0;
const BYTES_PER_SECOND: f64 = 50e6;
const JVM_SECONDS: f64 = 2.0;

/// A run that is to be made.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// What is run.
    pub(super) spec: Spec,
    /// Which repeat, from 1.
    pub(super) repeat: u64,
    /// About how long it takes, seconds.
    pub(super) seconds: f64,
    /// What it is, in a few words.
    pub(super) describes: String,
}

/// All of them: one repeat of all before the next.
pub(super) fn all(paper: &Paper, quick: bool, repeats: u64) -> Result<Vec<Job>> {
    let once: Vec<Job> = paper.live(quick).into_iter().map(job).collect::<Result<_>>()?;
    let of = |repeat: u64| once.iter().map(move |job| Job { repeat, ..job.clone() });
    Ok((1..=repeats).flat_map(of).collect())
}

fn job(spec: Spec) -> Result<Job> {
    let scenario = scenario(&spec)?;
    let system = systems::of_scenario(&scenario)?;
    let servers = system.servers(&scenario).len();
    let traffic = &scenario.traffic;
    let (seconds, describes) = match spec.tool {
        Tool::LoadTest => {
            let (events, bytes) = (spec.events.unwrap_or(WARM_EVENTS) as f64, traffic.size.mean.0);
            let rate = EVENTS_PER_SECOND.min(BYTES_PER_SECOND / bytes.max(1) as f64);
            let warm = (WARM_EVENTS as f64).min(events) / rate.max(EVENTS_PER_SECOND);
            let seconds = launching_servers(servers, WarmUp::For(Duration::ZERO))
                + 2.0 * JVM_SECONDS
                + warm
                + events / rate;
            let (events, system) = (text::count(events as u64), system.name());
            (seconds, format!("load test of {system}, {events} events of {bytes} B"))
        }
        Tool::Loadgen => {
            let warm_up = spec.warm_up.as_deref().unwrap_or("auto");
            let warm_up = warm_up.parse().unwrap_or(WarmUp::Auto);
            let seconds = launching_servers(servers, warm_up)
                + traffic.duration.as_secs_f64()
                + scenario.measure.audit.as_secs_f64()
                + CLEARING;
            (seconds, format!("loadgen on {}, {}", system.name(), spec.scenario))
        }
    };
    Ok(Job { spec, repeat: 1, seconds, describes })
}

/// About how long they take, seconds.
pub(super) fn seconds(jobs: &[Job]) -> f64 {
    jobs.iter().map(|job| job.seconds).sum()
}

/// What is run, a line each, then what that tells each claim, or why nothing does.
pub(super) fn list(paper: &Paper, jobs: &[Job]) -> String {
    let mut out = String::new();
    for job in jobs {
        let name = format!("{}, repeat {}", job.spec.name(), job.repeat);
        let _ = writeln!(out, "{name:<28} about {:>3.0} s  {}", job.seconds, job.describes);
    }
    out.push('\n');
    paper.claims.iter().chain(&paper.unseen).for_each(|claim| out.push_str(&line(claim, jobs)));
    out
}

fn line(claim: &Claim, jobs: &[Job]) -> String {
    if let Some(why) = &claim.not_live {
        return format!("{:<4} not measured: {why}\n", claim.id);
    }
    let runs = claim.live_runs();
    let mine: Vec<Job> = jobs.iter().filter(|job| runs.contains(&job.spec.run)).cloned().collect();
    let (count, time) = (mine.len(), shown(seconds(&mine)));
    format!("{:<4} {count} runs, about {time}: {}\n", claim.id, runs.join(", "))
}
