//! Departures: what a live run does otherwise than its scenario asks.

use headwater_reports::outcome::Difference;

/// A difference between a live run and what its scenario asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Departure {
    /// What it is, for the outcome.
    pub(crate) difference: Difference,
    /// What to change, where the run would be another experiment: then it is refused unless the
    /// user accepts that.
    pub(crate) remedy: Option<String>,
}

impl Departure {
    /// A departure that the outcome states.
    pub(crate) fn told(
        option: impl Into<String>,
        asked: impl ToString,
        done: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        let (option, done, why) = (option.into(), done.into(), why.into());
        Self {
            difference: Difference { option, asked: asked.to_string(), done, why },
            remedy: None,
        }
    }

    /// The same, refused unless the user accepts it.
    pub(crate) fn refused(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}
