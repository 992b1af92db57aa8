//! The fetcher's half of a fetch session: what the leader has been told, and what is news.
//!
//! Stands for `FetchSessionHandler` of apache/kafka @ 3.9.0 (KIP-227): the first fetch of a session
//! lists every partition; a later one only those that are new, whose offset has moved or that are
//! forgotten. After an error or a broken connection the next fetch begins a session anew. No
//! parameters. Left out: the leader's limit on sessions
//! (`max.incremental.fetch.session.cache.slots`, 1,000).

use super::ids::TopicPartition;
use super::message::FetchPartition;
use crate::collections::SortedVecMap;

/// What a fetcher wants of one leader.
#[derive(Debug, Default)]
pub struct FetchSession {
    /// By partition: what is wanted, and whether the leader has been told.
    wanted: SortedVecMap<TopicPartition, (FetchPartition, bool)>,
    /// Those that the leader has not been told.
    news: Vec<TopicPartition>,
    forgotten: Vec<TopicPartition>,
    /// The leader has a session with this fetcher.
    open: bool,
}

/// What a fetch says of partitions.
#[derive(Debug)]
pub struct FetchNews {
    /// It begins a session: what it lists is all.
    pub full: bool,
    /// What it lists.
    pub partitions: Vec<FetchPartition>,
    /// Partitions of the session that are wanted no longer.
    pub forgotten: Vec<TopicPartition>,
}

impl FetchSession {
    /// A partition is wanted, or is now wanted from elsewhere.
    pub fn want(&mut self, asked: FetchPartition) {
        let fresh = || (FetchPartition { offset: u64::MAX, ..asked }, true);
        let known = self.wanted.get_or_insert_with(asked.partition, fresh);
        if known.0 == asked {
            return;
        }
        if std::mem::replace(known, (asked, false)).1 {
            self.news.push(asked.partition);
        }
    }

    /// A partition is wanted no longer.
    pub fn forget(&mut self, partition: TopicPartition) {
        if self.wanted.remove(&partition).is_some() {
            self.forgotten.push(partition);
        }
    }

    /// The session is lost: the next fetch begins another.
    pub const fn lose(&mut self) {
        self.open = false;
    }

    /// How many partitions are wanted.
    pub const fn len(&self) -> usize {
        self.wanted.len()
    }

    /// Nothing is wanted.
    pub const fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// What the next fetch says.
    pub fn tell(&mut self) -> FetchNews {
        if !std::mem::replace(&mut self.open, true) {
            self.news.clear();
            self.forgotten.clear();
            let all = self.wanted.values_mut().map(|(asked, told)| {
                *told = true;
                *asked
            });
            return FetchNews { full: true, partitions: all.collect(), forgotten: Vec::new() };
        }
        let wanted = &mut self.wanted;
        // A partition that was forgotten and is wanted again is listed once: as wanted.
        let forgotten = std::mem::take(&mut self.forgotten);
        let forgotten = forgotten.into_iter().filter(|of| !wanted.contains_key(of)).collect();
        let mut partitions = Vec::with_capacity(self.news.len());
        for partition in self.news.drain(..) {
            if let Some((asked, told @ false)) = wanted.get_mut(&partition) {
                *told = true;
                partitions.push(*asked);
            }
        }
        FetchNews { full: false, partitions, forgotten }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(partition: u32, offset: u64) -> FetchPartition {
        let partition = TopicPartition::of_events(partition);
        FetchPartition { partition, offset, leader_epoch: 0, last_fetched_epoch: None }
    }

    fn numbers(partitions: &[FetchPartition]) -> Vec<(u32, u64)> {
        partitions.iter().map(|asked| (asked.partition.partition.0, asked.offset)).collect()
    }

    #[test]
    fn after_the_first_fetch_only_news_is_told() {
        let mut session = FetchSession::default();
        (0..3).for_each(|partition| session.want(from(partition, 0)));
        let first = session.tell();
        assert!(first.full);
        assert_eq!(numbers(&first.partitions), [(0, 0), (1, 0), (2, 0)]);
        session.want(from(1, 7));
        session.want(from(1, 9));
        session.want(from(2, 0));
        session.forget(TopicPartition::of_events(0));
        let second = session.tell();
        assert_eq!((second.full, numbers(&second.partitions)), (false, vec![(1, 9)]));
        assert_eq!(second.forgotten, [TopicPartition::of_events(0)]);
        let third = session.tell();
        assert!(third.partitions.is_empty() && third.forgotten.is_empty());
    }

    #[test]
    fn what_is_forgotten_and_wanted_again_is_told_as_wanted() {
        let mut session = FetchSession::default();
        session.want(from(0, 5));
        session.tell();
        session.forget(TopicPartition::of_events(0));
        session.want(from(0, 5));
        let next = session.tell();
        assert_eq!((numbers(&next.partitions), next.forgotten), (vec![(0, 5)], vec![]));
    }

    #[test]
    fn a_lost_session_begins_again_with_everything() {
        let mut session = FetchSession::default();
        (0..2).for_each(|partition| session.want(from(partition, 3)));
        session.tell();
        session.lose();
        let again = session.tell();
        assert_eq!((again.full, numbers(&again.partitions)), (true, vec![(0, 3), (1, 3)]));
    }
}
