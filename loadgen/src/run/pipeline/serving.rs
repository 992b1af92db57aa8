//! The services behind the streams of a run: started with it, ended when they have everything, and
//! asked what they have counted.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use headwater_reports::outcome::{Verdict, VerdictStatus};
use headwater_reports::text;
use headwater_scenarios::scenario::Part;
use headwater_scenarios::scenario::metric::beside_the_checkers;

use super::arrived::Arrived;
use super::parts::Parts;
use crate::failure::{Failure, Result};
use crate::launch::guard::{Launch, Sign};
use crate::launch::guarded::{Guarded, held, wait_ended};
use crate::launch::{LaunchedCluster, ports, said_last, wait_ready_within};
use crate::systems::engine::Tap;
use crate::systems::services::page::{Page, Shows};
use crate::systems::services::{self, Found, Kept, Level, LiveService, Stats};
use crate::terminal;

/// How long a service may take until it can be asked.
const READY: Duration = Duration::from_secs(20);

/// How long one may take to have what is in its stream when the run is over, since it last had
/// more, and altogether.
const CATCHES_UP: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(120);

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

/// The services of a run, and the page over them.
pub(super) struct Serving<'a> {
    running: Vec<Running<'a>>,
    page: Option<Page>,
    guarded: Arc<Mutex<Guarded>>,
}

/// One that runs.
struct Running<'a> {
    part: &'a Part,
    live: &'static dyn LiveService,
    reads: Reads,
    address: SocketAddr,
    home: PathBuf,
    log: PathBuf,
    /// The processes that it keeps things in.
    stores: Vec<String>,
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
    /// Why it has not told what it counted, if so.
    trouble: Option<String>,
    /// The events in its files, if it has any.
    kept: Option<Lines>,
    /// What it was found to have by asking it.
    found: Option<Found>,
    /// Levels of its model.
    levels: Vec<Level>,
}

/// The events in a service's files: the verdict on them, of how many there are how many, and how
/// often more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lines {
    verdict: &'static str,
    there: u64,
    more: u64,
}

/// What all came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Finished {
    /// The services.
    pub(super) served: Vec<Served>,
    /// The page, if there is one.
    page: Option<Verdict>,
}

impl<'a> Serving<'a> {
    /// Starts those of a scenario on these two streams, and a page over them if there is to be one,
    /// and waits until they can be asked. The engine says in `account` what its batches did.
    pub(super) fn start(
        parts: &'a Parts<'a>,
        cluster: &LaunchedCluster,
        [first, behind]: [&Tap; 2],
        account: PathBuf,
    ) -> Result<Self> {
        let (running, guarded) = (vec![], Arc::clone(&cluster.guarded));
        let mut serving = Self { running, page: None, guarded };
        for service in &parts.services {
            let (live, part, reads) = (service.live, service.part, service.reads);
            let name = &part.name;
            let tap = match reads {
                Reads::First => first,
                Reads::Behind => behind,
            };
            // What it keeps is of this stream and of no other.
            let home = cluster.data.join(format!("{name}-{}", tap.stream));
            std::fs::create_dir_all(&home).map_err(|error| {
                Failure::io(format_args!("can't make {}", home.display()), &error)
            })?;
            let stores = live.stores(&*part.system, cluster, &home)?;
            let address = ports::local(ports::free(1)?[0]);
            let at = (address, home.as_path());
            let command = services::command(live, &*part.system, tap, at, &stores)?;
            let log = cluster.data.join(format!("{name}.log"));
            let (name, directory, to) = (name.clone(), home.clone(), log.clone());
            cluster.launch_beside(Launch { name, command, directory, log: to, user: None })?;
            let stores = stores.processes;
            serving.running.push(Running { part, live, reads, address, home, log, stores });
        }
        for Running { part, address, log, .. } in &serving.running {
            let answers = || services::stats(*address).is_ok();
            wait_ready_within(READY, &serving.guarded, &part.name, log, answers)?;
        }
        if parts.page {
            serving.show(cluster, account)?;
        }
        Ok(serving)
    }

    /// Starts the page, and tells where it is.
    fn show(&mut self, cluster: &LaunchedCluster, account: PathBuf) -> Result<()> {
        let at = |of: &Running<'_>| (of.live.name(), of.address);
        let balancer = self.running.iter().flat_map(|of| of.live.balancer(&*of.part.system));
        let shows = Shows {
            services: self.running.iter().map(at).collect(),
            account: &account,
            balancer: balancer.collect(),
        };
        let page = Page::start(cluster, &shows)?;
        terminal::note(format_args!("page: http://{}", page.address));
        self.page = Some(page);
        Ok(())
    }

