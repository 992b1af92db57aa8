//! Panes: hashtags by how often they were used in each slide of event time, of which windows are
//! made (Li et al., "No pane, no gain", SIGMOD Record 34(1), 2005).

use std::collections::{BTreeMap, HashMap};

/// Windows over the times of tweets, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Length of a window.
    pub size: u64,
    /// From one window to the next; `size` is a multiple.
    pub slide: u64,
    /// How long panes are kept beyond a window: so late a tweet may come.
    pub max_delay: u64,
}

impl Shape {
    /// The shape of these times.
    ///
    /// # Errors
    /// What is expected of them.
    pub fn new(size: u64, slide: u64, max_delay: u64) -> Result<Self, String> {
        if slide == 0 || size == 0 || !size.is_multiple_of(slide) {
            return Err(format!(
                "--window is {size} us, and --slide {slide} us: the one is a multiple of the other"
            ));
        }
        Ok(Self { size, slide, max_delay })
    }
}

/// A hashtag and how many tweets have it.
pub type Count = (String, u64);

/// What was used most in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranking {
    /// Its beginning, in microseconds since 1970.
    pub from: u64,
    /// Its end, which is not in it.
    pub until: u64,
    /// Tweets in it.
    pub tweets: u64,
    /// Hashtags in it that differ.
    pub hashtags: u64,
    /// Those that were used most; of two that were used as often, the first by its letters.
    pub top: Vec<Count>,
}

#[derive(Clone, Debug, Default)]
struct Pane {
    tweets: u64,
    counts: HashMap<String, u64>,
}

/// Hashtags in panes, as long as a window needs them, and since the start.
#[derive(Clone, Debug)]
pub struct Windows {
    shape: Shape,
    /// By number: the time of their beginning in slides.
    panes: BTreeMap<u64, Pane>,
    /// The pane of the latest tweet.
    latest: u64,
    all: Pane,
    late: u64,
    late_for_one: u64,
}

impl Windows {
    /// Empty ones.
    pub fn new(shape: Shape) -> Self {
        let (panes, all) = (BTreeMap::new(), Pane::default());
        Self { shape, panes, latest: 0, all, late: 0, late_for_one: 0 }
    }

    /// The first pane that is kept.
    fn oldest(&self) -> u64 {
        let Shape { size, slide, max_delay } = self.shape;
        let kept = (size / slide).saturating_add(max_delay.div_ceil(slide));
        (self.latest + 1).saturating_sub(kept)
    }

    /// Counts a tweet of the time `at` with these hashtags: false if its windows are gone.
    pub fn add(&mut self, at: u64, tags: &[String]) -> bool {
        let pane = at / self.shape.slide;
        if pane > self.latest {
            self.latest = pane;
            self.panes = self.panes.split_off(&self.oldest());
        }
        self.all.add(tags);
        let delay = self.shape.max_delay.div_ceil(self.shape.slide);
        self.late_for_one += u64::from(!tags.is_empty() && pane + delay < self.latest);
        if pane < self.oldest() {
            self.late += 1;
            return false;
        }
        self.panes.entry(pane).or_default().add(tags);
        true
    }

    /// Tweets that came too late for their windows.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Tweets with a hashtag that came when a window of theirs was over, though not each of them
    /// need have been.
    pub fn late_for_one(&self) -> u64 {
        self.late_for_one
    }

    /// The `k` hashtags that were used most in the window that the latest tweet is in.
    pub fn top(&self, k: usize) -> Ranking {
        let end = self.latest + 1;
        let first = end.saturating_sub(self.shape.size / self.shape.slide);
        self.ranked(first, end, k)
    }

    /// The same of the window that ends at `until`, if that is such a time and all of it is kept.
    ///
    /// # Errors
    /// Which ends there are.
    pub fn top_until(&self, until: u64, k: usize) -> Result<Ranking, String> {
        let Shape { size, slide, .. } = self.shape;
        let (end, first) = (until / slide, self.oldest() + size / slide);
        if !until.is_multiple_of(slide) || end < first || end > self.latest + 1 {
            return Err(format!(
                "until is {until}: a multiple of {slide} from {} to {} is expected",
                first * slide,
                (self.latest + 1) * slide
            ));
        }
        Ok(self.ranked(end - size / slide, end, k))
    }

    /// The same of all tweets since the start, also of those that came late.
    pub fn top_of_all(&self, k: usize) -> Ranking {
        let until = (self.latest + 1) * self.shape.slide;
        let counts = self.all.counts.iter().map(|(tag, count)| (tag.as_str(), *count));
        ranking((0, until), self.all.tweets, counts.collect(), k)
    }

    fn ranked(&self, first: u64, end: u64, k: usize) -> Ranking {
        let (mut tweets, mut counts) = (0, HashMap::<&str, u64>::new());
        for pane in self.panes.range(first..end).map(|(_, pane)| pane) {
            tweets += pane.tweets;
            for (tag, count) in &pane.counts {
                *counts.entry(tag).or_default() += count;
            }
        }
        let slide = self.shape.slide;
        ranking((first * slide, end * slide), tweets, counts.into_iter().collect(), k)
    }
}

