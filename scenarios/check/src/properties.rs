//! The properties that the models declare, as a run has noted them.

use std::collections::BTreeMap;

use headwater_models::property::{Property, When};
use headwater_sim::time::Time;

use super::verdict::{Finding, Tally, Verdict, grouped};

/// What was noted of one property, or of one that must hold in the end and one entity (a partition,
/// a container, a ledger).
#[derive(Clone, Copy, Debug)]
struct Noted {
    property: &'static Property,
    count: u64,
    /// How often, and when first, it did not hold.
    broken: u64,
    broken_at: Time,
    /// The entity of which it did not hold first.
    entity: u64,
    /// Whether it held the last time.
    holds: bool,
    last: Time,
}

/// Properties with what a run has noted of them: by name, and those that must hold in the end by
/// entity as well. The others need no memory for each.
#[derive(Clone, Debug, Default)]
pub struct Properties(BTreeMap<(&'static str, u64), Noted>);

impl Properties {
    /// Takes a note of a model.
    pub fn note(&mut self, at: Time, property: &'static Property, entity: u64, holds: bool) {
        let fresh = Noted { property, count: 0, broken: 0, broken_at: at, entity, holds, last: at };
        let key = if property.when == When::Eventually { entity } else { 0 };
        let noted = self.0.entry((property.name, key)).or_insert(fresh);
        if !holds && noted.broken == 0 {
            (noted.broken_at, noted.entity) = (at, entity);
        }
        noted.count += 1;
        noted.broken += u64::from(!holds);
        (noted.holds, noted.last) = (holds, at);
    }

    /// The names of those that held when they were noted, or some time when they were.
    pub fn reached(&self) -> impl Iterator<Item = &'static str> + '_ {
        let held = self.0.values().filter(|noted| noted.count > noted.broken);
        let mut names: Vec<_> = held.map(|noted| noted.property.name).collect();
        // In order of name, so that those of several entities are neighbours.
        names.dedup();
        names.into_iter()
    }

    /// The `sometimes` that were reached: the name, how often, and when last.
    pub fn sometimes(&self) -> impl Iterator<Item = (&'static str, u64, Time)> + '_ {
        let reached =
            |noted: &&Noted| noted.property.when == When::Sometimes && noted.count > noted.broken;
        let reached = self.0.values().filter(reached);
        reached.map(|noted| (noted.property.name, noted.count - noted.broken, noted.last))
    }

    /// Takes what another part of the run has noted.
    pub fn absorb(&mut self, other: Self) {
        for (key, noted) in other.0 {
            let Some(have) = self.0.get_mut(&key) else {
                self.0.insert(key, noted);
                continue;
            };
            if noted.broken > 0 && (have.broken == 0 || noted.broken_at < have.broken_at) {
                (have.broken_at, have.entity) = (noted.broken_at, noted.entity);
            }
            have.count += noted.count;
            have.broken += noted.broken;
            if noted.last >= have.last {
                (have.holds, have.last) = (noted.holds, noted.last);
            }
        }
    }

    /// Every `always` held each time, of every entity; nothing if none was noted.
    pub(super) fn always(&self) -> Option<Verdict> {
        self.verdict(When::Always, "properties_always", |noted| noted.broken)
    }

    /// Every `eventually` held the last time, of every entity; nothing if none was noted.
    pub(super) fn eventually(&self) -> Option<Verdict> {
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
                finding.detail = format!("of #{}: {}", noted.entity, noted.property.what);
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
            noted.note(Time(at), &ALWAYS, 7, holds);
            noted.note(Time(at), &EVENTUALLY, 7, holds);
        }
        let always = noted.always().unwrap();
        assert_eq!((always.passed, always.violations, always.checked), (false, 1, 3));
        assert_eq!((always.findings[0].what, always.findings[0].from), ("a", Time(2)));
        assert!(noted.eventually().unwrap().passed);
        noted.note(Time(4), &EVENTUALLY, 7, false);
        assert!(!noted.eventually().unwrap().passed);
    }

    #[test]
    fn the_recovery_of_one_entity_does_not_speak_for_another() {
        let mut noted = Properties::default();
        noted.note(Time(1), &EVENTUALLY, 1, false);
        noted.note(Time(2), &EVENTUALLY, 2, false);
        noted.note(Time(3), &EVENTUALLY, 2, true);
        let verdict = noted.eventually().unwrap();
        assert_eq!((verdict.passed, verdict.violations, verdict.checked), (false, 1, 3));
        assert_eq!(verdict.findings[0].to_string(), "e: at 0.000000s (of #1: E.)");
        noted.note(Time(4), &EVENTUALLY, 1, true);
        assert!(noted.eventually().unwrap().passed);
        assert_eq!(noted.reached().collect::<Vec<_>>(), ["e"]);
    }
}
