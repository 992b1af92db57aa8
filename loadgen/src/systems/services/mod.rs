//! Services behind the streams of a pipeline: processes of the program `headwater-pipeline`, which
//! say on a port what they have counted, and in a file when they end.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use headwater_models::system::System;
use serde::Deserialize;

use super::engine::Tap;
use crate::failure::{Failure, Result};

mod backup;
mod trending;

/// The program that all of them are of.
const PROGRAM: &str = "headwater-pipeline";

/// How long an answer to a question on the loopback address may take.
const ANSWER: Duration = Duration::from_secs(2);

/// A service that can be launched.
pub(crate) trait LiveService: Sync {
    /// What it is: its name in `kind = "..."`, and the program's subcommand.
    fn name(&self) -> &'static str;

    /// What it is told of the options of `system`, by its own names.
    fn options(&self, system: &dyn System) -> BTreeMap<&'static str, String>;

    /// What it is told of files, in `home`.
    fn files(&self, _home: &Path) -> BTreeMap<&'static str, String> {
        BTreeMap::new()
    }

    /// The events that it has kept in its files, by their numbers, each as often as it is there;
    /// none where it keeps none.
    ///
    /// # Errors
    /// If they can't be read.
    fn kept(&self, _home: &Path) -> Result<Option<BTreeMap<u64, u32>>> {
        Ok(None)
    }
}

/// Every live service.
static SERVICES: [&dyn LiveService; 2] = [&backup::Backup, &trending::Trending];

/// The live service of this kind, if there is one.
pub(crate) fn service(kind: &str) -> Option<&'static dyn LiveService> {
    SERVICES.into_iter().find(|service| service.name() == kind)
}

/// What a service counts (`GET /stats`, and the summary at its end).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Stats {
    /// Records that it was handed.
    pub(crate) received: u64,
    /// Different events among them.
    pub(crate) distinct: u64,
    /// Records of events that it had.
    pub(crate) repeated: u64,
    /// Records that are none.
    pub(crate) malformed: u64,
    /// From an event's intended time until it is where a query finds it, microseconds.
    pub(crate) delay_us: Delays,
}

/// How long something took, microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Delays {
    /// The median.
    pub(crate) p50: Option<u64>,
    /// The 99th percentile.
    pub(crate) p99: Option<u64>,
}

/// The program, beside this one or on the PATH; none where it was not built.
pub(crate) fn program() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok()?.with_file_name(PROGRAM);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(PROGRAM));
    std::iter::once(beside).chain(on_path).find(|program| program.is_file())
}

/// Why a service is left out where there is no program.
pub(crate) const NO_PROGRAM: &str = "there is no `headwater-pipeline` beside this program or on \
                                     the PATH: cargo build --bin headwater-pipeline";

/// The command of a service that reads a stream, and serves at an address.
pub(crate) fn command(
    service: &dyn LiveService,
    system: &dyn System,
    reads: &Tap,
    (listen, home): (SocketAddr, &Path),
) -> Result<Vec<String>> {
    let program = program().ok_or_else(|| Failure::new(NO_PROGRAM))?;
    let mut command = vec![program.display().to_string(), service.name().to_owned()];
    let fixed = BTreeMap::from([
        ("bootstrap", reads.address.clone()),
        ("topic", reads.stream.clone()),
        ("listen", listen.to_string()),
        ("summary", summary(home).display().to_string()),
    ]);
    for (name, value) in fixed.into_iter().chain(service.files(home)).chain(service.options(system))
    {
        command.extend([format!("--{name}"), value]);
    }
    Ok(command)
}

/// Where a service writes what it has counted when it ends.
pub(crate) fn summary(home: &Path) -> PathBuf {
    home.join("summary.json")
}

/// What a service that serves at `address` has counted by now.
pub(crate) fn stats(address: SocketAddr) -> std::io::Result<Stats> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    let request = format!("GET /stats HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).map_err(std::io::Error::other)
}

/// Reads what a service has counted by its end.
pub(crate) fn read(path: &Path) -> Result<Stats> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::io(format_args!("can't read {}", path.display()), &error))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::after_run(format!("{}: {error}", path.display())))
}

/// A time as the program reads it.
fn time(of: headwater_sim::time::Duration) -> String {
    format!("{}ms", of.0 / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_scenarios::scenario;

    #[test]
    fn what_a_service_counts_is_read_though_it_says_more() {
        let text = r#"{"stage":"trending","received":7,"distinct":5,"repeated":1,"malformed":1,
            "delay_us":{"count":5,"p50":900,"p90":950,"p99":990,"max":1000},"offsets":[3,4]}"#;
        let stats: Stats = serde_json::from_str(text).unwrap();
        assert_eq!((stats.received, stats.distinct, stats.delay_us.p50), (7, 5, Some(900)));
        let nothing = r#"{"received":0,"distinct":0,"repeated":0,"malformed":0,"delay_us":{}}"#;
        let stats: Stats = serde_json::from_str(nothing).unwrap();
        assert_eq!(stats, Stats::default());
    }

    #[test]
    fn options_of_the_models_reach_the_services_by_their_own_names() {
        let full = scenario::Source::find("pipeline/twitter-full").unwrap().read(&[]).unwrap();
        let of = |kind: &str| {
            let found = full.systems.iter().find(|(_, part)| part.system.kind().name() == kind);
            service(kind).unwrap().options(&*found.unwrap().1.system)
        };
        let (backup, trending) = (of("backup"), of("trending"));
        assert_eq!(backup["commit-interval"], "1000ms");
        let windows = ["window", "slide", "max-delay"].map(|name| trending[name].as_str());
        assert_eq!(windows, ["5000ms", "1000ms", "3000ms"]);
    }
}
