//! The properties that the models declare, as a run has noted them.

use std::collections::BTreeMap;

use headwater_models::property::{Property, When};
use headwater_sim::time::Time;

use super::verdict::{Finding, Tally, Verdict, grouped};

/// What was noted of one property.
#[derive(Clone, Copy, Debug)]
struct Noted {
    property: &'static Property,
    count: u64,
    /// How often, and when first, it did not hold.
    broken: u64,
    broken_at: Time,
    /// Whether it held the last time.
    holds: bool,
    last: Time,
}

/// Properties by name, with what a run has noted of them.
#[derive(Clone, Debug, Default)]
pub struct Properties(BTreeMap<&'static str, Noted>);

impl Properties {
    /// Takes a note of a model.
    pub fn note(&mut self, at: Time, property: &'static Property, holds: bool) {
        let fresh = Noted { property, count: 0, broken: 0, broken_at: at, holds, last: at };
        let noted = self.0.entry(property.name).or_insert(fresh);
        if !holds && noted.broken == 0 {
            noted.broken_at = at;
        }
        noted.count += 1;
        noted.broken += u64::from(!holds);
        (noted.holds, noted.last) = (holds, at);
    }

    /// The names of those that held when they were noted, or some time when they were.
    pub fn reached(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.values().filter(|noted| noted.count > noted.broken).map(|noted| noted.property.name)
    }

    /// Takes what another part of the run has noted.
    pub(super) fn absorb(&mut self, other: Self) {
        for (name, noted) in other.0 {
            let Some(have) = self.0.get_mut(name) else {
                self.0.insert(name, noted);
                continue;
            };
            if noted.broken > 0 && (have.broken == 0 || noted.broken_at < have.broken_at) {
                have.broken_at = noted.broken_at;
            }
            have.count += noted.count;
            have.broken += noted.broken;
            if noted.last >= have.last {
                (have.holds, have.last) = (noted.holds, noted.last);
            }
        }
    }

    /// Every `always` held each time; nothing if none was noted.
    pub(super) fn always(&self) -> Option<Verdict> {
        self.verdict(When::Always, "properties_always", |noted| noted.broken)
    }

    /// Every `eventually` held the last time; nothing if none was noted.
    pub fn eventually(&self) -> Option<Verdict> {
        self.verdict(When::Eventually, "properties_eventually", |noted| u64::from(!noted.holds))
    }

    fn verdict(
        &self,
        when: When,
        name: &'static str,
        broken: impl Fn(&Noted) -> u64,
    ) -> Option<Verdict> {
        let mut tally = Tally::default();
        let mut checked = 0;
        for noted in self.0.values().filter(|noted| noted.property.when == when) {
            checked += noted.count;
            let count = broken(noted);
            if count > 0 {
                let at = if when == When::Always { noted.broken_at } else { noted.last };
                let mut finding = Finding::at(noted.property.name, at);
                finding.detail = noted.property.what.into();
                tally.add(count, finding);
            }
        }
        let summary = format!("{} of {} notes broken", grouped(tally.violations), grouped(checked));
        (checked > 0).then(|| tally.verdict(name, checked, summary))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ALWAYS: Property = Property::always("a", "A.");
    static EVENTUALLY: Property = Property::eventually("e", "E.");

    #[test]
    fn always_fails_on_one_note_and_eventually_on_the_last() {
        let mut noted = Properties::default();
        assert!(noted.always().is_none() && noted.eventually().is_none());
        for (at, holds) in [(1, true), (2, false), (3, true)] {
            noted.note(Time(at), &ALWAYS, holds);
            noted.note(Time(at), &EVENTUALLY, holds);
        }
        let always = noted.always().unwrap();
        assert_eq!((always.passed, always.violations, always.checked), (false, 1, 3));
        assert_eq!((always.findings[0].what, always.findings[0].from), ("a", Time(2)));
        assert!(noted.eventually().unwrap().passed);
        noted.note(Time(4), &EVENTUALLY, false);
        assert!(!noted.eventually().unwrap().passed);
    }
}
