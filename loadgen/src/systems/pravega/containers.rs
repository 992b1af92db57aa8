//! Which launched store runs which container: what the stores log of it. They say so when a
//! container has recovered, as the simulated ones mark it; the controller's map in ZooKeeper says
//! it earlier, while the container is still closed to everybody.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use headwater_models::pravega::signals::{CONTAINER_RECOVERED, CONTROLLER, LEADER};
use headwater_reports::outcome::Mark;

use super::split::{self, store_name};
use crate::failure::Result;
use crate::launch::crew;
use crate::launch::log_line::line;
use crate::systems::client::{Observer, Reading};
use crate::systems::system::Storage;

/// The offices that a launched cluster's holders are told of.
pub(super) const OFFICES: [&str; 2] = [LEADER.name, CONTROLLER.name];

/// What a store logs of a container, with its number (`ZKSegmentContainerMonitor.java` @ 0.13.0).
const STARTED: [&str; 2] = ["Container ", " has been registered."];
const STOPPED: [&str; 2] = ["Container ", " has been unregistered."];

/// A container that began or ceased to run on a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    unix_ms: u64,
    container: u32,
    store: usize,
    runs: bool,
}

/// All changes by time, as the stores' logs in `data` have them.
fn changes(data: &Path, stores: usize) -> Vec<Change> {
    let mut all = Vec::new();
    for store in 1..=stores {
        // One that can't be read tells nothing; the others do.
        let text = std::fs::read_to_string(crew::log(data, &store_name(store))).unwrap_or_default();
        let of = |text| {
            let line = line(text)?;
            let (container, runs) = change(line.message)?;
            Some(Change { unix_ms: line.unix_ms, container, store, runs })
        };
        all.extend(text.lines().filter_map(of));
    }
    all.sort_by_key(|change| change.unix_ms);
    all
}

/// The container that a message is about, and whether it runs from now on.
fn change(message: &str) -> Option<(u32, bool)> {
    [(STARTED, true), (STOPPED, false)].into_iter().find_map(|([head, tail], runs)| {
        let (before, after) = message.split_once(tail)?;
        let container = before.rsplit_once(head)?.1.parse().ok()?;
        after.trim().is_empty().then_some((container, runs))
    })
}

/// The store that runs each container.
pub(super) fn owners(data: &Path, stores: usize) -> BTreeMap<u32, usize> {
    let mut owners = BTreeMap::new();
    for Change { container, store, runs, .. } in changes(data, stores) {
        if runs {
            owners.insert(container, store);
        } else if owners.get(&container) == Some(&store) {
            owners.remove(&container);
        }
    }
    owners
}

/// A stream on stores that were launched, whose logs are here.
pub(super) struct OnStores<S> {
    /// The stream.
    pub(super) stream: S,
    /// Where the logs are.
    pub(super) data: PathBuf,
    /// How many stores there are.
    pub(super) stores: usize,
}

impl<S: Storage> Storage for OnStores<S> {
    fn holder(&self, office: &str) -> Option<String> {
        if office == CONTROLLER.name {
            return Some(split::CONTROLLER_PROCESS.to_owned());
        }
        let of_first = LEADER.of.filter(|_| office == LEADER.name)?;
        owners(&self.data, self.stores).get(&(of_first as u32)).copied().map(store_name)
    }

    fn placed(&self) -> Vec<String> {
        self.stream.placed()
    }

    fn written_by_others(&self) -> Option<u64> {
        self.stream.written_by_others()
    }

    fn marks(&self, started: u64) -> Vec<Mark> {
        let moved = |change: &Change| change.runs && change.unix_ms >= started;
        let mark = |change: Change| Mark {
            at_ns: (change.unix_ms - started) * 1_000_000,
            name: CONTAINER_RECOVERED.name.into(),
            detail: format!("{}, container {}", store_name(change.store), change.container),
        };
        let changes = changes(&self.data, self.stores).into_iter().filter(moved);
        self.stream.marks(started).into_iter().chain(changes.map(mark)).collect()
    }

    fn read_again(&self, observer: &Observer) -> Option<Result<Reading>> {
        self.stream.read_again(observer)
    }

    fn remove(&self) -> Result<()> {
        self.stream.remove()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::system::NoStorage;

    const FIRST: &str = "\
2026-11-29 19:45:34,741 INFO  i.p.s.s.h.ZKSegmentContainerMonitor Starting Container 0.
2026-11-29 19:45:40,344 INFO  i.p.s.s.h.ZKSegmentContainerMonitor Container 2 has been registered.
2026-11-29 19:45:40,361 INFO  i.p.s.s.h.ZKSegmentContainerMonitor Container 0 has been registered.
";
    const SECOND: &str = "\
2026-11-29 19:45:40,344 INFO  i.p.s.s.h.ZKSegmentContainerMonitor Container 1 has been registered.
2026-11-29 19:45:50,000 INFO  i.p.s.s.h.ZKSegmentContainerMonitor Container 1 has been unregistered.
2026-11-29 19:46:02,500 INFO  i.p.s.s.h.ZKSegmentContainerMonitor Container 0 has been registered.
";

    fn on_stores(first: &str, second: &str) -> (tempfile::TempDir, OnStores<NoStorage>) {
        let folder = tempfile::tempdir().unwrap();
        for (number, text) in [(1, first), (2, second)] {
            std::fs::write(crew::log(folder.path(), &store_name(number)), text).unwrap();
        }
        let data = folder.path().to_owned();
        (folder, OnStores { stream: NoStorage, data, stores: 2 })
    }

    #[test]
    fn the_leader_is_who_said_last_that_it_runs_container_0() {
        let (_folder, before) = on_stores(FIRST, "");
        assert_eq!(before.holder("leader").as_deref(), Some("store-1"));
        let (_folder, after) = on_stores(FIRST, SECOND);
        assert_eq!(after.holder("leader").as_deref(), Some("store-2"));
        assert_eq!(after.holder("controller").as_deref(), Some("controller-1"));
        assert_eq!(after.holder("follower"), None);
        let (_folder, nobody) = on_stores("", "");
        assert_eq!(nobody.holder("leader"), None);
    }

    #[test]
    fn a_container_runs_where_it_was_started_until_it_is_stopped_there() {
        let (folder, _) = on_stores(FIRST, SECOND);
        assert_eq!(owners(folder.path(), 2), BTreeMap::from([(0, 2), (2, 1)]));
    }

    #[test]
    fn what_recovers_during_the_run_is_marked_as_in_a_simulation() {
        let (_folder, stores) = on_stores(FIRST, SECOND);
        let started = line(FIRST.lines().nth(2).unwrap()).unwrap().unix_ms + 1;
        let marks: Vec<_> = stores.marks(started).into_iter().collect();
        assert_eq!(marks.len(), 1, "{marks:?}");
        assert_eq!(
            (marks[0].name.as_str(), marks[0].at_ns),
            ("container_recovered", 22_138_000_000)
        );
        assert_eq!(marks[0].detail, "store-2, container 0");
    }
}
