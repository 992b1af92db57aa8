//! What a swarm varies about a scenario: configuration, and which faults.
//!
//! ```toml
//! [swarm]
//! faults = 6                                       # at the most; their number is drawn
//! calm = "20s"                                     # faults are over this long before traffic is
//! budget = "within"                                # or "beyond" what the system claims to survive
//! kinds = []                                       # fault kinds; all that apply if empty
//! except = ["clock-step"]                          # but not these
//! may_fail = []                                    # verdicts that are no findings
//! clients = true                                   # producers are slowed, paused, cut off as well
//! readers = true                                   # consumers too, and they stop and die besides
//! buggify = true                                   # half of the seeds have rare delays
//! reaches."kafka-truncated" = 100                  # shown by one of so many seeds, or it fails
//! vary."system.partitions" = [1, 3]                # a value of each list is drawn for each seed
//! ```

use std::collections::BTreeMap;

use headwater_models::property::When;
use headwater_models::systems::Systems;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::faults;
use crate::units::Duration;
use headwater_reading::decode;
use headwater_reading::problem::Finding;
use headwater_reading::tree::Tree;

/// Whether damage stays within what the system claims to survive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// It does: what fails is a finding.
    #[default]
    Within,
    /// Any server may lose anything: `may_fail` says what that may cost.
    Beyond,
}

/// `[swarm]`: all keys are optional.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SwarmSpec {
    /// Faults of a seed at the most. Default 6.
    pub faults: u32,
    /// Faults are over this long before the end of the traffic. Default 20 s: two broker sessions
    /// (`broker.session.timeout.ms` 9 s) and a little.
    pub calm: Duration,
    /// How much damage there may be.
    pub budget: Budget,
    /// Kinds of faults; empty for all that apply.
    pub kinds: Vec<String>,
    /// Kinds that are not drawn.
    pub except: Vec<String>,
    /// Verdicts that may fail without being findings.
    pub may_fail: Vec<String>,
    /// Producers are slowed down, paused and cut off as well. Default false.
    pub clients: bool,
    /// Consumers are slowed down, paused, cut off, stopped and killed as well; they come back.
    /// Default false.
    pub readers: bool,
    /// Half of the seeds have the rare delays of `buggify`. Default false.
    pub buggify: bool,
    /// Properties of the systems (`sometimes`) that one of so many seeds has to show. A swarm of as
    /// many seeds that has shown one in none of them fails: it no longer gets where it did.
    pub reaches: BTreeMap<String, u64>,
    /// Values to draw from, by path.
    #[schemars(with = "BTreeMap<String, Vec<serde_json::Value>>")]
    pub vary: BTreeMap<String, Vec<toml::Value>>,
}

impl Default for SwarmSpec {
    fn default() -> Self {
        Self {
            faults: 6,
            calm: Duration::from_secs(20),
            budget: Budget::Within,
            kinds: Vec::new(),
            except: Vec::new(),
            may_fail: Vec::new(),
            clients: false,
            readers: false,
            buggify: false,
            reaches: BTreeMap::new(),
            vary: BTreeMap::new(),
        }
    }
}

impl SwarmSpec {
    /// Says what is wrong with it; `tree` is where it stands.
    pub(super) fn check(&self, tree: &Tree, systems: &Systems, findings: &mut Vec<Finding>) {
        let place = |key: &str| decode::locate(tree, &[key.to_owned()]).1;
        let sometimes = || {
            let properties = systems.iter().flat_map(|kind| kind.properties());
            let rare = properties.filter(|property| property.when == When::Sometimes);
            rare.map(|property| property.name)
        };
        for name in self.reaches.keys().filter(|name| !sometimes().any(|have| have == **name)) {
            let message = format!("swarm.reaches: no `sometimes` property `{name}` of any system");
            findings.push(Finding::new(message, place("reaches")).known(name, sometimes()));
        }
        let known = || faults::entries().map(|entry| entry.name);
        for (key, names) in [("kinds", &self.kinds), ("except", &self.except)] {
            for name in names.iter().filter(|name| !known().any(|have| have == name.as_str())) {
                let message = format!("swarm.{key}: no fault `{name}` in the catalogue");
                findings.push(Finding::new(message, place(key)).known(name, known()));
            }
        }
        for (path, values) in &self.vary {
            if values.is_empty() {
                let message = format!("swarm.vary: {path} has no values to draw from");
                findings.push(Finding::new(message, place("vary")));
            }
        }
    }
}
