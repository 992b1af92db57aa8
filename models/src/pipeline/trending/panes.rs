//! Panes: hashtags by how often they were in each advance of event time, of which windows are made.
//!
//! Stands for the counters of an application; a window that overlaps others is the sum of its panes
//! (Li et al., "No pane, no gain", SIGMOD Record 34(1), 2005). Parameters: `window.size`,
//! `window.advance`, `top`, `distinct`.

use std::collections::{BTreeMap, BTreeSet};

use headwater_sim::time::Time;

use crate::batch::Lane;
use crate::collections::SortedVecMap;
use crate::note::Ranking;
use crate::system::Windows;

/// What was counted in an advance.
#[derive(Clone, Debug, Default)]
struct Pane {
    counts: BTreeMap<u64, u64>,
    /// The tweets that were counted, by their ids.
    ids: BTreeSet<u64>,
    /// The first event that was counted, by lane.
    first: SortedVecMap<Lane, u64>,
}

/// A tweet with a hashtag, and where it was read.
#[derive(Clone, Copy, Debug)]
pub struct Tagged {
    /// Its id.
    pub id: u64,
    /// When it was written.
    pub at: Time,
    /// Its hashtag.
    pub topic: u64,
    /// Its lane.
    pub lane: Lane,
    /// And offset there.
    pub offset: u64,
}

/// What became of a tweet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It is in all its windows.
    Whole,
    /// Windows that end in these times are over, and it is not in them.
    Late(Time, Time),
    /// It was counted before.
    Again,
}

/// The panes that a window still needs.
#[derive(Clone, Debug)]
pub struct Panes {
    windows: Windows,
    distinct: bool,
    /// Windows that end at this many advances, or before, are over.
    over: u64,
    panes: BTreeMap<u64, Pane>,
}

impl Panes {
    /// None yet: of a life that begins when so many advances are over.
    pub const fn new(windows: Windows, distinct: bool, over: u64) -> Self {
        Self { windows, distinct, over, panes: BTreeMap::new() }
    }

    /// Panes of a window.
    const fn each(&self) -> u64 {
        self.windows.size.0 / self.windows.advance.0
    }

    fn end(&self, advances: u64) -> Time {
        Time(advances * self.windows.advance.0)
    }

    /// How many advances are over.
    pub const fn over(&self) -> u64 {
        self.over
    }

    /// Up to when windows are over.
    pub fn over_at(&self) -> Time {
        self.end(self.over)
    }

    /// Counts a tweet in those of its windows that are not over.
    pub fn count(&mut self, tweet: &Tagged) -> Counted {
        let pane = tweet.at.0 / self.windows.advance.0;
        let (first, last) = (pane + 1, pane + self.each());
        if self.over < last {
            let of = self.panes.entry(pane).or_default();
            if self.distinct && !of.ids.insert(tweet.id) {
                return Counted::Again;
            }
            *of.counts.entry(tweet.topic).or_default() += 1;
            let known = of.first.get_or_insert_with(tweet.lane, || tweet.offset);
            *known = tweet.offset.min(*known);
        }
        match self.over < first {
            true => Counted::Whole,
            false => Counted::Late(self.end(first), self.end(last.min(self.over))),
        }
    }

    /// The end of the next window that has anything in it.
    pub fn next_end(&self) -> Option<Time> {
        self.panes.keys().next().map(|first| self.end((first + 1).max(self.over + 1)))
    }

    /// Entries that are added up for the windows that are over at `watermark`, and hashtags that
    /// are ranked.
    pub fn entries_until(&self, watermark: Time) -> u64 {
        let until = watermark.0 / self.windows.advance.0;
        let of = |(pane, of): (&u64, &Pane)| {
            let windows = (pane + self.each()).min(until).saturating_sub(self.over.max(*pane));
            windows * of.counts.len() as u64
        };
        self.panes.iter().map(of).sum()
    }

