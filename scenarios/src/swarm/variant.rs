//! Variants of a case: its plan of faults, changed in a few places.
//!
//! A fault is moved, made longer or shorter, aimed at another node, made one of another kind; one
//! is added, or left out; or some of another case's faults are taken over. Where time and node are
//! chosen, it is mostly one at which something happened in the run of the parent: up to the first
//! fault that is another, a variant's run is its parent's, so that the moment is met to the
//! millisecond. Whatever comes out is held to what plain draws are held to ([`Atlas`]): the servers
//! that may lose something, the faults of a system, the time that they have, and how close they may
//! come to each other. Faults without an end stay on the servers that they were drawn for.

use headwater_sim::random::Stream;
use rand::Rng;
use rand::seq::IndexedRandom;

use super::atlas::Atlas;
use super::case::{Base, Drawn, Possible, SHORTEST, in_millis, log_uniform};
use super::coverage::{Moment, Moments};
use crate::faults::{Entry, FaultSpec};
use crate::units::Duration;

/// Changes of a variant at the most.
const CHANGES_MAX: u64 = 3;

/// Of a million: variants with another seed; faults that are put to a moment of the parent's run,
/// and then on a node that was named there; kinds that are drawn from those that the case has;
/// faults of another case that are taken over.
const RESEEDED_PPM: u32 = 200_000;
const AIMED_PPM: u32 = 600_000;
const NAMED_PPM: u32 = 600_000;
const KNOWN_KIND_PPM: u32 = 300_000;
const TAKEN_PPM: u32 = 500_000;

/// How far from a moment a fault begins or ends at the most, and at the least, if not at once.
const NEAR: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(3));

/// How far a fault is moved that is not put to a moment.
const MOVED: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(10));

/// A change of a plan.
#[derive(Clone, Copy, Debug)]
enum Change {
    Add,
    Move,
    Last,
    Aim,
    Exchange,
    Remove,
    Take,
}

/// Each as often as it is here.
const CHANGES: [Change; 10] = [
    Change::Add,
    Change::Add,
    Change::Add,
    Change::Move,
    Change::Move,
    Change::Last,
    Change::Aim,
    Change::Exchange,
    Change::Remove,
    Change::Take,
];

/// A variant of a case, by what happened in its run; another may add some of its faults.
pub(super) fn of(
    base: &Base,
    (parent, moments): (&Drawn, &Moments),
    other: &Drawn,
    stream: &mut Stream,
) -> Drawn {
    let mut drawn = parent.clone();
    let kinds = base.kinds();
    let window = base.window(drawn.setting.traffic()).filter(|_| !kinds.is_empty());
    let reseeded = window.is_none() || stream.chance_ppm(RESEEDED_PPM);
    if reseeded {
        // Short enough to be typed.
        drawn.seed = stream.random_range(0..=u64::from(u32::MAX));
    }
    let Some(window) = window else { return drawn };
    let mut plan = Plan {
        atlases: &drawn.setting.atlases,
        window,
        kinds,
        most: base.scenario().swarm.faults as usize,
        moments,
        faults: std::mem::take(&mut drawn.faults),
    };
    let changes = stream.random_range(u64::from(!reseeded)..=CHANGES_MAX);
    for _ in 0..changes {
        plan.change(&other.faults, stream);
    }
    drawn.faults = plan.within();
    drawn
}

/// A plan that is being changed.
struct Plan<'a> {
    atlases: &'a [Atlas],
    window: (Duration, Duration),
    kinds: Vec<&'static Entry>,
    /// Faults of a system.
    most: usize,
    moments: &'a Moments,
    faults: Vec<FaultSpec>,
}

