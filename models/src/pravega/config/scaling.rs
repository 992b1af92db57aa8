//! When the stream is scaled.
//!
//! Stands for a manual scale (`StreamManager`, `Controller.scaleStream` of pravega @ v0.13.0) of
//! every segment at once. Left out: the scaling policies by rate, whose averages over 2 to 20
//! minutes (`AutoScaleProcessor`) reach beyond most runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Scales of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "Controller.scaleStream @ pravega/pravega v0.13.0"))]
pub struct Scaling {
    /// When every segment is split, in ms from the start; 0 for never. Default 0.
    #[serde(rename = "at.ms")]
    pub at_ms: u64,
    /// Segments that each is split into. Default 2.
    pub factor: u32,
    /// When what was split is merged again, in ms from the start; 0 for never. Default 0.
    #[serde(rename = "back.at.ms")]
    pub back_at_ms: u64,
}

impl Default for Scaling {
    fn default() -> Self {
        Self { at_ms: 0, factor: 2, back_at_ms: 0 }
    }
}

impl Scaling {
    /// What makes it impossible, if anything.
    pub fn check(&self) -> Result<(), String> {
        let Self { at_ms, factor, back_at_ms } = *self;
        if !(2..=64).contains(&factor) {
            return Err(format!("scaling factor = {factor}: it must be 2 to 64"));
        }
        if back_at_ms > 0 && (at_ms == 0 || back_at_ms <= at_ms) {
            return Err(format!(
                "scaling back.at.ms = {back_at_ms}: it must be after at.ms = {at_ms}, which must \
                 be above 0"
            ));
        }
        Ok(())
    }
}
