//! The registry: the systems that there are. It names every one of them, and none names it.

use crate::pipeline::{backup, search, spark, trending};
use crate::system::SystemKind;
use crate::{bookkeeper, kafka, pravega};

/// The systems that there are.
#[derive(Clone, Debug)]
pub struct Systems(Vec<&'static dyn SystemKind>);

impl Systems {
    /// Those of this crate.
    pub fn standard() -> Self {
        Self(vec![
            &kafka::system::Kafka,
            &pravega::system::Pravega,
            &bookkeeper::system::BookKeeper,
            &spark::system::Spark,
            &backup::system::Backup,
            &trending::system::Trending,
            &search::system::Search,
        ])
    }

    /// With one more.
    ///
    /// # Panics
    /// If there is one of that name.
    pub fn with(mut self, kind: &'static dyn SystemKind) -> Self {
        assert!(self.find(kind.name()).is_none(), "there is a system {}", kind.name());
        self.0.push(kind);
        self
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &'static dyn SystemKind> + '_ {
        self.0.iter().copied()
    }

    /// Their names in `kind = "..."`.
    pub fn names(&self) -> Vec<&'static str> {
        self.iter().map(SystemKind::name).collect()
    }

    /// The one of this name.
    pub fn find(&self, name: &str) -> Option<&'static dyn SystemKind> {
        self.iter().find(|kind| kind.name() == name)
    }
}

impl Default for Systems {
    fn default() -> Self {
        Self::standard()
    }
}

impl PartialEq for Systems {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::signal::Signals;

    #[test]
    fn names_of_properties_and_signals_are_unique_in_a_system() {
        for kind in Systems::standard().iter() {
            let Signals { marks, levels, gauges } = kind.signals();
            let properties = kind.properties();
            let groups: [Vec<&str>; 5] = [
                properties.iter().map(|property| property.name).collect(),
                marks.iter().map(|mark| mark.name).collect(),
                levels.iter().map(|level| level.name).collect(),
                gauges.iter().map(|gauge| gauge.name).collect(),
                kind.roles().iter().map(|role| role.group).collect(),
            ];
            for names in groups {
                let unique: BTreeSet<_> = names.iter().collect();
                assert_eq!(unique.len(), names.len(), "{}: {names:?}", kind.name());
            }
        }
    }

    #[test]
    fn an_office_that_a_mark_gives_is_one_of_the_system() {
        for kind in Systems::standard().iter() {
            for mark in kind.signals().marks {
                let known = mark.takes.is_none_or(|office| kind.offices().contains(&office));
                assert!(known, "{}: {}", kind.name(), mark.name);
            }
        }
    }
}
