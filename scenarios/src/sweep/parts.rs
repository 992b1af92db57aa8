//! Parts of a sweep, which jobs of an array have run, put together.

use super::{Sweep, of_points};
use crate::shard::{self, Shard};

impl Sweep {
    /// Reads what a sweep wrote as JSON.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let sweep: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match sweep.schema.as_str() {
            super::SCHEMA => Ok(sweep),
            other => Err(format!("its schema is `{other}`; expected `{}`", super::SCHEMA)),
        }
    }

    /// Adds another part of the same sweep.
    ///
    /// # Errors
    /// Why it is not one.
    pub fn merge(&mut self, other: Self) -> Result<(), String> {
        if (&self.reproduce, &self.version) != (&other.reproduce, &other.version) {
            return Err(format!(
                "a part of another sweep: {} by {}, not {} by {}",
                other.reproduce, other.version, self.reproduce, self.version
            ));
        }
        shard::add(&mut self.shards, other.shards)?;
        self.interrupted |= other.interrupted;
        let mut settings = Vec::new();
        let mut points = Vec::new();
        for (mine, theirs) in std::mem::take(&mut self.variants).into_iter().zip(other.variants) {
            let mut all = mine.points;
            all.extend(theirs.points);
            all.sort_by_key(|point| point.seed);
            settings.push(mine.settings);
            points.push(all);
        }
        self.variants = of_points(&self.metrics, settings, points);
        Ok(())
    }

    /// The parts that are not there.
    pub fn missing(&self) -> Vec<Shard> {
        shard::missing(&self.shards)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::super::*;

    fn spec(shard: Shard) -> SweepSpec {
        let settings = [("traffic.duration", "3s"), ("measure.drain", "5s")];
        let metrics = ["lost", "acked", "response.p99"];
        SweepSpec {
            source: Source::find("live/stress-1600-kafka").expect("it ships"),
            settings: settings.map(|(path, value)| (path.into(), value.into())).to_vec(),
            vary: vec![Vary {
                path: "system.partitions".into(),
                values: vec!["1".into(), "4".into()],
            }],
            seeds: (None, 2),
            metrics: metrics.map(|name| Metric::parse(name).expect("a metric")).to_vec(),
            skip: Vec::new(),
            across: None,
            shard,
        }
    }

    fn part(index: u64, count: u64) -> Sweep {
        let all = sweep(&spec(Shard { index, count }), &AtomicBool::new(false), &|_, _| {});
        let text = serde_json::to_string(&all.expect("it runs")).expect("plain data");
        Sweep::parse(&text).expect("as it was written")
    }

    #[test]
    fn parts_add_up_to_the_whole_in_any_order_and_once_each() {
        let (whole, parts) = (part(0, 1), [part(2, 3), part(0, 3), part(1, 3)]);
        let [mut merged, second, third] = parts.clone();
        merged.merge(second).expect("another part");
        assert_eq!(merged.missing(), [Shard { index: 1, count: 3 }]);
        assert!(merged.merge(parts[1].clone()).unwrap_err().contains("0/3 is there twice"));
        merged.merge(third).expect("the last part");
        assert_eq!(merged, whole);
        let other = Sweep { reproduce: "another".into(), ..parts[0].clone() };
        assert!(merged.merge(other).unwrap_err().contains("another sweep"));
        assert!(Sweep::parse("{}").is_err());
    }
}
