//! What events said that came in a stream: what services behind it are asked for in the end.

use std::collections::BTreeMap;

/// Texts that are kept at the most.
const TEXTS: usize = 64;

/// Texts of some events, and the hashtags of all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// Texts are those of events whose numbers are multiples of two to this power.
    sparse: u32,
    texts: BTreeMap<u64, String>,
    /// The numbers of hashtags.
    names: BTreeMap<String, u32>,
    /// Uses of hashtags: the time of the event (microseconds since 1970), and which.
    uses: Vec<(u64, u32)>,
}

impl Said {
    /// An event came for the first time: its number, its time, and what it said.
    pub(crate) fn take(&mut self, number: u64, at: u64, text: String, hashtags: &[String]) {
        for tag in different(hashtags) {
            let next = self.names.len() as u32;
            self.uses.push((at, *self.names.entry(tag).or_insert(next)));
        }
        if number.is_multiple_of(1 << self.sparse) {
            self.texts.insert(number, text);
        }
        if self.texts.len() > TEXTS {
            self.sparse += 1;
            let apart = 1_u64 << self.sparse;
            self.texts.retain(|number, _| number.is_multiple_of(apart));
        }
    }

    /// Texts of up to `most` events by their numbers, from all over the run.
    pub(super) fn drawn(&self, most: usize) -> Vec<(u64, &str)> {
        let count = self.texts.len().min(most);
        let all: Vec<_> = self.texts.iter().map(|(of, text)| (*of, text.as_str())).collect();
        (0..count).map(|place| all[place * all.len() / count]).collect()
    }

    /// How often each hashtag was used by events of the times from `from` until before `until`.
    pub(super) fn counts(&self, from: u64, until: u64) -> BTreeMap<&str, u64> {
        let mut times = vec![0_u64; self.names.len()];
        for (_, tag) in self.uses.iter().filter(|(at, _)| (from..until).contains(at)) {
            times[*tag as usize] += 1;
        }
        let named = self.names.iter().map(|(name, tag)| (name.as_str(), times[*tag as usize]));
        named.filter(|(_, times)| *times > 0).collect()
    }
}

/// Hashtags as they are counted: each once for an event, in small letters, without their sign.
fn different(hashtags: &[String]) -> Vec<String> {
    let plain = |tag: &String| tag.trim().trim_start_matches('#').to_lowercase();
    let mut all: Vec<String> = hashtags.iter().map(plain).filter(|tag| !tag.is_empty()).collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hashtag_counts_once_for_an_event_and_in_the_time_of_it() {
        let mut said = Said::default();
        let tags = |all: &[&str]| all.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        said.take(0, 10, "a".into(), &tags(&["#Tea", "tea", "x"]));
        said.take(1, 20, "b".into(), &tags(&["TEA"]));
        assert_eq!(said.counts(0, 20), BTreeMap::from([("tea", 1), ("x", 1)]));
        assert_eq!(said.counts(10, 21), BTreeMap::from([("tea", 2), ("x", 1)]));
        assert!(said.counts(21, u64::MAX).is_empty());
    }

    #[test]
    fn some_texts_are_kept_of_however_many_events_from_first_to_last() {
        let mut said = Said::default();
        for number in 0..10_000 {
            said.take(number, number, format!("text {number}"), &[]);
            assert!(said.texts.len() <= TEXTS);
        }
        let drawn = said.drawn(8);
        assert_eq!(drawn.len(), 8);
        assert!(drawn[0].0 == 0 && drawn[7].0 > 7_500, "{drawn:?}");
        assert!(drawn.iter().all(|(number, text)| *text == format!("text {number}")));
        assert!(Said::default().drawn(8).is_empty());
    }
}
