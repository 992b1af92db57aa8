//! What is wrong with a traffic description.

use std::borrow::Cow;

use thiserror::Error;

/// One field of a [`super::TrafficSpec`] is out of its range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("traffic.{field} is {found}; expected {expected}")]
pub struct TrafficError {
    /// The field, below `traffic`, such as `shots[0].peak`.
    pub field: String,
    /// What it is.
    pub found: String,
    /// What it may be, with its unit.
    pub expected: Cow<'static, str>,
}

impl TrafficError {
    /// `field` was `found` where `expected` was wanted.
    pub fn new(
        field: impl Into<String>,
        found: impl ToString,
        expected: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: field.into(), found: found.to_string(), expected: expected.into() }
    }

    /// Passes a float that lies in `low ..= high`; NaN never does.
    pub(super) fn within(
        field: &str,
        value: f64,
        (low, high): (f64, f64),
        expected: &'static str,
    ) -> Result<(), Self> {
        if (low..=high).contains(&value) { Ok(()) } else { Err(Self::new(field, value, expected)) }
    }
}
