//! The metadata service's records: what a log of transactions makes of them.
//!
//! Stands for `DataTree` and `SessionTrackerImpl` of ZooKeeper 3.6.3. Parameters: none; sessions
//! bring their own timeouts. Left out: nested directories, access control lists, statistics of a
//! znode beyond its version.

use std::collections::BTreeMap;

use headwater_sim::time::Duration;

use crate::bookkeeper::ledger_metadata::LedgerState;
use crate::collections::SortedVecMap;

use super::message::{MetadataError, MetadataResponse, Operation, Path, SessionId, Value, Version};

#[derive(Clone, Debug)]
struct Stored {
    value: Value,
    version: Version,
    owner: Option<SessionId>,
}

/// Records, sessions and counters.
#[derive(Clone, Debug, Default)]
pub struct MetadataTree {
    records: BTreeMap<Path, Stored>,
    counters: SortedVecMap<&'static str, u64>,
    sessions: SortedVecMap<SessionId, Duration>,
    next_session: u64,
}

/// What an operation came to.
#[derive(Clone, Debug)]
pub struct Applied {
    /// For the client.
    pub result: Result<MetadataResponse, MetadataError>,
    /// Records that were made, changed or removed.
    pub changed: Vec<Path>,
}

impl Applied {
    fn with(result: Result<MetadataResponse, MetadataError>) -> Self {
        Self { result, changed: Vec::new() }
    }
}

impl MetadataTree {
    /// The open sessions and their timeouts.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, Duration)> + '_ {
        self.sessions.iter().map(|(session, timeout)| (*session, *timeout))
    }

    /// The timeout of a session, if it is open.
    pub fn session_timeout(&self, session: SessionId) -> Option<Duration> {
        self.sessions.get(&session).copied()
    }

    /// If the operation sets the metadata of a closed ledger: its number, its state before and
    /// after.
    pub fn end_of_closed(&self, operation: &Operation) -> Option<(u64, LedgerState, LedgerState)> {
        let Operation::Set { path, value: Value::Ledger(after), .. } = operation else {
            return None;
        };
        match &self.records.get(path)?.value {
            Value::Ledger(before) if before.is_closed() => {
                Some((path.id, before.state, after.state))
            }
            _ => None,
        }
    }

    /// How often a counter was asked for its next number.
    pub fn counter(&self, counter: &'static str) -> u64 {
        self.counters.get(&counter).copied().unwrap_or(0)
    }

    /// Numbers of the records of a directory.
    pub fn numbers(&self, directory: &'static str) -> impl Iterator<Item = u64> {
        let places = Path::new(directory, 0)..=Path::new(directory, u64::MAX);
        self.records.range(places).map(|(path, _)| path.id)
    }

    /// Carries an operation out.
    pub fn apply(&mut self, session: Option<SessionId>, operation: &Operation) -> Applied {
        if let Some(session) = session
            && !self.sessions.contains_key(&session)
        {
            return Applied::with(Err(MetadataError::SessionExpired));
        }
        match operation {
            Operation::OpenSession { timeout } => {
                self.next_session += 1;
                let id = SessionId(self.next_session);
                self.sessions.insert(id, *timeout);
                Applied::with(Ok(MetadataResponse::Session(id)))
            }
            Operation::CloseSession => self.close(session),
            Operation::Ping => Applied::with(Ok(MetadataResponse::Done(Version(0)))),
            Operation::Create { path, value, ephemeral } => {
                self.create(*path, value, if *ephemeral { session } else { None })
            }
            Operation::Get { path, .. } => Applied::with(match self.records.get(path) {
                Some(stored) => {
                    let (value, version) = (stored.value.clone(), stored.version);
                    Ok(MetadataResponse::Record { value, version })
                }
                None => Err(MetadataError::NoNode),
            }),
            Operation::Set { path, value, version } => self.set(*path, value, *version),
            Operation::Delete { path, version } => self.delete(*path, *version),
            Operation::List { directory, .. } => {
                let places = Path::new(directory, 0)..=Path::new(directory, u64::MAX);
                let records = self.records.range(places);
                let records = records.map(|(path, stored)| (path.id, stored.value.clone()));
                Applied::with(Ok(MetadataResponse::Directory(records.collect())))
            }
            Operation::Next { counter } => {
                let next = self.counters.entry_or_default(counter);
                *next += 1;
                Applied::with(Ok(MetadataResponse::Number(*next - 1)))
            }
        }
    }

    fn close(&mut self, session: Option<SessionId>) -> Applied {
        let Some(session) = session else {
            return Applied::with(Err(MetadataError::SessionExpired));
        };
        self.sessions.remove(&session);
        let owned = self.records.iter().filter(|(_, stored)| stored.owner == Some(session));
        let changed: Vec<_> = owned.map(|(path, _)| *path).collect();
        for path in &changed {
            self.records.remove(path);
        }
        Applied { result: Ok(MetadataResponse::Done(Version(0))), changed }
    }

    fn create(&mut self, path: Path, value: &Value, owner: Option<SessionId>) -> Applied {
        if self.records.contains_key(&path) {
            return Applied::with(Err(MetadataError::NodeExists));
        }
        self.records.insert(path, Stored { value: value.clone(), version: Version(0), owner });
        Applied { result: Ok(MetadataResponse::Done(Version(0))), changed: vec![path] }
    }

    fn set(&mut self, path: Path, value: &Value, version: Option<Version>) -> Applied {
        let Some(stored) = self.records.get_mut(&path) else {
            return Applied::with(Err(MetadataError::NoNode));
        };
        if version.is_some_and(|version| version != stored.version) {
            return Applied::with(Err(MetadataError::BadVersion));
        }
        stored.value = value.clone();
        stored.version.0 += 1;
        Applied { result: Ok(MetadataResponse::Done(stored.version)), changed: vec![path] }
    }

    fn delete(&mut self, path: Path, version: Option<Version>) -> Applied {
        let Some(stored) = self.records.get(&path) else {
            return Applied::with(Err(MetadataError::NoNode));
        };
        if version.is_some_and(|version| version != stored.version) {
            return Applied::with(Err(MetadataError::BadVersion));
        }
        let version = stored.version;
        self.records.remove(&path);
        Applied { result: Ok(MetadataResponse::Done(version)), changed: vec![path] }
    }
}
