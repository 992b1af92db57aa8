//! What servers, disks, networks and tiered storage cost, as one TOML file says.
//!
//! ```toml
//! currency = "USD"
//! source = "where the prices stand"
//! date = "2026-11"
//! [servers.nvme-10gbe]         # a machine profile's name, or its file's without .toml
//! hour = 1.248                 # of one server
//! disk_gb_month = 0.0          # of a GB (10^9 bytes) on its disks; 0, the default: included
//! [network]
//! within_zone_gb = 0.0         # of a GB between two machines of a zone
//! between_zones_gb = 0.02      # and of two zones, both ends together
//! [tier]
//! gb_month = 0.023
//! write_thousand = 0.005       # of a thousand requests that write
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use headwater_models::sizing::{Needs, Topology};
use headwater_reading::decode::decode;
use headwater_reading::problem::{Finding, Problems};
use headwater_reading::tree::Tree;
use serde::{Deserialize, Serialize};

/// Prices.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// What they are in.
    pub currency: String,
    /// Where they stand.
    pub source: String,
    /// When they stood there.
    pub date: String,
    /// Servers by the name of their machine profile.
    pub servers: BTreeMap<String, Server>,
    /// Transfers.
    #[serde(default)]
    pub network: Network,
    /// Tiered storage.
    #[serde(default)]
    pub tier: Tier,
}

/// What a server costs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// An hour of one.
    pub hour: f64,
    /// A GB on its disks for a month.
    #[serde(default)]
    pub disk_gb_month: f64,
}

/// What transfers cost.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// A GB within a zone.
    pub within_zone_gb: f64,
    /// A GB from one zone to another.
    pub between_zones_gb: f64,
}

/// What tiered storage costs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tier {
    /// A GB for a month.
    pub gb_month: f64,
    /// A thousand requests that write.
    pub write_thousand: f64,
}

/// The example that ships.
const SHIPPED: &str = include_str!("../../prices/aws-us-east-1.toml");

/// Hours of a month, a twelfth of a year's: what price lists of clouds reckon with.
const HOURS: f64 = 730.0;
const SECONDS: f64 = HOURS * 3_600.0;

impl Prices {
    /// The example that ships.
    pub fn shipped() -> Self {
        Self::parse(SHIPPED, "aws-us-east-1.toml").expect("the shipped file is right")
    }

