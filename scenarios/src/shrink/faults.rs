//! Passes over faults: fewer, on fewer, shorter, earlier, at rounder times.

use toml::{Table, Value};

use super::ddmin::ddmin;
use super::{Shrinker, names_hit};
use crate::run::Finished;
use crate::units::Duration;

/// Faults do not begin before this: the cluster has to be up.
const EARLIEST: Duration = Duration::from_secs(1);

/// The shortest fault that is tried.
const SHORTEST: Duration = Duration::from_millis(1);

fn list(table: &Table) -> Vec<Table> {
    let faults = table.get("fault").and_then(Value::as_array);
    faults.into_iter().flatten().filter_map(Value::as_table).cloned().collect()
}

fn with(table: &Table, faults: Vec<Table>) -> Table {
    let mut table = table.clone();
    match faults.is_empty() {
        true => drop(table.remove("fault")),
        false => {
            let faults = faults.into_iter().map(Value::Table).collect();
            table.insert("fault".into(), Value::Array(faults));
        }
    }
    table
}

fn time(fault: &Table, key: &str) -> Option<Duration> {
    fault.get(key)?.as_str()?.parse().ok()
}

fn set_time(fault: &mut Table, key: &str, time: Duration) {
    fault.insert(key.into(), Value::String(time.to_string()));
}

/// Puts the names of those that were hit in the place of groups that are looked up, and lengths in
/// the place of ends.
pub(super) fn name_targets(table: &mut Table, finished: &Finished) {
    let mut faults = list(table);
    for fault in &mut faults {
        let (Some(at), Some(kind)) = (time(fault, "at"), fault.get("kind")) else { continue };
        let names = names_hit(finished, kind.as_str().unwrap_or_default(), at.0);
        if !names.is_empty() {
            let names = names.into_iter().map(Value::String).collect();
            fault.insert("target".into(), Value::Array(names));
        }
        if let Some(until) = time(fault, "until") {
            fault.remove("until");
            set_time(fault, "for", until.saturating_sub(at));
        }
    }
    *table = with(table, faults);
}

impl Shrinker<'_> {
    fn change_fault(&self, index: usize, change: impl FnOnce(&mut Table)) -> Table {
        let mut faults = list(&self.best);
        change(&mut faults[index]);
        with(&self.best, faults)
    }

    /// Fewer faults.
    pub(super) fn fewer_faults(&mut self) {
        let base = self.best.clone();
        ddmin(list(&base), |lists| {
            self.take_first(lists.into_iter().map(|faults| with(&base, faults)).collect())
        });
    }

    /// Fewer targets and parameters of each.
    pub(super) fn narrower_faults(&mut self) {
        for index in 0..list(&self.best).len() {
            for key in ["target", "peers"] {
                let names = list(&self.best)[index].get(key).and_then(Value::as_array).cloned();
                let Some(names) = names.filter(|names| names.len() > 1) else { continue };
                ddmin(names, |lists| {
                    let change = |names| {
                        self.change_fault(index, |fault| {
                            fault.insert(key.into(), Value::Array(names));
                        })
                    };
                    self.take_first(lists.into_iter().map(change).collect())
                });
            }
            let needed = ["kind", "target", "at", "for", "until", "peers"];
            let fault = list(&self.best).swap_remove(index);
            for key in fault.keys().filter(|key| !needed.contains(&key.as_str())) {
                let without = self.change_fault(index, |fault| drop(fault.remove(key)));
                self.take_first(vec![without]);
            }
        }
    }

    /// Shorter ones, all earlier, at rounder times.
    pub(super) fn tidier_faults(&mut self) {
        for index in 0..list(&self.best).len() {
            while let Some(lasts) = time(&list(&self.best)[index], "for") {
                let shorter = rounded(lasts / 2);
                if shorter < SHORTEST || shorter >= lasts {
                    break;
                }
                let change = |fault: &mut Table| set_time(fault, "for", shorter);
                if self.take_first(vec![self.change_fault(index, change)]).is_none() {
                    break;
                }
            }
            for key in ["at", "for"] {
                let Some(now) = time(&list(&self.best)[index], key) else { continue };
                let units = [1_000_000_000, 100_000_000, 10_000_000, 1_000_000];
                let units = units.into_iter().filter(|unit| now.0 > *unit);
                // Rounded down only: a longer fault is harsher.
                let round = units.map(|unit| Duration(now.0 / unit * unit));
                let change = |time| self.change_fault(index, |fault| set_time(fault, key, time));
                let candidates: Vec<Table> =
                    round.filter(|time| *time != now).map(change).collect();
                if !now.0.is_multiple_of(100_000_000) {
                    self.take_first(candidates);
                }
            }
        }
        self.earlier_faults();
    }

    /// All faults sooner by the same time.
    fn earlier_faults(&mut self) {
        let faults = list(&self.best);
        let first = faults.iter().filter_map(|fault| time(fault, "at")).min();
        let room = first.map_or(0, |first| first.saturating_sub(EARLIEST).0) / 1_000_000_000;
        let earlier = |seconds: u64| {
            let mut faults = faults.clone();
            for fault in &mut faults {
                if let Some(at) = time(fault, "at") {
                    set_time(fault, "at", at.saturating_sub(Duration::from_secs(seconds)));
                }
            }
            with(&self.best, faults)
        };
        let mut shifts = vec![room, room * 3 / 4, room / 2, room / 4];
        shifts.retain(|seconds| *seconds > 0);
        shifts.dedup();
        let candidates = shifts.into_iter().map(earlier).collect();
        self.take_first(candidates);
    }
}

/// To two digits, so that a half of a half is still a readable time.
pub(super) fn rounded(time: Duration) -> Duration {
    let mut unit = 1;
    while time.0 / unit >= 100 {
        unit *= 10;
    }
    Duration(time.0 / unit * unit)
}
