//! What the file of every kind begins with.

pub(super) use headwater_sim::fault::Fault;
pub(super) use headwater_sim::time::Duration;
pub(super) use rand::Rng;
pub(super) use serde::{Deserialize, Serialize};

pub(super) use super::entry::{Damage, Entry, Family, InSwarms, Live, Overlap, Stops};
pub(super) use super::kind::{FaultKind, Timed, at_once, read};
pub(super) use super::situation::Situation;
