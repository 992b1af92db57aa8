//! What a calibration has found, in words, as JSON, and in a profile.

use headwater_scenarios::profile::Profile;
use headwater_sim::units::BytesPerSecond;
use serde::Serialize;

use super::fit::{APART_MAX, Found};
use super::woken::{self, Ran};
use super::{Measured, heap};
use crate::failure::{Failure, Result};
use crate::systems::calibration::{Calibration, Case, CostOption};

/// A cost that was measured.
#[derive(Clone, Debug, Serialize)]
struct Cost {
    /// An option of the system's `costs`.
    name: &'static str,
    /// On this machine, nanoseconds; or KiB, as its name says.
    here: f64,
    /// 5th and 95th percentile, by resampling.
    interval: [f64; 2],
    /// As the profile has it: times are on the machine that the models' costs are stated for.
    reference: u64,
    /// What the cases can't tell it apart from, and which further case would.
    not_apart_from: Option<(&'static str, Option<&'static str>)>,
}

/// How much of what threads used in a case the costs explain.
#[derive(Clone, Debug, Serialize)]
struct Explained {
    case: &'static str,
    threads: &'static str,
    /// Milliseconds of CPU time.
    measured_ms: f64,
    /// Of it, by the costs.
    explained_ms: f64,
    /// How often each cost was in it.
    times: Vec<(&'static str, f64)>,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    system: &'static str,
    costs: Vec<Cost>,
    /// Costs that are shares of others, as the profile has them.
    shares: Vec<(&'static str, u64)>,
    /// What the costs make of the cases.
    explained: Vec<Explained>,
    /// How much of their work comes before its result, per cent: the option, and the value.
    before_percent: Option<(&'static str, u64)>,
    /// What fills the young generation: the option of what a request leaves, and of what comes with
    /// what it carries.
    garbage: Option<(&'static str, Option<&'static str>, heap::Garbage)>,
    /// What collections of the young generation take.
    collections: Option<heap::Costs>,
    /// CPU time of a server's start, milliseconds.
    start_ms: Option<u64>,
    /// How many times slower than the profile says the machine was in the cases, least and most;
    /// costs are what the profile's machine takes.
    slower: [f64; 2],
    /// What is not measured, and why.
    unmeasured: Vec<(&'static str, String)>,
    /// Whatever was wrong with the measurement.
    doubts: Vec<String>,
}

impl Report {
    /// From what was measured, for a profile.
    pub(super) fn new(
        system: &'static str,
        calibration: &Calibration,
        ran: &Ran<'_>,
        measured: &Measured,
        all: &woken::Explained,
    ) -> Self {
        let (found, profile) = (&all.found, ran.profile);
        let constants = calibration.constants();
        let mut unmeasured: Vec<(&str, String)> =
            calibration.unmeasured.iter().map(|(name, why)| (*name, (*why).to_owned())).collect();
        let mut costs = Vec::new();
        for (name, found) in constants.iter().zip(found) {
            let memory = calibration.is_memory(name);
            if found.inflation.is_infinite() {
                let why = match (memory, measured.servers) {
                    (true, _) => UNKNOWN,
                    (false, true) => "its threads were not seen",
                    (false, false) => UNSEEN,
                };
                unmeasured.push((name, why.to_owned()));
                continue;
            }
            costs.push(Cost {
                name,
                here: found.cost,
                interval: found.interval,
                reference: reference(calibration, profile, name, found.cost),
                not_apart_from: not_apart(calibration, &constants, found),
            });
        }
        let known: Vec<_> = costs.iter().map(|cost| (cost.name, cost.reference)).collect();
        let shares = woken::shares(calibration, &known);
        let explained = explained(calibration, ran.cases, measured, found);
        // Of servers whose model has no JVM nobody wants to know what that takes.
        let collections = calibration.garbage.and(heap::costs(calibration, measured, profile));
        let garbage = heap::garbage(calibration, measured);
        let garbage = calibration.garbage.zip(garbage);
        let garbage = garbage.map(|(name, found)| (name, calibration.carried, found));
        if collections.is_none() && calibration.garbage.is_some() {
            unmeasured.push(("jvm.young_collection_us", FEW.into()));
        }
        if let (None, Some(name)) = (garbage, calibration.garbage) {
            unmeasured.push((name, FEW.into()));
        }
        let mut doubts = measured.doubts.clone();
        doubts.dedup();
        let before_percent = calibration.before.zip(all.before_percent);
        Self {
            system,
            costs,
            shares,
            explained,
            before_percent,
            garbage,
            collections,
            start_ms: calibration
                .garbage
                .and(measured.start_ms)
                .map(|ms| ms * 100 / u64::from(profile.cpu_percent)),
            slower: measured.slower_range(),
            unmeasured,
            doubts,
        }
    }

    /// In words, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "What {} costs here, in nanoseconds of CPU time or KiB (5th to 95th percentile):",
            self.system
        )];
        for cost in &self.costs {
            let [low, high] = cost.interval;
            let (name, here) = (cost.name, cost.here);
            let mut line = format!("  {name:<24} {here:>9.0}  ({low:.0} to {high:.0})");
            if let Some((with, case)) = cost.not_apart_from {
                line += &format!("; not told apart from {with}");
                if let Some(case) = case {
                    line += &format!(": --also \"{case}\" would");
                }
            }
            lines.push(line);
        }
        if let Some((name, percent)) = self.before_percent {
            lines.push(format!("  {name:<24} {percent:>9}  (per cent, by medians of quiet cases)"));
        }
        if let Some((name, carried, found)) = self.garbage {
            let bytes = found.request_bytes;
            lines.push(format!("  {name:<24} {bytes:>9}  (bytes, by the logs of the JVMs)"));
            if let Some(name) = carried {
                lines.push(format!("  {name:<24} {:>9}  (per cent)", found.carried_percent));
            }
            let name = "jvm.background_garbage";
            lines.push(format!("  {name:<24} {:>9}  (bytes a second)", found.background));
        }
        if let Some(found) = self.collections {
            lines.push(format!(
                "  {:<24} {:>9}  (microseconds; at least {})",
                "jvm.young_collection_us", found.young_collection_us, found.least_us
            ));
            if let Some(ns) = found.survivor_kib_ns {
                lines.push(format!("  {:<24} {ns:>9}  (nanoseconds)", "jvm.survivor_kib_ns"));
            }
        }
        if let Some(ms) = self.start_ms {
            lines.push(format!("  {:<24} {ms:>9}  (milliseconds)", "jvm.start_ms"));
        }
        if let Some(worst) = self.explained.iter().max_by(|a, b| a.error().total_cmp(&b.error())) {
            lines.push(format!(
                "  they explain the time of threads in each case within {:.0} %; worst of all {} \
                 in \"{}\"",
                worst.error() * 100.0,
                worst.threads,
                worst.case
            ));
        }
        let [least, most] = self.slower;
        lines.push(format!(
            "  the same work took {least:.2} to {most:.2} times what it took when the profile was \
             measured; costs are for the profile's machine"
        ));
        for (name, why) in &self.unmeasured {
            lines.push(format!("  {name:<24} not measured: {why}"));
        }
        lines.extend(self.doubts.iter().map(|doubt| format!("  warning: {doubt}")));
        lines
    }

    /// As JSON.
    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("costs are plain data")
    }