impl Pane {
    fn add(&mut self, tags: &[String]) {
        self.tweets += 1;
        for tag in tags {
            match self.counts.get_mut(tag) {
                Some(count) => *count += 1,
                None => drop(self.counts.insert(tag.clone(), 1)),
            }
        }
    }
}

fn ranking(
    (from, until): (u64, u64),
    tweets: u64,
    mut counts: Vec<(&str, u64)>,
    k: usize,
) -> Ranking {
    let hashtags = counts.len() as u64;
    let order = |a: &(&str, u64), b: &(&str, u64)| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0));
    if k < counts.len() {
        counts.select_nth_unstable_by(k, order);
        counts.truncate(k);
    }
    counts.sort_unstable_by(order);
    let top = counts.into_iter().map(|(tag, count)| (tag.to_string(), count)).collect();
    Ranking { from, until, tweets, hashtags, top }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tags(of: &[&str]) -> Vec<String> {
        of.iter().map(ToString::to_string).collect()
    }

    fn counts(ranking: &Ranking) -> Vec<(&str, u64)> {
        ranking.top.iter().map(|(tag, count)| (tag.as_str(), *count)).collect()
    }

    #[test]
    fn a_window_slides_and_drops_what_lies_before_it() {
        let mut windows = Windows::new(Shape::new(10, 5, 5).expect("a shape"));
        for (at, tag) in [(0, "a"), (4, "a"), (5, "b"), (9, "b"), (9, "c"), (10, "c")] {
            assert!(windows.add(at, &tags(&[tag])));
        }
        let last = windows.top(10);
        assert_eq!((last.from, last.until, last.tweets, last.hashtags), (5, 15, 4, 2));
        assert_eq!(counts(&last), [("b", 2), ("c", 2)], "ties by their letters");
        let before = windows.top_until(10, 1).expect("it is kept");
        assert_eq!(counts(&before), [("a", 2)]);
        assert!(windows.add(4, &tags(&["a"])), "late, and its window is kept");
        assert!(windows.add(20, &[]) && !windows.add(9, &tags(&["b"])), "too late");
        assert_eq!(windows.late(), 1);
        assert_eq!(windows.late_for_one(), 2, "4 was late for one of its two windows");
        assert_eq!(counts(&windows.top_of_all(10)), [("a", 3), ("b", 3), ("c", 2)]);
        let told = windows.top_until(15, 1).expect_err("half of it is gone");
        assert!(told.contains("a multiple of 5 from 20 to 25"), "{told}");
    }

    #[test]
    fn a_window_is_a_multiple_of_its_slide() {
        for (size, slide) in [(10, 3), (10, 0), (0, 5), (5, 10)] {
            let told = Shape::new(size, slide, 0).expect_err("no multiple");
            assert!(told.contains("a multiple"), "{told}");
        }
    }

    /// The ranking by counting anew all tweets that are in the window.
    fn naive(tweets: &[(u64, Vec<String>)], from: u64, until: u64, k: usize) -> Vec<Count> {
        let mut counts = BTreeMap::<&str, u64>::new();
        for (_, tags) in tweets.iter().filter(|(at, _)| (from..until).contains(at)) {
            for tag in tags {
                *counts.entry(tag).or_default() += 1;
            }
        }
        let mut counts: Vec<_> =
            counts.into_iter().map(|(tag, count)| (tag.to_string(), count)).collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        counts.truncate(k);
        counts
    }

    proptest! {
        #[test]
        fn the_ranking_is_that_of_a_naive_count(
            all in prop::collection::vec(
                (0_u64..60, prop::collection::btree_set(0_u8..9, 0..4)),
                1..80,
            ),
            panes in 1_u64..5,
            k in 1_usize..12,
        ) {
            let shape = Shape::new(panes * 5, 5, 10).expect("a shape");
            let mut windows = Windows::new(shape);
            let (mut kept, mut every) = (vec![], vec![]);
            for (at, of) in all {
                let tags: Vec<String> = of.into_iter().map(|tag| format!("t{tag}")).collect();
                if windows.add(at, &tags) {
                    kept.push((at, tags.clone()));
                }
                every.push((at, tags));
            }
            let top = windows.top(k);
            prop_assert_eq!(top.until - top.from, shape.size.min(top.until));
            // What a window of now has, came in time: nothing is missing in it.
            prop_assert_eq!(&top.top, &naive(&every, top.from, top.until, k));
            for until in (0..=top.until).step_by(5) {
                if let Ok(before) = windows.top_until(until, k) {
                    prop_assert_eq!(&before.top, &naive(&kept, before.from, until, k));
                }
            }
            prop_assert_eq!(windows.top_of_all(k).top, naive(&every, 0, u64::MAX, k));
            prop_assert_eq!(windows.late() as usize, every.len() - kept.len());
        }
    }
}