    /// Waits until they have the different events of their streams (so many of the first, whose
    /// numbers are told, and what has come behind the engine), and asks them. Ends them, unless
    /// they are to be held.
    pub(super) fn finish(self, acked: &[u64], arrived: &Arrived, holds: bool) -> Result<Finished> {
        let expected = |reads: Reads| match reads {
            Reads::First => acked.len() as u64,
            Reads::Behind => arrived.distinct(),
        };
        for of in &self.running {
            of.catch_up(expected(of.reads));
        }
        let page = self.page.as_ref().map(shown);
        let found: Vec<_> = self.running.iter().map(|of| of.ask(arrived)).collect();
        if !holds && let Some(page) = &self.page {
            self.end(&page.processes)?;
        }
        let mut served = vec![];
        for (of, found) in self.running.iter().zip(found) {
            let name = of.part.name.clone();
            let stats = if holds {
                services::stats(of.address).map_err(|error| error.to_string())
            } else {
                self.end(std::slice::from_ref(&name))?;
                self.end(&of.stores)?;
                services::read(&services::summary(&of.home)).map_err(|why| why.to_string())
            };
            let said = |why| format!("{why}; it said last: {}", said_last(&of.log));
            let (stats, trouble) = match stats {
                Ok(stats) => (stats, None),
                Err(why) => (Stats::default(), Some(said(why))),
            };
            served.push(Served {
                name,
                behind: of.reads == Reads::Behind,
                expected: expected(of.reads),
                levels: of.live.levels(&stats),
                stats,
                trouble,
                kept: of.live.kept(&of.home)?.map(|kept| once(&kept, acked)),
                found,
            });
        }
        Ok(Finished { served, page })
    }

    fn end(&self, names: &[String]) -> Result<()> {
        for name in names {
            // One that has ended by itself needs no signal.
            let _ = held(&self.guarded)?.signal(name, Sign::Terminate);
            wait_ended(&self.guarded, name, ENDS)?;
        }
        Ok(())
    }
}

impl Running<'_> {
    /// Waits until it has so many different events, as long as there are more of them.
    fn catch_up(&self, expected: u64) {
        let since = Instant::now();
        let mut last = (0, since);
        loop {
            let has = services::stats(self.address).map_or(0, |stats| stats.distinct);
            if has > last.0 {
                last = (has, Instant::now());
            }
            if has >= expected || last.1.elapsed() > CATCHES_UP || since.elapsed() > PATIENCE {
                return;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What it is found to have. Of the first stream nothing is known but numbers.
    fn ask(&self, arrived: &Arrived) -> Option<Found> {
        match self.reads {
            Reads::First => None,
            Reads::Behind => self.live.asked(&*self.part.system, self.address, &arrived.said),
        }
    }
}

impl Finished {
    /// What was found of all of them.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let of_one = |served: &Served| {
            let asked = served.found.as_ref().map(found);
            [Some(verdict(served)), archived(served), asked]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
        };
        self.served.iter().flat_map(of_one).chain(self.page.clone()).collect()
    }

    /// The levels of their models, each with the name of its system.
    pub(super) fn levels(&self) -> impl Iterator<Item = (&str, Level)> {
        self.served.iter().flat_map(|served| {
            served.levels.iter().map(move |level| (served.name.as_str(), *level))
        })
    }
}

/// How many of these events are kept, and how many records there are besides.
fn once(kept: &Kept, acked: &[u64]) -> Lines {
    let there = acked.iter().filter(|number| kept.times.contains_key(number)).count() as u64;
    let records: u64 = kept.times.values().map(|times| u64::from(*times)).sum();
    Lines { verdict: kept.verdict, there, more: records - there }
}

/// Findings that are told.
const TOLD: usize = 3;

/// The verdict on what was found by asking.
fn found(found: &Found) -> Verdict {
    let Found { verdict, checked, wrong, measured, expected, explanation } = found;
    let (status, measured) = match (checked, wrong.is_empty()) {
        (0, _) => (VerdictStatus::Info, "nothing to check".to_owned()),
        (_, true) => (VerdictStatus::Pass, measured.clone()),
        (_, false) => (VerdictStatus::Fail, measured.clone()),
    };
    let mut explanation = explanation.clone();
    if !wrong.is_empty() {
        let first: Vec<_> = wrong.iter().take(TOLD).map(String::as_str).collect();
        explanation += &format!(" Found: {}", first.join("; "));
    }
    let (name, expected) = ((*verdict).to_owned(), (*expected).to_owned());
    Verdict { name, stream: None, status, measured, expected, explanation }
}

