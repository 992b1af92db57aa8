//! The condition of an external service that a node stands for, such as an object store.

use serde::{Deserialize, Serialize};

/// The condition of an external service, by a name that the service knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What: such as `errors_ppm`.
    pub name: String,
    /// Its value from now on.
    pub value: u64,
}
