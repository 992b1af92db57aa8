//! What a run of this model must always, sometimes and eventually show.

use crate::property::Property;

/// Every property of this model.
pub const ALL: &[&Property] = &[];