impl Plan<'_> {
    fn change(&mut self, others: &[FaultSpec], stream: &mut Stream) {
        let change = *CHANGES.choose(stream).expect("there are several");
        let place = match self.faults.len() as u64 {
            0 => None,
            count => Some(stream.random_range(0..count) as usize),
        };
        match (change, place) {
            (Change::Take, _) => {
                let taken = others.iter().filter(|fault| fault.until.is_some());
                let taken: Vec<FaultSpec> =
                    taken.filter(|_| stream.chance_ppm(TAKEN_PPM)).cloned().collect();
                let taken = taken.into_iter().filter_map(|fault| self.fitted(fault, stream));
                let mut taken: Vec<FaultSpec> = taken.collect();
                taken.append(&mut self.faults);
                self.faults = taken;
            }
            (Change::Add, _) | (_, None) => {
                if let Some(fault) = self.drawn(stream) {
                    // What is new goes first, so that it is what stays if not all can.
                    self.faults.insert(0, fault);
                }
            }
            (Change::Remove, Some(place)) => drop(self.faults.remove(place)),
            (change, Some(place)) => {
                let mut fault = self.faults.remove(place);
                match change {
                    Change::Move => self.moved(&mut fault, stream),
                    Change::Last => self.lasting(&mut fault, stream),
                    Change::Aim => self.aimed(&mut fault, stream),
                    _ => self.exchanged(&mut fault, stream),
                }
                self.faults.insert(0, fault);
            }
        }
    }

    /// A fault that is drawn as for a seed, then mostly put to a moment.
    fn drawn(&self, stream: &mut Stream) -> Option<FaultSpec> {
        let known: Vec<&'static Entry> =
            self.faults.iter().map(|fault| fault.action.entry()).collect();
        let known = stream.chance_ppm(KNOWN_KIND_PPM).then(|| known.choose(stream)).flatten();
        let entry = *known.or_else(|| self.kinds.choose(stream))?;
        let possible = Possible::of(entry, self.atlases.choose(stream)?);
        if possible.targets.is_empty() {
            return None;
        }
        let mut fault = possible.fault(self.window, &self.faults, stream);
        if stream.chance_ppm(AIMED_PPM)
            && let Some(moment) = self.moment(stream)
        {
            self.put(&mut fault, near(moment.at, stream));
            self.name(&mut fault, moment, stream);
        }
        Some(fault)
    }

    /// A moment of the parent's run: of each that has a name as often.
    fn moment(&self, stream: &mut Stream) -> Option<&Moment> {
        let names: Vec<&Vec<Moment>> = self.moments.values().collect();
        names.choose(stream)?.choose(stream)
    }

    /// Lets a fault begin at a time, as long as it was, if there is room for that.
    fn put(&self, fault: &mut FaultSpec, at: Duration) {
        let (from, over) = self.window;
        let at = in_millis(at.max(from).min(over.saturating_sub(SHORTEST))).max(from);
        let lasts = fault.until.map(|until| until.saturating_sub(fault.at));
        fault.until = lasts.map(|lasts| (at + lasts).min(over));
        fault.at = at;
    }

    /// Aims a fault at a node that was named at a moment, now and then, if it may hit that.
    fn name(&self, fault: &mut FaultSpec, moment: &Moment, stream: &mut Stream) {
        let entry = fault.action.entry();
        if entry.swarm.together || !stream.chance_ppm(NAMED_PPM) {
            return;
        }
        let Some(atlas) = self.atlas_of(fault) else { return };
        let targets = atlas.targets(entry);
        let named: Vec<&String> =
            moment.nodes.iter().filter(|node| targets.contains(node)).collect();
        if let Some(node) = named.choose(stream) {
            fault.target.0 = vec![(*node).clone()];
        }
    }

    fn moved(&self, fault: &mut FaultSpec, stream: &mut Stream) {
        if stream.chance_ppm(AIMED_PPM)
            && let Some(moment) = self.moment(stream)
        {
            self.put(fault, near(moment.at, stream));
        } else {
            let at = shifted(fault.at, MOVED, stream);
            self.put(fault, at);
        }
    }

    /// Of another length, or with its end at a moment.
    fn lasting(&self, fault: &mut FaultSpec, stream: &mut Stream) {
        if fault.until.is_none() {
            return;
        }
        let (_, over) = self.window;
        let moment = self.moment(stream).map(|moment| near(moment.at, stream));
        let moment = moment.filter(|at| *at > fault.at + SHORTEST);
        let until = match moment {
            Some(at) if stream.chance_ppm(AIMED_PPM) => at,
            _ => fault.at + log_uniform(stream, SHORTEST, over.saturating_sub(fault.at)),
        };
        fault.until = Some(in_millis(until).max(fault.at + SHORTEST).min(over));
    }

    /// On another target; one without an end stays where it is.
    fn aimed(&self, fault: &mut FaultSpec, stream: &mut Stream) {
        if let Some(atlas) = self.atlas_of(fault).filter(|_| fault.until.is_some()) {
            fault.target = Possible::of(fault.action.entry(), atlas).target(stream);
        }
    }

    /// Of another kind, or with other parameters; on the same target, if that kind may hit it.
    fn exchanged(&self, fault: &mut FaultSpec, stream: &mut Stream) {
        let for_good = fault.until.is_none();
        let kinds = self.kinds.iter().filter(|entry| !for_good || entry.swarm.for_good);
        let kinds: Vec<&&'static Entry> = kinds.collect();
        let Some(entry) = kinds.choose(stream) else { return };
        fault.action = (entry.draw)(stream);
        if !for_good && let Some(fitted) = self.fitted(fault.clone(), stream) {
            *fault = fitted;
        }
    }

    /// A fault that is not drawn here, on a target that it may hit, and in time; nothing if there
    /// is no such target.
    fn fitted(&self, mut fault: FaultSpec, stream: &mut Stream) -> Option<FaultSpec> {
        let entry = fault.action.entry();
        if self.atlas_of(&fault).is_none() {
            let possible = self.atlases.iter().map(|atlas| Possible::of(entry, atlas));
            let possible: Vec<Possible<'_>> =
                possible.filter(|possible| !possible.targets.is_empty()).collect();
            fault.target = possible.choose(stream)?.target(stream);
        }
        let at = fault.at;
        self.put(&mut fault, at);
        Some(fault)
    }

    /// The system that a fault is of: it may hit this target there.
    fn atlas_of(&self, fault: &FaultSpec) -> Option<&Atlas> {
        let entry = fault.action.entry();
        self.atlases.iter().find(|atlas| Possible::of(entry, atlas).hits(&fault.target))
    }

    /// Those of its faults that are within what the systems claim to survive, in order of time:
    /// those without an end, then as many of the others, in their order, as can be.
    fn within(self) -> Vec<FaultSpec> {
        let (mut kept, others): (Vec<FaultSpec>, Vec<FaultSpec>) =
            self.faults.iter().cloned().partition(|fault| fault.until.is_none());
        for fault in others {
            let Some(atlas) = self.atlas_of(&fault) else { continue };
            let of_it = |of: &&FaultSpec| {
                let entry = of.action.entry();
                of.until.is_some() && Possible::of(entry, atlas).hits(&of.target)
            };
            let room = kept.iter().filter(of_it).count() < self.most;
            if room && !atlas.too_close(&fault, &kept) {
                kept.push(fault);
            }
        }
        kept.sort_by_key(|fault| fault.at);
        kept
    }
}

