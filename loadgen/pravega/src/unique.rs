//! Ids that no other writer has.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number that is not used again, by any process.
pub(crate) fn id() -> u128 {
    // The standard library's hashers are seeded by the operating system, each differently.
    let random = || u128::from(RandomState::new().build_hasher().finish());
    (random() << 64) | random()
}
