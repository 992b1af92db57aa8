//! What a run of this model must always and sometimes show.
//!
//! Stands for no component: what a backup promises, and the rare paths that a swarm must have
//! taken.

use crate::property::Property;

/// Noted at each start.
pub const NO_GAP: Property =
    Property::always("backup-no-gap", "A backup goes on where its file ends: the stream has it.");
/// A life has found lines behind the position of the one before.
pub const CUT: Property =
    Property::sometimes("backup-cut", "Lines behind the last position are cut off at a start.");
/// A write was refused, and taken later.
pub const RESUMED: Property =
    Property::sometimes("backup-resumed", "A backup goes on when its disk has room again.");

/// Every property of this model.
pub const ALL: &[&Property] = &[&NO_GAP, &CUT, &RESUMED];
