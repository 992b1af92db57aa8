//! The services behind the streams of a run: started with it, ended when they have everything, and
//! asked what they have counted.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use headwater_reports::outcome::{Verdict, VerdictStatus};
use headwater_reports::text;

use super::parts::Parts;
use crate::failure::{Failure, Result};
use crate::launch::guard::{Launch, Sign};
use crate::launch::guarded::{Guarded, held, wait_ended};
use crate::launch::{LaunchedCluster, ports, wait_ready_within};
use crate::systems::engine::Tap;
use crate::systems::services::{self, LiveService, Stats};

/// How long a service may take until it can be asked.
const READY: Duration = Duration::from_secs(20);

/// How long one may take to have what is in its stream when the run is over.
const CATCHES_UP: Duration = Duration::from_secs(20);

/// How long one may take to end.
const ENDS: Duration = Duration::from_secs(10);

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(100);

/// The stream that a service reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// That which takes the schedule.
    First,
    /// That behind the engine.
    Behind,
}

/// The services of a run.
pub(super) struct Serving {
    running: Vec<Running>,
    guarded: Arc<Mutex<Guarded>>,
}

/// One that runs.
struct Running {
    name: String,
    live: &'static dyn LiveService,
    reads: Reads,
    address: SocketAddr,
    home: PathBuf,
    log: PathBuf,
}

/// What a service came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Served {
    name: String,
    /// It reads what the engine writes, in which events may come twice.
    behind: bool,
    /// Different events in its stream.
    expected: u64,
    stats: Stats,
    /// The events in its files, if it has any: of how many there are how many, and how often more.
    kept: Option<(u64, u64)>,
}

impl Serving {
    /// Starts those of a scenario on these two streams, and waits until they can be asked.
    pub(super) fn start(
        parts: &Parts<'_>,
        cluster: &LaunchedCluster,
        [first, behind]: [&Tap; 2],
    ) -> Result<Self> {
        let mut serving = Self { running: vec![], guarded: Arc::clone(&cluster.guarded) };
        for service in &parts.services {
            let name = service.part.name.clone();
            let tap = match service.reads {
                Reads::First => first,
                Reads::Behind => behind,
            };
            // What it keeps is of this stream and of no other.
            let home = cluster.data.join(format!("{name}-{}", tap.stream));
            std::fs::create_dir_all(&home).map_err(|error| {
                Failure::io(format_args!("can't make {}", home.display()), &error)
            })?;
            let address = ports::local(ports::free(1)?[0]);
            let at = (address, home.as_path());
            let command = services::command(service.live, &*service.part.system, tap, at)?;
            let log = cluster.data.join(format!("{name}.log"));
            let (directory, to) = (home.clone(), log.clone());
            let launch = Launch { name: name.clone(), command, directory, log: to };
            cluster.launch_beside(launch)?;
            let (live, reads) = (service.live, service.reads);
            serving.running.push(Running { name, live, reads, address, home, log });
        }
        for Running { name, address, log, .. } in &serving.running {
            let answers = || services::stats(*address).is_ok();
            wait_ready_within(READY, &serving.guarded, name, log, answers)?;
        }
        Ok(serving)
    }

    /// Ends them when they have the different events of their streams: so many of the first, whose
    /// numbers are told, and so many of that behind the engine.
    pub(super) fn finish(self, acked: &[u64], behind: u64) -> Result<Vec<Served>> {
        let mut all = vec![];
        for of in &self.running {
            let expected = match of.reads {
                Reads::First => acked.len() as u64,
                Reads::Behind => behind,
            };
            let since = Instant::now();
            let has = || services::stats(of.address).map_or(0, |stats| stats.distinct);
            while has() < expected && since.elapsed() < CATCHES_UP {
                std::thread::sleep(LOOK);
            }
            held(&self.guarded)?.signal(&of.name, Sign::Terminate)?;
            wait_ended(&self.guarded, &of.name, ENDS)?;
            let kept = of.live.kept(&of.home)?.map(|kept| once(&kept, acked));
            all.push(Served {
                name: of.name.clone(),
                behind: of.reads == Reads::Behind,
                expected,
                stats: services::read(&services::summary(&of.home))?,
                kept,
            });
        }
        Ok(all)
    }
}

/// How many of these events are kept, and how many records there are besides.
fn once(kept: &BTreeMap<u64, u32>, acked: &[u64]) -> (u64, u64) {
    let there = acked.iter().filter(|number| kept.contains_key(number)).count() as u64;
    let records: u64 = kept.values().map(|times| u64::from(*times)).sum();
    (there, records - there)
}

/// Whether each has what its stream has: each event once in files, and as often as it came
/// elsewhere.
pub(super) fn verdict(served: &Served) -> Verdict {
    let Served { name, behind, expected, stats, kept } = served;
    let short = kept.is_some_and(|(there, more)| there != *expected || more > 0);
    let failed = short || stats.distinct != *expected || stats.malformed > 0;
    let mut measured = format!(
        "{name}: {} of {} events, {} repeated, {} malformed",
        text::count(stats.distinct),
        text::count(*expected),
        stats.repeated,
        stats.malformed
    );
    if let Some((there, more)) = kept {
        measured += &format!("; {} in its file, {more} records more", text::count(*there));
    }
    if let (Some(p50), Some(p99)) = (stats.delay_us.p50, stats.delay_us.p99) {
        let [p50, p99] = [p50, p99].map(|us| text::duration(us as f64 * 1e3));
        measured += &format!("; there after {p50} at the median, {p99} at p99");
    }
    let stream = if *behind { "the stream behind the engine" } else { "the first stream" };
    Verdict {
        name: format!("served_{name}"),
        stream: None,
        status: if failed { VerdictStatus::Fail } else { VerdictStatus::Pass },
        measured,
        expected: format!("the different events of {stream}"),
        explanation: "As the service counted, and as its file says where it writes one.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_lacks_or_has_twice_fails_and_so_does_a_count_that_differs() {
        let kept = BTreeMap::from([(1, 1), (2, 2), (9, 1)]);
        assert_eq!(once(&kept, &[1, 2, 3]), (2, 2));
        let stats = Stats { received: 3, distinct: 3, ..Stats::default() };
        let whole = Served { name: "a".into(), expected: 3, stats, ..Served::default() };
        assert_eq!(verdict(&whole).status, VerdictStatus::Pass);
        let of = |kept| verdict(&Served { kept: Some(kept), ..whole.clone() }).status;
        assert_eq!(of((3, 0)), VerdictStatus::Pass);
        assert_eq!((of((2, 0)), of((3, 1))), (VerdictStatus::Fail, VerdictStatus::Fail));
        let missing = Served { expected: 4, ..whole };
        assert_eq!(verdict(&missing).status, VerdictStatus::Fail);
    }
}
