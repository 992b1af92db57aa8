//! What a run of this model must always, sometimes and eventually show.
//!
//! Stands for no component: these are claims about the modelled protocol. No parameters.

use crate::property::Property;

/// Every property of this model.
pub const ALL: &[&Property] = &[];
