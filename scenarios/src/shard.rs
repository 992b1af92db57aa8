//! Shards: the part of a swarm's seeds, or of a sweep's runs, that one job of many does.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Part `index` (from 0) of `count`: every `count`-th seed or run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// Which, from 0.
    pub index: u64,
    /// Of how many.
    pub count: u64,
}

impl Shard {
    /// All of them.
    pub const ALL: Self = Self { index: 0, count: 1 };

    /// Whether the seed or run with this number from the first is in it.
    pub const fn has(self, number: u64) -> bool {
        number % self.count == self.index
    }

    /// As the scheduler says, if it does: Slurm's array (`SLURM_ARRAY_TASK_ID`, `_MIN`, `_STEP`
    /// and `_COUNT`), or Kubernetes' indexed job (`JOB_COMPLETION_INDEX`), which does not tell how
    /// many there are: `HEADWATER_SHARDS` does.
    pub fn of_job(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let number = |name: &str| match variable(name) {
            None => Ok(None),
            Some(text) => match text.parse::<u64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(format!("{name} is `{text}`; expected a number")),
            },
        };
        if let Some(id) = number("SLURM_ARRAY_TASK_ID")? {
            let (first, step) = (number("SLURM_ARRAY_TASK_MIN")?, number("SLURM_ARRAY_TASK_STEP")?);
            let count = number("SLURM_ARRAY_TASK_COUNT")?
                .ok_or("SLURM_ARRAY_TASK_ID is set, and SLURM_ARRAY_TASK_COUNT is not")?;
            let index = id.saturating_sub(first.unwrap_or(0)) / step.unwrap_or(1).max(1);
            return Self::new(index, count);
        }
        let index = number("JOB_COMPLETION_INDEX")?.ok_or(
            "--shard auto: neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set; outside of \
             an array job write --shard I/N",
        )?;
        let count = number("HEADWATER_SHARDS")?
            .ok_or("JOB_COMPLETION_INDEX is set, and HEADWATER_SHARDS (how many) is not")?;
        Self::new(index, count)
    }

    fn new(index: u64, count: u64) -> Result<Self, String> {
        let shard = Self { index, count };
        let right = index < count;
        right.then_some(shard).ok_or_else(|| format!("shard {shard}: expected 0/{count} and up"))
    }
}

/// Adds the parts of one result to those of another; none are left once all are there.
///
/// # Errors
/// Why they are not parts of one whole.
pub(crate) fn add(to: &mut Vec<Shard>, other: Vec<Shard>) -> Result<(), String> {
    let count = |shards: &[Shard]| shards.first().map(|shard| shard.count);
    if count(to) != count(&other) || to.is_empty() {
        return Err("not shards of the same number of parts".into());
    }
    if let Some(twice) = other.iter().find(|shard| to.contains(shard)) {
        return Err(format!("shard {twice} is there twice"));
    }
    to.extend(other);
    to.sort();
    if missing(to).is_empty() {
        to.clear();
    }
    Ok(())
}

/// The parts that are not there; none of a whole.
pub(crate) fn missing(shards: &[Shard]) -> Vec<Shard> {
    let Some(count) = shards.first().map(|shard| shard.count) else { return Vec::new() };
    let all = (0..count).map(|index| Shard { index, count });
    all.filter(|shard| !shards.contains(shard)).collect()
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}`: expected I/N with I from 0 below N, such as 0/4");
        let (index, count) = text.split_once('/').ok_or_else(expected)?;
        let number = |text: &str| text.parse().map_err(|_| expected());
        Self::new(number(index)?, number(count)?).map_err(|_| expected())
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_read_as_written_or_as_the_scheduler_says() {
        assert_eq!("2/4".parse(), Ok(Shard { index: 2, count: 4 }));
        for wrong in ["4/4", "1", "x/2", "-1/2", "0/0"] {
            assert!(wrong.parse::<Shard>().unwrap_err().contains("expected I/N"), "{wrong}");
        }
        let job = |set: &'static [(&str, &str)]| {
            Shard::of_job(move |name| {
                set.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let slurm = &[
            ("SLURM_ARRAY_TASK_ID", "7"),
            ("SLURM_ARRAY_TASK_MIN", "1"),
            ("SLURM_ARRAY_TASK_STEP", "2"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
        ];
        assert_eq!(job(slurm), Ok(Shard { index: 3, count: 4 }));
        let kubernetes = &[("JOB_COMPLETION_INDEX", "1"), ("HEADWATER_SHARDS", "2")];
        assert_eq!(job(kubernetes), Ok(Shard { index: 1, count: 2 }));
        assert!(job(&[]).unwrap_err().contains("--shard I/N"));
        assert!(job(&[("JOB_COMPLETION_INDEX", "1")]).unwrap_err().contains("HEADWATER_SHARDS"));
    }
}