    /// Windows that are over at `watermark`, and have anything in them.
    pub fn close(&mut self, watermark: Time) -> Vec<Ranking> {
        let until = watermark.0 / self.windows.advance.0;
        let mut over = Vec::new();
        while let Some(first) = self.panes.keys().next().copied() {
            let end = (first + 1).max(self.over + 1);
            if end > until {
                break;
            }
            over.push(self.ranking(end));
            self.over = end;
            let each = self.each();
            self.panes.retain(|pane, _| pane + each > end);
        }
        self.over = until.max(self.over);
        over
    }

    fn ranking(&self, end: u64) -> Ranking {
        let from = end.saturating_sub(self.each());
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        for pane in self.panes.range(from..end).map(|(_, pane)| pane) {
            pane.counts.iter().for_each(|(topic, n)| *counts.entry(*topic).or_default() += n);
        }
        let counts: Vec<_> = counts.into_iter().collect();
        let mut top = counts.clone();
        top.sort_by_key(|(topic, count)| (std::cmp::Reverse(*count), *topic));
        top.truncate(self.windows.top);
        Ranking { from: self.end(from), until: self.end(end), counts, top }
    }

    /// The first event that a pane needs which is there, of a lane of which all before `read` was
    /// read.
    pub fn first_needed(&self, lane: Lane, read: u64) -> u64 {
        let firsts = self.panes.values().filter_map(|pane| pane.first.get(&lane).copied());
        firsts.min().unwrap_or(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_sim::time::Duration;

    fn panes(size: u64, top: usize) -> Panes {
        Panes::new(Windows { size: Duration(size), advance: Duration(10), top }, true, 0)
    }

    fn tweet(id: u64, at: u64, topic: u64) -> Tagged {
        Tagged { id, at: Time(at), topic, lane: Lane(0), offset: id }
    }

    #[test]
    fn a_tweet_is_in_each_window_that_its_time_is_in_once() {
        let mut panes = panes(30, 1);
        for (id, at, topic) in [(0, 5, 7), (1, 14, 8), (2, 16, 8), (3, 25, 7)] {
            assert_eq!(panes.count(&tweet(id, at, topic)), Counted::Whole);
        }
        assert_eq!(panes.count(&tweet(2, 16, 8)), Counted::Again);
        assert_eq!(panes.next_end(), Some(Time(10)));
        assert_eq!(panes.entries_until(Time(60)), 9);
        let over = panes.close(Time(60));
        let found: Vec<_> = over.iter().map(|of| (of.from.0, of.until.0, &of.counts[..])).collect();
        let both = [(7, 1), (8, 2)];
        assert_eq!(
            found,
            [
                (0, 10, &[(7, 1)][..]),
                (0, 20, &both),
                (0, 30, &[(7, 2), (8, 2)]),
                (10, 40, &both),
                (20, 50, &[(7, 1)]),
            ]
        );
        // Of two that are as frequent the lower number is before the other.
        assert_eq!((over[1].top[0], over[2].top[0], over[0].top.len()), ((8, 2), (7, 2), 1));
        assert_eq!((panes.over(), panes.next_end()), (6, None));
    }

    #[test]
    fn a_late_tweet_is_in_the_windows_that_are_open_and_told_of_for_the_others() {
        let mut panes = panes(30, 9);
        panes.count(&tweet(0, 5, 7));
        panes.close(Time(25));
        assert_eq!(panes.count(&tweet(1, 8, 7)), Counted::Late(Time(10), Time(20)));
        assert_eq!(panes.close(Time(30))[0].counts, [(7, 2)]);
        assert_eq!(panes.count(&tweet(2, 9, 7)), Counted::Late(Time(10), Time(30)));
        assert_eq!(panes.close(Time(90)), []);
    }

    #[test]
    fn a_position_is_the_first_event_that_an_open_window_needs() {
        let mut panes = panes(10, 9);
        panes.count(&tweet(30, 18, 1));
        panes.count(&tweet(31, 5, 1));
        panes.count(&tweet(40, 21, 1));
        assert_eq!(panes.first_needed(Lane(0), 50), 30);
        panes.close(Time(20));
        assert_eq!((panes.first_needed(Lane(0), 50), panes.first_needed(Lane(1), 3)), (40, 3));
        panes.close(Time(30));
        assert_eq!(panes.first_needed(Lane(0), 50), 50);
    }
}
