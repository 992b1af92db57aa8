//! `headwater replay`.

use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

use headwater_reading::problem;
use headwater_scenarios::replay::{self, Violation};
use headwater_scenarios::run::{self, Finished, Options};
use headwater_scenarios::scenario::Scenario;
use headwater_scenarios::trace::log::{self, Filter};
use headwater_scenarios::trace::{Trace, Watch, perfetto};
use headwater_scenarios::units::{Duration, Time};

use crate::args::Replay;
use crate::failure::Failure;
use crate::run::{bar_of, interrupt};
use crate::say;

/// Without `--from` and `--until`, the log is of this long before and after the first violation.
const LOG: Duration = Duration::from_millis(5);

/// And a trace for Perfetto of this long.
const PERFETTO: Duration = Duration::from_millis(500);

/// Events before and after the one of `--around`.
const AROUND: u64 = 30;

/// Runs a scenario, and once more with a closer look.
pub fn replay(arguments: &Replay) -> Result<ExitCode, Failure> {
    let scenario = Scenario::load(&arguments.chosen.scenario, &arguments.chosen.settings)?;
    let filter = filter(arguments, &scenario)?;
    for path in [&arguments.svg, &arguments.perfetto].into_iter().flatten() {
        // Before the runs: a file that can't be written should not cost any.
        write(path, "")?;
    }
    let stop = interrupt()?;
    let first = pass(&scenario, arguments.seed, Watch::Nothing, &stop)?;
    let look = Look::new(arguments, &first);
    let again = pass(&scenario, arguments.seed, look.watch(&first), &stop)?;
    if let Some(path) = &arguments.svg {
        let drawn = replay::diagram(&first, &again.trace, arguments.arrows);
        write(path, &drawn.to_svg())?;
    }
    if let Some(path) = &arguments.perfetto {
        let (part, end) = (again.trace.within(&look.perfetto), Time(first.outcome.duration_ns));
        write(path, &perfetto::document(&part, &first.outcome.faults, end).to_string())?;
    }
    let part = look.log(&again.trace);
    if arguments.json {
        let text = serde_json::to_string_pretty(&log::json(&part, &filter)).expect("plain data");
        say(&text)?;
    } else {
        show(&first, &part, &filter)?;
    }
    for path in [&arguments.svg, &arguments.perfetto].into_iter().flatten() {
        eprintln!("written to {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The names must be there: a filter that shows nothing would look like silence.
fn filter(arguments: &Replay, scenario: &Scenario) -> Result<Filter, Failure> {
    let names = scenario.systems.node_names();
    if let Some(name) = arguments.nodes.iter().find(|name| !names.contains(name)) {
        let near = problem::nearest(name, names.iter().map(String::as_str));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names.join(", ")),
        };
        return Err(Failure::Other(format!("no node `{name}` in this system; {help}")));
    }
    Ok(Filter { nodes: arguments.nodes.clone(), kinds: arguments.kinds.clone() })
}

fn pass(
    scenario: &Scenario,
    seed: Option<u64>,
    watch: Watch,
    stop: &std::sync::atomic::AtomicBool,
) -> Result<Finished, Failure> {
    let (bar, stop) = (bar_of(scenario), Some(stop));
    let show = |progress| bar.run(progress);
    let (progress, options) = (Some(&show as &dyn Fn(_)), Options::default());
    let finished = run::run(scenario, &Options { seed, stop, progress, watch, ..options });
    match finished.outcome.status {
        headwater_reports::outcome::Status::Completed => Ok(finished),
        _ => Err(Failure::Other("interrupted".into())),
    }
}

/// Which parts are looked at.
struct Look {
    log: Range<Time>,
    perfetto: Range<Time>,
    /// In place of the log's stretch of time.
    events: Option<Range<u64>>,
}

impl Look {
    fn new(arguments: &Replay, first: &Finished) -> Self {
        let centre = replay::anchors(first)[0].at;
        let span = |around: Duration| {
            let from = Time(centre.0.saturating_sub(around.0));
            let asked = (arguments.from, arguments.until);
            let from = asked.0.map_or(from, |from| Time::ZERO + from);
            let until = match asked {
                (_, Some(until)) => Time::ZERO + until,
                (Some(_), None) => from + around * 2,
                (None, None) => centre + around,
            };
            from..until
        };
        let events = arguments.around.map(|at| at.saturating_sub(AROUND)..at + AROUND + 1);
        Self { log: span(LOG), perfetto: span(PERFETTO), events }
    }

    fn watch(&self, first: &Finished) -> Watch {
        match &self.events {
            Some(events) => Watch::Events(events.clone()),
            None => {
                let mut all = replay::stretches(&replay::anchors(first));
                all.extend([self.log.clone(), self.perfetto.clone()]);
                Watch::Times(all)
            }
        }
    }

    fn log(&self, trace: &Trace) -> Trace {
        match &self.events {
            Some(events) => trace.within_events(events),
            None => trace.within(&self.log),
        }
    }
}

fn show(first: &Finished, part: &Trace, filter: &Filter) -> Result<(), Failure> {
    // The name and the conclusion.
    let summary = headwater_reports::summary(&first.outcome);
    summary.lines().take(2).try_for_each(say)?;
    if let Some(Violation { verdict, finding }) = replay::violation(&first.verdicts) {
        say(&format!("{verdict} fails: {finding}"))?;
    }
    say("")?;
    replay::story(first).iter().try_for_each(|line| say(line))?;
    say("")?;
    say(&log::header())?;
    let mut lines = 0;
    for line in log::lines(part, filter) {
        say(&line)?;
        lines += 1;
    }
    if lines == 0 {
        say("nothing of that kind happened then")?;
    }
    if part.omitted() > 0 {
        eprintln!("{} records more were left out; ask for a shorter time", part.omitted());
    }
    say(&format!("\nreproduce: {}", first.outcome.reproduce.replacen(" run ", " replay ", 1)))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::output(path.display(), &error))
}
