//! Whether topics were counted as the schedule has them: each event once in each of its windows.
//!
//! The schedule is drawn a second time beside the run, with what each event is about, and counted
//! here. What is shown of a window may lack what was told to have come late, and what was never
//! acknowledged where it comes from; it may have nothing twice.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use headwater_models::batch::StreamId;
use headwater_models::note::Ranking;
use headwater_models::system::Windows;
use headwater_sim::time::Time;
use headwater_traffic::{Plan, Tweets};

use super::Found;
use super::schedule::Scheduled;
use crate::observe::Rankings;
use crate::scenario::metric::RANKED;
use headwater_check::{Finding, Verdict, grouped};

/// What the events of the schedule are about, by their numbers.
pub(super) struct Tags {
    plan: Arc<Plan>,
    tweets: Tweets,
    tags: Vec<Option<u64>>,
}

/// Events about a topic in a window: those that have to be counted, and those that may be.
#[derive(Clone, Copy, Debug, Default)]
struct Due {
    least: u64,
    most: u64,
}

/// What is due in each window, by its end.
type Expected = BTreeMap<u64, BTreeMap<u64, Due>>;

impl Tags {
    pub(super) fn new(plan: &Arc<Plan>) -> Self {
        Self { plan: Arc::clone(plan), tweets: plan.tweets(), tags: Vec::new() }
    }

    /// The schedule has an event more, if it is one of the first `kept`.
    pub(super) fn offered(&mut self, kept: usize) {
        if self.tags.len() < kept {
            let tweet = self.tweets.next();
            self.tags.push(tweet.and_then(|tweet| self.plan.tag(&tweet)));
        }
    }

    /// What was shown of a stream, against what was acknowledged in `origin`, the stream that takes
    /// its events from the schedule.
    pub(super) fn look(
        &self,
        scheduled: &Scheduled,
        (stream, origin): (StreamId, StreamId),
        windows: Windows,
        shown: &Rankings,
    ) -> Verdict {
        let mut expected = self.expected(scheduled, origin, windows);
        let late = late(stream, windows, shown);
        let mut found = Found::default();
        let mut seen = BTreeSet::new();
        // A schedule that is longer than what is kept of it says nothing of the rest.
        let known = scheduled.known_until().unwrap_or(Time::MAX);
        let looked_at = |of: &StreamId, ranking: &Ranking| *of == stream && ranking.until <= known;
        let of_stream = shown.shown.iter().filter(|(of, _, ranking)| looked_at(of, ranking));
        for (_, at, ranking) in of_stream {
            let end = ranking.until.0 / windows.advance.0;
            let due = expected.get(&end);
            seen.insert(end);
            amiss(&mut found, *at, ranking, windows, due, &late);
        }
        let late_for = |end, topic| late.get(&(end, topic)).copied().unwrap_or(0);
        expected.retain(|end, due| {
            Time(end * windows.advance.0) <= known
                && !seen.contains(end)
                && due.iter().any(|(topic, due)| due.least > late_for(*end, *topic))
        });
        for end in expected.keys() {
            let at = Time(end * windows.advance.0);
            found.add(|| Finding::at("a window that was never shown ends", at));
        }
        let (late, windows) = (late.values().sum::<u64>(), grouped(seen.len() as u64));
        let mut summary =
            format!("{} counts of {windows} windows are not the schedule's", found.shares());
        if late > 0 {
            summary += &format!("; {} events came late for a window", grouped(late));
        }
        found.verdict(RANKED, stream, summary)
    }

    fn expected(&self, scheduled: &Scheduled, origin: StreamId, windows: Windows) -> Expected {
        let mut expected = Expected::new();
        let each = windows.size.0 / windows.advance.0;
        for (index, tag) in (0..scheduled.len() as u64).zip(&self.tags) {
            let Some(tag) = tag else { continue };
            let pane = scheduled.at(index).0 / windows.advance.0;
            for end in pane + 1..=pane + each {
                let due = expected.entry(end).or_default().entry(*tag).or_default();
                due.most += 1;
                due.least += u64::from(scheduled.is_acked(origin, index));
            }
        }
        expected
    }
}

/// Events that came late, by the end of the window and topic.
fn late(stream: StreamId, windows: Windows, shown: &Rankings) -> BTreeMap<(u64, u64), u64> {
    let mut late = BTreeMap::new();
    for (_, first, last, topic) in shown.late.iter().filter(|(of, ..)| *of == stream) {
        for end in first.0 / windows.advance.0..=last.0 / windows.advance.0 {
            *late.entry((end, *topic)).or_default() += 1;
        }
    }
    late
}

/// Tells of what is wrong with a ranking that was shown at `at`.
fn amiss(
    found: &mut Found,
    at: Time,
    ranking: &Ranking,
    windows: Windows,
    due: Option<&BTreeMap<u64, Due>>,
    late: &BTreeMap<(u64, u64), u64>,
) {
    let end = ranking.until.0 / windows.advance.0;
    let window = format!("in {} to {}", ranking.from, ranking.until);
    let from = ranking.until.0.saturating_sub(windows.size.0);
    if (ranking.from.0, ranking.until.0) != (from, end * windows.advance.0) {
        found.add(|| Finding { detail: window.clone(), ..Finding::at("no window", at) });
    }
    let mut top = ranking.counts.clone();
    top.sort_by_key(|(topic, count)| (Reverse(*count), *topic));
    top.truncate(windows.top);
    found.checked += 1;
    if top != ranking.top {
        found.add(|| Finding { detail: window.clone(), ..Finding::at("not the top", at) });
    }
    let counted: BTreeMap<u64, u64> = ranking.counts.iter().copied().collect();
    let none = BTreeMap::new();
    let due = due.unwrap_or(&none);
    let others = counted.keys().filter(|topic| !due.contains_key(topic));
    for topic in due.keys().chain(others) {
        found.checked += 1;
        let count = counted.get(topic).copied().unwrap_or(0);
        let late = late.get(&(end, *topic)).copied().unwrap_or(0);
        let Due { least, most } = due.get(topic).copied().unwrap_or_default();
        let what = match count {
            _ if count > most => "counted more than once",
            _ if count + late < least => "not counted",
            _ => continue,
        };
        let detail = format!("topic {topic} {window}: {count}, and {least} to {most} are due");
        found.add(|| Finding { detail, ..Finding::at(what, at) });
    }
}
