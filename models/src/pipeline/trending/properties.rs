//! What a run of this model must always and sometimes show.
//!
//! Stands for no component: what a count promises, and the rare paths that a swarm must have taken.

use crate::property::Property;

/// Noted at each start from a position.
pub const NO_GAP: Property = Property::always(
    "trending-no-gap",
    "The stream has what the windows need that were open when a count was started again.",
);
/// A life has read again what an earlier one had.
pub const REBUILT: Property =
    Property::sometimes("trending-rebuilt", "A restart counts open windows anew.");
/// A tweet came when a window of it was over.
pub const LATE: Property = Property::sometimes("trending-late", "A tweet comes after its window.");
/// A tweet came that was counted.
pub const AGAIN: Property =
    Property::sometimes("trending-again", "A tweet that comes again is not counted again.");

/// Every property of this model.
pub const ALL: &[&Property] = &[&NO_GAP, &REBUILT, &LATE, &AGAIN];
