//! The condition of a service outside of the system, which a node stands for: an object store, say.

use serde::{Deserialize, Serialize};

/// The condition of a service outside of the system, by a name that the service knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What: such as `errors_ppm`.
    pub name: String,
    /// Its value from now on.
    pub value: u64,
}
