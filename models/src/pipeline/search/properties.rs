//! What a run of this model must always and sometimes show.
//!
//! Stands for no component: what a search promises, and the rare paths that a swarm must have
//! taken.

use crate::property::Property;

/// Noted at each start of the indexer.
pub const NO_GAP: Property = Property::always(
    "search-no-gap",
    "The stream has what follows the position of an indexer that is started again.",
);
/// Rows came that were stored.
pub const KNOWN: Property =
    Property::sometimes("search-known", "A row that comes again is not stored again.");
/// A request went to a second process.
pub const PASSED_ON: Property =
    Property::sometimes("search-passed-on", "A request goes to the next process if one fails.");

/// Every property of this model.
pub const ALL: &[&Property] = &[&NO_GAP, &KNOWN, &PASSED_ON];