    /// The profile with these costs; those that were not measured stay.
    ///
    /// # Errors
    /// If its options are not tables where they have to be.
    pub(super) fn added_to(
        &self,
        calibration: &Calibration,
        mut profile: Profile,
    ) -> Result<Profile> {
        let costs = self.costs.iter().map(|cost| (cost.name, cost.reference));
        for (name, cost) in costs.chain(self.shares.iter().copied()) {
            put(&mut profile.options, self.system, &calibration.option(name), cost)?;
        }
        let mut set_to = |section: &str, name: &str, value: toml::Value| {
            let at = table(&mut profile.options, &[self.system, section])?;
            at.insert(name.to_owned(), value);
            Ok::<_, Failure>(())
        };
        if let Some((_, _, found)) = self.garbage {
            let rate = BytesPerSecond(found.background).to_string();
            set_to("jvm", "background_garbage", toml::Value::String(rate))?;
        }
        let mut set = |section: &str, name: &str, value: u64| {
            set_to(section, name, toml::Value::Integer(value as i64))
        };
        if let Some((name, percent)) = self.before_percent {
            set("costs", name, percent)?;
        }
        if let Some((name, carried, found)) = self.garbage {
            set("costs", name, found.request_bytes)?;
            if let Some(name) = carried {
                set("costs", name, found.carried_percent)?;
            }
        }
        if let Some(found) = self.collections {
            set("jvm", "young_collection_us", found.young_collection_us)?;
            set("jvm", "young_collection_least_us", found.least_us)?;
            if let Some(ns) = found.survivor_kib_ns {
                set("jvm", "survivor_kib_ns", ns)?;
            }
        }
        if let Some(ms) = self.start_ms {
            set("jvm", "start_ms", ms)?;
        }
        Ok(profile)
    }
}