    /// The text of it, to begin with.
    pub const fn example() -> &'static str {
        SHIPPED
    }

    /// Those of a file.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Problems::one(Finding::new(format!("{name}: {error}"), None)))?;
        Self::parse(&text, &name)
    }

    /// Reads them; `name` is what errors call the file.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str, name: &str) -> Result<Self, Problems> {
        let mut findings = Vec::new();
        let tree = Tree::parse(text).map_err(|errors| {
            let all = errors.into_iter().map(|e| Finding::new(e.message, e.span)).collect();
            Problems::new(all, name, text)
        })?;
        let prices = decode::<Self>(&tree, "", &mut findings);
        let negative =
            prices.as_ref().is_some_and(|of| of.all().any(|price| price.is_nan() || price < 0.0));
        if negative {
            findings.push(Finding::new("a price is below zero", None));
        }
        match prices {
            Some(prices) if findings.is_empty() => Ok(prices),
            _ => Err(Problems::new(findings, name, text)),
        }
    }

    fn all(&self) -> impl Iterator<Item = f64> {
        let Self { network, tier, servers, .. } = self;
        let others = [network.within_zone_gb, network.between_zones_gb];
        let servers = servers.values().flat_map(|of| [of.hour, of.disk_gb_month]);
        servers.chain(others).chain([tier.gb_month, tier.write_thousand])
    }

    /// The example that ships, if it knows all of the machines; else a server costs 1, and nothing
    /// else costs anything.
    pub fn of(profiles: &[String]) -> Self {
        let shipped = Self::shipped();
        match profiles.iter().find(|profile| shipped.know(profile).is_err()) {
            None => shipped,
            Some(unknown) => Self::of_servers(profiles, unknown),
        }
    }

    fn of_servers(profiles: &[String], unknown: &str) -> Self {
        let server = || Server { hour: 1.0 / HOURS, disk_gb_month: 0.0 };
        Self {
            currency: "servers".into(),
            source: format!("no price of {unknown}: a server counts 1, all else nothing"),
            date: String::new(),
            servers: profiles.iter().map(|profile| (kind(profile).to_owned(), server())).collect(),
            network: Network::default(),
            tier: Tier::default(),
        }
    }

    /// Whether a machine has a price.
    ///
    /// # Errors
    /// It has none; which ones have.
    pub fn know(&self, profile: &str) -> Result<(), Problems> {
        if self.servers.contains_key(kind(profile)) {
            return Ok(());
        }
        let message = format!("no price of a server `{}`", kind(profile));
        let known = self.servers.keys().map(String::as_str);
        let finding = Finding::new(message, None).known(kind(profile), known);
        Err(Problems::one(finding))
    }

    /// What a cluster costs in a month.
    pub(super) fn bill(
        &self,
        profile: &str,
        topology: &Topology,
        cores: f64,
        needs: &Needs,
    ) -> Bill {
        let server = &self.servers[kind(profile)];
        let gb = |bytes: f64| bytes / 1e9;
        let mut lines = Vec::new();
        let mut line = |what: String, quantity: f64, unit: &'static str, price: f64| {
            if quantity > 0.0 {
                lines.push(Line { what, quantity, unit, month: quantity * price });
            }
        };
        for (role, count) in &topology.servers {
            line(format!("{role}s"), f64::from(*count), "servers", server.hour * HOURS);
        }
        let shared = if cores.is_finite() { topology.shared_cores / cores } else { 0.0 };
        line("controllers and metadata".into(), shared, "servers", server.hour * HOURS);
        line("disks".into(), gb(needs.disk_bytes), "GB", server.disk_gb_month);
        let within = (needs.network - needs.between_zones).max(0.0);
        line(
            "network within a zone".into(),
            gb(within) * SECONDS,
            "GB",
            self.network.within_zone_gb,
        );
        let between = gb(needs.between_zones) * SECONDS;
        line("network between zones".into(), between, "GB", self.network.between_zones_gb);
        line("tiered storage".into(), gb(needs.tier_bytes), "GB", self.tier.gb_month);
        let thousands = needs.tier_writes * SECONDS / 1e3;
        line("requests to it".into(), thousands, "thousand", self.tier.write_thousand);
        let month = lines.iter().map(|line| line.month).sum();
        Bill { currency: self.currency.clone(), lines, month }
    }
}

/// What a machine is called in the prices.
fn kind(profile: &str) -> &str {
    Path::new(profile).file_stem().and_then(|stem| stem.to_str()).unwrap_or(profile)
}

/// What a cluster costs in a month of 730 hours.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bill {
    /// What it is in.
    pub currency: String,
    /// Line by line.
    pub lines: Vec<Line>,
    /// All together.
    pub month: f64,
}

/// A line of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// For what.
    pub what: String,
    /// How much of it.
    pub quantity: f64,
    /// In which unit.
    pub unit: &'static str,
    /// What that costs.
    pub month: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_prices_the_shipped_machine_of_its_own() {
        let prices = Prices::shipped();
        prices.know("nvme-10gbe").unwrap();
        prices.know("some/where/nvme-10gbe.toml").unwrap();
        let error = prices.know("nvme-10gb").unwrap_err().to_string();
        assert!(error.contains("did you mean `nvme-10gbe`?"), "{error}");
        assert!(!prices.source.is_empty() && !prices.date.is_empty());
    }

    #[test]
    fn an_error_says_where_it_is() {
        let wrong = Prices::example().replacen("hour", "hours", 1);
        let error = Prices::parse(&wrong, "mine.toml").unwrap_err().to_string();
        assert!(error.contains("mine.toml:") && error.contains("did you mean `hour`?"), "{error}");
        let wrong = Prices::example().replacen("hour = ", "hour = -", 1);
        assert!(Prices::parse(&wrong, "mine.toml").unwrap_err().to_string().contains("below zero"));
    }
}
