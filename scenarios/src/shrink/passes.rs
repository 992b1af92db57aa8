//! The passes: what is tried, in which order.

use toml::{Table, Value};

use super::Shrinker;
use super::ddmin::ddmin;
use super::faults::rounded;
use crate::units::Duration;
use headwater_reading::tree;
use headwater_traffic::Rate;

/// Numbers of nodes and of what spreads the load over them, by the configurations' own names.
const TOPOLOGY: [&str; 12] = [
    "producers",
    "consumers",
    "writers",
    "readers",
    "brokers",
    "stores",
    "bookies",
    "controllers",
    "containers",
    "partitions",
    "segments",
    "replication.factor",
];

/// The shortest traffic that is tried, and the shortest time to drain.
const SHORTEST: Duration = Duration::from_secs(1);

/// The lowest rate that is tried, events per second.
const RATE_MIN: f64 = 1.0;

/// One round of all passes; true if one of them found something.
pub(super) fn round(shrinker: &mut Shrinker<'_>) -> bool {
    let before = shrinker.best.clone();
    shrinker.fewer_faults();
    shrinker.narrower_faults();
    shrinker.no_window();
    shrinker.shorter("traffic", "duration");
    shrinker.tidier_faults();
    shrinker.shorter("traffic", "duration");
    if !shrinker.is_of_the_end() {
        shrinker.shorter("measure", "drain");
    }
    shrinker.shorter("measure", "audit");
    shrinker.lower_rate();
    shrinker.fewer_nodes();
    shrinker.fewer_keys("traffic", &["rate", "duration"]);
    shrinker.fewer_keys("system", &["kind", "version"]);
    shrinker.fewer_keys("measure", &["drain", "warm_up"]);
    shrinker.best != before
}

impl Shrinker<'_> {
    /// The failure is that something has not happened by the end: an earlier end would fail as
    /// well, and say nothing.
    fn is_of_the_end(&self) -> bool {
        let (verdict, what) = self.wanted;
        ["converges", "properties_eventually", "durable_replicas"].contains(&verdict)
            || what == "never read"
    }

    fn set(&self, path: &[String], value: Value) -> Table {
        let mut all = tree::Tree::from_toml(Value::Table(self.best.clone()));
        // A path through a list that is not there changes nothing, and is not tried again.
        let _ = all.set(path, value, (None, None));
        match all.to_toml() {
            Value::Table(table) => table,
            _ => self.best.clone(),
        }
    }

    fn text(&self, section: &str, key: &str) -> Option<String> {
        Some(self.best.get(section)?.get(key)?.as_str()?.to_owned())
    }

    /// What is measured doesn't matter; a window would prevent shorter traffic.
    fn no_window(&mut self) {
        let path = ["measure".to_owned(), "warm_up".to_owned()];
        let mut table = self.set(&path, Value::String("0s".into()));
        if let Some(Value::Table(measure)) = table.get_mut("measure") {
            measure.remove("until");
        }
        self.take_first(vec![table]);
    }

    /// A shorter time, as long as it fails.
    fn shorter(&mut self, section: &str, key: &str) {
        let path = [section.to_owned(), key.to_owned()];
        loop {
            let now = self.text(section, key).and_then(|text| text.parse::<Duration>().ok());
            let Some(now) = now else { return };
            let mut times = [now / 2, now * 3 / 4, now * 9 / 10].map(rounded).to_vec();
            times.retain(|time| *time >= SHORTEST && *time < now);
            let candidates =
                times.into_iter().map(|time| self.set(&path, Value::String(time.to_string())));
            let candidates = candidates.collect();
            if self.take_first(candidates).is_none() {
                return;
            }
        }
    }

    /// Fewer events, as long as it fails.
    fn lower_rate(&mut self) {
        let path = ["traffic".to_owned(), "rate".to_owned()];
        loop {
            let now = self.text("traffic", "rate").and_then(|text| text.parse::<Rate>().ok());
            let Some(now) = now else { return };
            let whole = |divisor: f64| libm::floor(now.as_per_second() / divisor);
            let mut rates = vec![whole(8.0), whole(2.0)];
            rates.retain(|rate| *rate >= RATE_MIN);
            rates.dedup();
            let rate = |rate| self.set(&path, Value::String(format!("{rate}/s")));
            let candidates = rates.into_iter().map(rate).collect();
            if self.take_first(candidates).is_none() {
                return;
            }
        }
    }

    /// Fewer nodes, partitions, segments: also where the file leaves them to the defaults.
    fn fewer_nodes(&mut self) {
        for name in TOPOLOGY {
            loop {
                let read = super::read(&self.best, &self.spec.source);
                let options = read.map(|read| read.configuration()).unwrap_or_default();
                let now = options.get(name).and_then(|text| text.parse::<i64>().ok());
                let Some(now) = now.filter(|now| *now > 1) else { break };
                let mut path = vec!["system".to_owned()];
                path.extend(name.split('.').map(str::to_owned));
                let mut numbers = vec![1, now / 2, now - 1];
                numbers.dedup();
                let set = |number| self.set(&path, Value::Integer(number));
                let candidates =
                    numbers.into_iter().filter(|number| *number < now).map(set).collect();
                if self.take_first(candidates).is_none() {
                    break;
                }
            }
        }
    }

    /// Fewer keys: what is left out has its default.
    fn fewer_keys(&mut self, section: &str, needed: &[&str]) {
        let base = self.best.clone();
        let Some(Value::Table(table)) = base.get(section) else { return };
        let mut leaves = Vec::new();
        leaves_of(table, &mut Vec::new(), &mut leaves);
        // Without a number of nodes there are as many as the defaults have: often more.
        let stays = |(path, _): &Leaf| {
            needed.contains(&path[0].as_str()) || TOPOLOGY.contains(&path.join(".").as_str())
        };
        let (kept, leaves): (Vec<_>, Vec<_>) = leaves.into_iter().partition(stays);
        ddmin(leaves, |lists| {
            let only = |leaves: Vec<Leaf>| {
                let mut table = base.clone();
                table.insert(section.into(), Value::Table(Table::new()));
                let mut tree = tree::Tree::from_toml(Value::Table(table));
                for (path, value) in kept.iter().chain(&leaves) {
                    let full: Vec<String> =
                        std::iter::once(section.to_owned()).chain(path.iter().cloned()).collect();
                    // The table was just made empty: every path can be followed.
                    let _ = tree.set(&full, value.clone(), (None, None));
                }
                match tree.to_toml() {
                    Value::Table(table) => table,
                    _ => base.clone(),
                }
            };
            self.take_first(lists.into_iter().map(only).collect())
        });
    }
}

/// A key with its path, and what it is set to.
type Leaf = (Vec<String>, Value);

fn leaves_of(table: &Table, path: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    for (key, value) in table {
        path.push(key.clone());
        match value {
            Value::Table(below) => leaves_of(below, path, leaves),
            value => leaves.push((path.clone(), value.clone())),
        }
        path.pop();
    }
}