/// The verdict on the page: whether it shows every service that runs.
fn shown(page: &Page) -> Verdict {
    let (dark, all) = (page.dark(), page.services());
    let status = if dark.is_empty() { VerdictStatus::Pass } else { VerdictStatus::Fail };
    let measured = match dark.is_empty() {
        true => format!("{all} services are seen at {}", page.address),
        false => dark.join("; "),
    };
    Verdict {
        name: "page_answers".into(),
        stream: None,
        status,
        measured,
        expected: "every service that runs".into(),
        explanation: "/api/stats is asked for through the page when all is done.".into(),
    }
}

/// The verdict of the model's checker on whether files have each event once.
fn archived(served: &Served) -> Option<Verdict> {
    let Lines { verdict, there, more } = served.kept?;
    let missing = served.expected.saturating_sub(there);
    let status = match (served.expected, missing + more) {
        (0, 0) => VerdictStatus::Info,
        (_, 0) => VerdictStatus::Pass,
        _ => VerdictStatus::Fail,
    };
    let [missing, all] = [missing, served.expected].map(text::count);
    Some(Verdict {
        name: verdict.into(),
        stream: None,
        status,
        measured: format!(
            "{missing} of {all} acknowledged events are in no line, {more} lines are more than one \
             of each"
        ),
        expected: "none".into(),
        explanation: beside_the_checkers(verdict).into(),
    })
}

/// Whether each has what its stream has: each event once in files, and as often as it came
/// elsewhere.
fn verdict(served: &Served) -> Verdict {
    let Served { name, behind, expected, stats, trouble, kept, .. } = served;
    let short = kept.is_some_and(|kept| kept.there != *expected || kept.more > 0);
    let differs = short || stats.distinct != *expected || stats.malformed > 0;
    let failed = differs || trouble.is_some();
    let mut measured = format!(
        "{name}: {} of {} events, {} repeated, {} malformed",
        text::count(stats.distinct),
        text::count(*expected),
        stats.repeated,
        stats.malformed
    );
    if let Some(Lines { there, more, .. }) = kept {
        measured += &format!("; {} in its file, {more} records more", text::count(*there));
    }
    if let (Some(p50), Some(p99)) = (stats.delay_us.p50, stats.delay_us.p99) {
        let [p50, p99] = [p50, p99].map(|us| text::duration(us as f64 * 1e3));
        measured += &format!("; there after {p50} at the median, {p99} at p99");
    }
    if let Some(why) = trouble {
        measured += &format!("; {why}");
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
    use std::collections::BTreeMap;

    #[test]
    fn what_a_file_lacks_or_has_twice_fails_and_so_does_a_count_that_differs() {
        let kept = Kept { verdict: "archived", times: BTreeMap::from([(1, 1), (2, 2), (9, 1)]) };
        let lines = |there, more| Lines { verdict: "archived", there, more };
        assert_eq!(once(&kept, &[1, 2, 3]), lines(2, 2));
        let mut stats = Stats::default();
        (stats.received, stats.distinct) = (3, 3);
        let whole = Served { name: "a".into(), expected: 3, stats, ..Served::default() };
        assert_eq!(verdict(&whole).status, VerdictStatus::Pass);
        assert!(archived(&whole).is_none(), "it has no file");
        let of = |there, more| {
            let served = Served { kept: Some(lines(there, more)), ..whole.clone() };
            let archived = archived(&served).expect("it has a file");
            assert_eq!(archived.status, verdict(&served).status, "{archived:?}");
            archived.status
        };
        assert_eq!(of(3, 0), VerdictStatus::Pass);
        assert_eq!((of(2, 0), of(3, 1)), (VerdictStatus::Fail, VerdictStatus::Fail));
        let silent = Served { trouble: Some("no summary".into()), ..whole.clone() };
        assert_eq!(verdict(&silent).status, VerdictStatus::Fail);
        let missing = Served { expected: 4, ..whole };
        assert_eq!(verdict(&missing).status, VerdictStatus::Fail);
    }

    #[test]
    fn what_was_found_wrong_by_asking_fails_and_is_told() {
        let all = Found { verdict: "findable", checked: 2, ..Found::default() };
        assert_eq!(found(&all).status, VerdictStatus::Pass);
        let wrong = vec!["7: not there".to_owned()];
        let told = found(&Found { wrong, ..all.clone() });
        assert_eq!(told.status, VerdictStatus::Fail);
        assert!(told.explanation.ends_with("Found: 7: not there"), "{told:?}");
        assert_eq!(found(&Found { checked: 0, ..all }).status, VerdictStatus::Info);
    }
}
