//! Gauges: named levels that a node reports, such as the length of a queue.

/// A named level of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauge {
    /// Its level now.
    pub value: u64,
    /// Its highest level so far.
    pub max: u64,
}

/// The gauges of one node: a handful, each set thousands of times a second.
#[derive(Debug, Default)]
pub(crate) struct Gauges(Vec<(&'static str, Gauge)>);

impl Gauges {
    /// A gauge has another level.
    #[inline]
    pub(crate) fn set(&mut self, name: &'static str, value: u64) {
        // Each gauge is set from one place, so its name is usually the very same string.
        let same = self.0.iter_mut().find(|(known, _)| std::ptr::eq(*known, name));
        let gauge = match same {
            Some((_, gauge)) => gauge,
            None => self.find(name),
        };
        gauge.value = value;
        gauge.max = gauge.max.max(value);
    }

    #[cold]
    fn find(&mut self, name: &'static str) -> &mut Gauge {
        let at = self.0.binary_search_by(|(known, _)| (*known).cmp(name)).unwrap_or_else(|at| {
            self.0.insert(at, (name, Gauge::default()));
            at
        });
        &mut self.0[at].1
    }

    /// Every gauge, in order of the names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, Gauge)> + '_ {
        self.0.iter().copied()
    }

    /// Forgets them.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_is_found_by_its_name_wherever_that_is_written() {
        let mut gauges = Gauges::default();
        let elsewhere: &'static str = String::from("queue").leak();
        for (name, value) in [("queue", 3), ("dirty", 1), (elsewhere, 2)] {
            gauges.set(name, value);
        }
        let all: Vec<_> =
            gauges.iter().map(|(name, gauge)| (name, gauge.value, gauge.max)).collect();
        assert_eq!(all, [("dirty", 1, 1), ("queue", 2, 3)]);
    }
}
