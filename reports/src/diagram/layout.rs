//! Where each instant of a diagram stands: far enough from the one before to be read.

use std::collections::BTreeMap;

use super::Diagram;

/// Distances, in SVG units.
pub(super) const ROW: f64 = 15.0;
const STEP_MIN: f64 = 7.0;
const STEP_MAX: f64 = 44.0;
const BREAK: f64 = 34.0;

/// A pause is broken off if it is this many times as long as the median one.
const BREAK_TIMES: u64 = 60;

/// Characters of words that fit into a line on the right.
const CHARACTERS_MAX: usize = 62;

/// Words in lines.
pub(super) fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is a line");
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= CHARACTERS_MAX {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// A place where nothing is shown for a while.
pub(super) struct Gap {
    /// Its middle.
    pub(super) y: f64,
    /// How long it is, nanoseconds.
    pub(super) ns: u64,
}

/// Instants and their places.
pub(super) struct Layout {
    places: BTreeMap<u64, f64>,
    pub(super) gaps: Vec<Gap>,
    pub(super) bottom: f64,
}

impl Layout {
    pub(super) fn new(diagram: &Diagram, top: f64) -> Self {
        // The room that the words of each instant take.
        let mut instants: BTreeMap<u64, f64> = BTreeMap::new();
        for arrow in &diagram.arrows {
            instants.entry(arrow.sent_ns).or_default();
            instants.extend(arrow.received_ns.map(|at| (at, 0.0)));
        }
        for moment in &diagram.moments {
            *instants.entry(moment.at_ns).or_default() += ROW * wrapped(&moment.text).len() as f64;
        }
        let times: Vec<u64> = instants.keys().copied().collect();
        let mut pauses: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        pauses.sort_unstable();
        let median = pauses.get(pauses.len() / 2).copied().unwrap_or(1).max(1);
        let (mut places, mut gaps, mut y) = (BTreeMap::new(), Vec::new(), top);
        let mut before: Option<(u64, f64)> = None;
        for (at, words) in &instants {
            if let Some((earlier, words)) = before {
                let pause = at - earlier;
                if pause > median.saturating_mul(BREAK_TIMES) {
                    let room = BREAK.max(words);
                    gaps.push(Gap { y: y + words + (room - words) / 2.0 + 4.0, ns: pause });
                    y += words + room;
                } else {
                    let scaled = pause as f64 / median as f64 * ROW;
                    y += scaled.clamp(STEP_MIN, STEP_MAX).max(words);
                }
            }
            places.insert(*at, y);
            before = Some((*at, *words));
        }
        let bottom = y + before.map_or(0.0, |(_, words)| words) + ROW;
        Self { places, gaps, bottom }
    }

    /// The place of an instant; one that is not shown lies between its neighbours.
    pub(super) fn y(&self, at: u64) -> f64 {
        let before = self.places.range(..=at).next_back();
        let after = self.places.range(at..).next();
        match (before, after) {
            (Some((from, y)), Some((until, _))) if from == until => *y,
            (Some((from, low)), Some((until, high))) => {
                let share = (at - from) as f64 / (until - from) as f64;
                low + share * (high - low)
            }
            (Some(_), None) => self.bottom,
            (None, Some((_, y))) => y - ROW,
            (None, None) => self.bottom,
        }
    }

    /// The instants that are shown, with their places.
    pub(super) fn instants(&self) -> impl Iterator<Item = (u64, f64)> + '_ {
        self.places.iter().map(|(at, y)| (*at, *y))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Moment;
    use super::*;

    #[test]
    fn later_is_lower_words_have_room_and_pauses_are_broken_off() {
        let moment = |at_ns| Moment { at_ns, ..Moment::default() };
        let at = [10, 10, 20, 30, 40, 9_000_000];
        let diagram = Diagram { moments: at.map(moment).to_vec(), ..Diagram::default() };
        let layout = Layout::new(&diagram, 0.0);
        let places: Vec<f64> = layout.instants().map(|(_, y)| y).collect();
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= ROW), "{places:?}");
        assert!(places[1] - places[0] >= 2.0 * ROW, "two lines at 10: {places:?}");
        assert_eq!(layout.gaps.len(), 1);
        assert!(layout.bottom < 250.0, "the pause takes no room: {}", layout.bottom);
        assert!(layout.y(25) > layout.y(20) && layout.y(25) < layout.y(30));
    }
}
