//! Names of containers.
//!
//! Stands for the container ids of `StreamSegmentContainerRegistry` @ v0.13.0. No parameters.

/// A container, by its number from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(pub u32);

impl ContainerId {
    /// Its place in lists by container.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl From<ContainerId> for u64 {
    fn from(container: ContainerId) -> Self {
        container.0.into()
    }
}
