//! Shrinking over reruns: a real cluster fails now and then, so that a smaller case counts if one
//! of a few runs of it still breaks one of the promises that the whole case broke live.
//!
//! Faults are left out one by one, the last first, and nothing else is tried: each try is several
//! launched clusters. What the case is held to stays as it was.

use std::collections::BTreeSet;
use std::path::Path;

use toml::{Table, Value};

use super::case::{Live, Runner};
use super::draw::shown;
use super::store;
use super::world::{Shrunk, Told, World};
use crate::child::Ended;
use crate::failure::Result;
use crate::plan::RunPlan;

/// How a try came out.
struct Tried {
    /// Runs that broke what was wanted, and that came to their end.
    rate: (u64, u64),
    stopped: bool,
}

impl Runner<'_> {
    /// The smallest case that still fails, if it is smaller than the whole.
    pub(super) fn shrink(
        &self,
        plan: &RunPlan,
        told: &Told,
        live: &mut Live<'_>,
    ) -> Result<Option<Shrunk>> {
        let wanted: BTreeSet<String> =
            told.worlds().flat_map(|world| world.broken.keys().cloned()).collect();
        let mut table: Table = plan.written.text.parse().expect("it was read");
        let (mut shrunk, mut smaller) = (Shrunk::default(), false);
        for index in (0..plan.scenario.faults.len()).rev() {
            let mut candidate = table.clone();
            let Some(Value::Array(faults)) = candidate.get_mut("fault") else { break };
            faults.remove(index);
            let file = self.store.of(told.seed).join(format!("without-{}.toml", index + 1));
            store::write(&file, &toml::to_string(&candidate).expect("a scenario is plain data"))?;
            self.note(told.seed, &format!("without its fault {}", index + 1));
            let Ok(plan) = self.plan(&file) else { continue };
            let tried = self.tried(&plan, &file, &wanted, live);
            shrunk.runs += tried.rate.1;
            if tried.stopped {
                shrunk.cut_short = true;
                break;
            }
            if tried.rate.0 > 0 {
                (table, smaller) = (candidate, true);
                shrunk.rate = tried.rate;
            }
        }
        if !smaller {
            return Ok(None);
        }
        let file = self.store.of(told.seed).join("shrunk.toml");
        store::write(&file, &toml::to_string(&table).expect("a scenario is plain data"))?;
        let plan = self.plan(&file)?;
        shrunk.faults = plan.scenario.faults.iter().map(shown).collect();
        (shrunk.simulated, _) = self.simulated(&plan, &file);
        shrunk.file = "shrunk.toml".into();
        Ok(Some(shrunk))
    }

    /// Runs a smaller case, as often as a failing one is run again.
    fn tried(
        &self,
        plan: &RunPlan,
        file: &Path,
        wanted: &BTreeSet<String>,
        live: &mut Live<'_>,
    ) -> Tried {
        let mut tried = Tried { rate: (0, 0), stopped: false };
        for number in 1..=self.asked.again.max(1) {
            match live(plan, file, &file.with_extension(format!("run-{number}"))) {
                Ended::Stopped => return Tried { stopped: true, ..tried },
                Ended::Failed(_) => {}
                Ended::Ran(outcome) => {
                    let world = World::of(&outcome, self.dealer.may_fail());
                    let broken = world.broken.keys().any(|name| wanted.contains(name));
                    tried.rate.0 += u64::from(broken);
                    tried.rate.1 += 1;
                }
            }
        }
        tried
    }
}