/// A time close to a moment: just then, or a little before or after it.
fn near(at: Duration, stream: &mut Stream) -> Duration {
    match stream.random_range(0..3_u64) {
        0 => at,
        _ => shifted(at, NEAR, stream),
    }
}

/// A time as far before or after another: short ways as likely as long ones.
fn shifted(at: Duration, (least, most): (Duration, Duration), stream: &mut Stream) -> Duration {
    let way = log_uniform(stream, least, most);
    if stream.chance_ppm(500_000) { at + way } else { at.saturating_sub(way) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use headwater_sim::random::Seed;

    use super::super::atlas;
    use super::*;
    use crate::scenario::{Scenario, Source};

    /// Something happened to each of these nodes, once a second.
    fn moments() -> Moments {
        let nodes = ["broker-1", "broker-2", "bookie-1", "bookie-3", "store-1", "nobody"];
        let moment = |second: u64| Moment {
            at: Duration::from_millis(second * 1_000 + 137),
            nodes: vec![nodes[second as usize % nodes.len()].into()],
        };
        [("something".to_owned(), (0..60).map(moment).collect())].into()
    }

    /// What has to hold of a variant, as of what a seed draws.
    fn check(base: &Base, drawn: &Drawn, standing: &BTreeSet<String>) {
        let window = base.window(drawn.setting.traffic()).expect("there are faults");
        let kinds = base.kinds();
        let (for_good, others): (Vec<&FaultSpec>, Vec<&FaultSpec>) =
            drawn.faults.iter().partition(|fault| fault.until.is_none());
        let of_systems = drawn.setting.atlases.len();
        assert!(others.len() <= base.scenario().swarm.faults as usize * of_systems);
        assert!(for_good.iter().all(|fault| standing.contains(&fault.target.to_string())));
        for fault in &drawn.faults {
            assert!(kinds.iter().any(|entry| entry.name == fault.action.name()), "{fault:?}");
            assert!(fault.at >= window.0 && fault.at.0.is_multiple_of(1_000_000), "{fault:?}");
            let until = fault.until.unwrap_or(window.1);
            assert!(until <= window.1 && until >= fault.at + SHORTEST, "{fault:?}");
        }
        let case = drawn.clone().case();
        assert!(atlas::is_claimed(&case.scenario), "{}", case.text());
        let read = Scenario::parse(&case.text(), "variant.toml", None, &[]);
        let read = read.unwrap_or_else(|problems| panic!("{}\n{problems}", case.text()));
        assert_eq!((read.faults, read.seed), (case.scenario.faults, drawn.seed));
    }

    #[test]
    fn variants_of_variants_stay_within_what_a_system_claims_to_survive() {
        for name in ["swarm/kafka", "swarm/kafka-five", "swarm/bookkeeper", "swarm/pravega"] {
            let base = Base::read(Source::find(name).expect("in the library"), &[]);
            let base = base.unwrap_or_else(|problems| panic!("{problems}"));
            let (mut changed, mut all) = (0, 0);
            for seed in 1..=5 {
                let draw = |seed| base.drawn(seed).unwrap_or_else(|wrong| panic!("{wrong}"));
                let (mut drawn, other) = (draw(seed), draw(seed + 100));
                let standing = drawn.faults.iter().filter(|fault| fault.until.is_none());
                let standing = standing.map(|fault| fault.target.to_string()).collect();
                check(&base, &drawn, &standing);
                for number in 0..12 {
                    let stream = &mut Seed(seed).stream("variants", number);
                    let next = of(&base, (&drawn, &moments()), &other, stream);
                    check(&base, &next, &standing);
                    all += 1;
                    changed += u32::from(next.faults != drawn.faults || next.seed != drawn.seed);
                    drawn = next;
                }
            }
            assert!(changed * 4 > all * 3, "{name}: {changed} of {all} are another case");
        }
    }

    #[test]
    fn a_fault_that_is_put_to_a_moment_keeps_its_length_and_ends_in_time() {
        let base = Base::read(Source::find("swarm/kafka").expect("in the library"), &[]);
        let base = base.unwrap_or_else(|problems| panic!("{problems}"));
        let drawn = base.drawn(1).unwrap_or_else(|problems| panic!("{problems}"));
        let window = (Duration::from_secs(2), Duration::from_secs(35));
        let plan = Plan {
            atlases: &drawn.setting.atlases,
            window,
            kinds: base.kinds(),
            most: 6,
            moments: &Moments::new(),
            faults: Vec::new(),
        };
        let put = |at| {
            let mut fault = FaultSpec {
                action: "kind = 'crash'".parse().expect("a kind"),
                target: crate::faults::Target(vec!["broker-1".into()]),
                at: Duration::from_secs(5),
                until: Some(Duration::from_secs(9)),
            };
            plan.put(&mut fault, at);
            (fault.at, fault.until.expect("it has an end"))
        };
        let seconds = Duration::from_secs;
        assert_eq!(put(seconds(20)), (seconds(20), seconds(24)));
        assert_eq!(put(seconds(1)), (seconds(2), seconds(6)));
        assert_eq!(put(seconds(90)), (Duration::from_millis(34_900), seconds(35)));
        assert_eq!(put(Duration(12_345_678_901)).0, Duration::from_millis(12_345));
    }
}