/// Puts a cost into a profile's options of its system, and of others that have the same.
fn put(options: &mut toml::Table, system: &str, option: &CostOption<'_>, cost: u64) -> Result<()> {
    let value = match option.with_unit {
        true => toml::Value::String(option.value(cost)),
        false => toml::Value::Integer(cost as i64),
    };
    let own = (system, option.sections);
    for (system, sections) in [own].iter().chain(option.also) {
        let path: Vec<&str> = [*system].iter().chain(*sections).copied().collect();
        table(options, &path)?.insert(option.name.to_owned(), value.clone());
    }
    Ok(())
}

/// The table at this path of a profile's options, made where it is not there.
fn table<'a>(options: &'a mut toml::Table, path: &[&str]) -> Result<&'a mut toml::Table> {
    path.iter().try_fold(options, |at, key| {
        let entry = at.entry(*key).or_insert_with(|| toml::Table::new().into());
        let found = entry.as_table_mut();
        found.ok_or_else(|| Failure::new(format!("options.{key} is no table")))
    })
}

/// A cost as the profile has it: times are those on the machine that the models' costs are stated
/// for.
pub(super) fn reference(
    calibration: &Calibration,
    profile: &Profile,
    name: &str,
    here: f64,
) -> u64 {
    let percent = if calibration.is_memory(name) { 100 } else { profile.cpu_percent };
    (here * 100.0 / f64::from(percent)).round() as u64
}

impl Explained {
    /// How far off, relative.
    fn error(&self) -> f64 {
        (self.explained_ms / self.measured_ms.max(1e-9) - 1.0).abs()
    }
}

/// By case and kind of thread.
fn explained(
    calibration: &Calibration,
    cases: &[Case],
    measured: &Measured,
    found: &[Found],
) -> Vec<Explained> {
    let constants = calibration.constants();
    let mut all = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        for (kind, group) in calibration.groups.iter().enumerate() {
            let rows = measured.rows.iter().filter(|row| (row.case, row.kind) == (at, kind));
            let (mut cpu_ns, mut times) = (0.0, vec![0.0; constants.len()]);
            for row in rows {
                cpu_ns += row.cpu_ns;
                times.iter_mut().zip(&row.times).for_each(|(sum, of)| *sum += of);
            }
            let by_costs: f64 = times.iter().zip(found).map(|(of, found)| of * found.cost).sum();
            let times = constants.iter().zip(times).filter(|(_, times)| *times > 0.0);
            if cpu_ns > 0.0 {
                all.push(Explained {
                    case: case.name,
                    threads: group.thread,
                    measured_ms: cpu_ns / 1e6,
                    explained_ms: by_costs / 1e6,
                    times: times.map(|(name, times)| (*name, times)).collect(),
                });
            }
        }
    }
    all
}

/// Why working sets are not measured.
const UNKNOWN: &str = "the profile does not say what it takes to fetch memory again \
                       (`scheduler.refill`; `loadgen profile` measures it), or its threads were \
                       not seen";

/// Why servers of others are not measured.
const UNSEEN: &str = "the cluster was not launched here, so its threads can't be seen";

/// Why collections are not.
const FEW: &str = "fewer than two collections of a young generation in all cases";

/// What a cost can't be told apart from, and the further case that helps most, if one does.
fn not_apart(
    calibration: &Calibration,
    constants: &[&'static str],
    found: &Found,
) -> Option<(&'static str, Option<&'static str>)> {
    if found.inflation <= APART_MAX {
        return None;
    }
    let (name, with) = (constants[found.at], constants[found.with?]);
    // The other cost must be in the case by another proportion than in all of the cases so far.
    let ratio = |counts| {
        let of = |name: &str| {
            let terms = calibration.groups.iter().flat_map(|group| group.terms);
            let times = terms.filter(|term| term.constant == name).map(|term| term.counted(counts));
            times.sum::<f64>()
        };
        of(name) / of(with).max(1e-9)
    };
    let so_far = calibration.cases.iter().map(|case| ratio(&case.expects));
    let (least, most) =
        so_far.fold((f64::MAX, 0.0_f64), |(least, most), of| (least.min(of), most.max(of)));
    let outside = |ratio: f64| (ratio / most.max(1e-9)).max(least / ratio.max(1e-9));
    let more = calibration.more.iter().map(|case| (case.name, outside(ratio(&case.expects))));
    let best = more.max_by(|left, right| left.1.total_cmp(&right.1));
    Some((with, best.filter(|(_, outside)| *outside > 1.5).map(|(name, _)| name)))
}
