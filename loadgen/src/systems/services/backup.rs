//! The backup: each event of the first stream is a line of a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use headwater_models::pipeline::backup::config::Cluster;
use headwater_models::system::System;
use headwater_scenarios::scenario::metric::ARCHIVED;
use headwater_traffic::parse;

use super::{Kept, Level, LiveService, Stats, time};
use crate::failure::{Failure, Result};

/// The service.
pub(super) struct Backup;

fn file(home: &Path) -> PathBuf {
    home.join("tweets.ndjson")
}

impl LiveService for Backup {
    fn name(&self) -> &'static str {
        "backup"
    }

    fn options(&self, system: &dyn System) -> BTreeMap<&'static str, String> {
        let Some(config) = system.as_any().downcast_ref::<Cluster>() else {
            return BTreeMap::new();
        };
        BTreeMap::from([
            ("max-poll-records", config.max_poll_records.to_string()),
            ("commit-interval", time(config.commit_interval)),
            ("resume-interval", time(config.resume_interval)),
        ])
    }

    fn files(&self, home: &Path) -> BTreeMap<&'static str, String> {
        BTreeMap::from([("file", file(home).display().to_string())])
    }

    fn kept(&self, home: &Path) -> Result<Option<Kept>> {
        let path = file(home);
        let fail = |error: std::io::Error| {
            Failure::io(format_args!("can't read {}", path.display()), &error)
        };
        let mut times: BTreeMap<u64, u32> = BTreeMap::new();
        for (number, line) in
            (1_u64..).zip(BufReader::new(File::open(&path).map_err(fail)?).lines())
        {
            let line = line.map_err(fail)?;
            let stamp = parse(line.as_bytes()).map_err(|damage| {
                Failure::after_run(format!("{}, line {number}: {damage}", path.display()))
            })?;
            *times.entry(stamp.index).or_default() += 1;
        }
        Ok(Some(Kept { verdict: ARCHIVED, times }))
    }

    fn counts(&self) -> &'static [&'static str] {
        &["backup_commit_ms"]
    }

    fn levels(&self, stats: &Stats) -> Vec<Level> {
        let longest = stats.own(&["commit_us", "max"]).map(|us| us / 1e3);
        let level = |value| Level { node: "backup-1", name: "backup_commit_ms", unit: "ms", value };
        longest.map(level).into_iter().collect()
    }

    fn verdicts(&self) -> [&'static [&'static str]; 2] {
        [&[ARCHIVED], &[]]
    }
}
