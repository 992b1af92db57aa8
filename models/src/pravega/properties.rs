//! What a run of this model must always, sometimes and eventually show.
//!
//! Stands for no component: invariants of pravega @ v0.13.0
//! (`documentation/src/docs/segment-store-service.md`, `segment-containers.md`) and the rare paths
//! that a swarm must have been on. Noted on rare paths only: each is an observation, and those cost
//! time.

use crate::property::Property;

/// Every property of this model.
pub const ALL: &[&Property] = &[];
