//! The target of a fault, as written in a scenario file.

use serde::{Deserialize, Serialize};

/// Who: names of nodes (`broker-1`, `tier`), or of groups and failure domains that are looked up
/// when the fault happens ([`crate::targets::described`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "OneOrMany", into = "OneOrMany")]
pub struct Target(pub Vec<String>);

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a node such as \"broker-1\", or a list of nodes")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Target {
    fn from(written: OneOrMany) -> Self {
        match written {
            OneOrMany::One(name) => Self(vec![name]),
            OneOrMany::Many(names) => Self(names),
        }
    }
}

impl From<Target> for OneOrMany {
    fn from(target: Target) -> Self {
        match <[String; 1]>::try_from(target.0) {
            Ok([name]) => Self::One(name),
            Err(names) => Self::Many(names),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}
