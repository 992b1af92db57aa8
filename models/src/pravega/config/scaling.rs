//! When the stream is scaled.
//!
//! Stands for a manual scale (`StreamManager`, `Controller.scaleStream` of pravega @ v0.13.0) of
//! every segment at once, and for `ScalingPolicy`, by which segments are split and merged when
//! their load has been too high or too low for minutes. How that is measured, the store's
//! `autoScale.*` options say. Left out: a change of the policy while the stream is written.

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

/// What a segment's load is measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScaleType {
    /// It is not measured: the number of segments stays.
    #[default]
    FixedNumSegments,
    /// In events per second.
    ByRateInEventsPerSec,
    /// In kilobytes (of 1,024 bytes) per second, with the 8 bytes before each event.
    ByRateInKbytesPerSec,
}

/// By what load the stream is scaled by itself. It is never merged to fewer segments than it
/// began with (`segments`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "ScalingPolicy @ pravega/pravega v0.13.0"))]
pub struct ScalingPolicy {
    /// What a segment's load is measured in. Default `fixed_num_segments`: no scaling.
    #[serde(rename = "scale.type")]
    pub scale_type: ScaleType,
    /// Load that a segment is meant to take, in events or kilobytes per second. Default 0.
    #[serde(rename = "target.rate")]
    pub target_rate: u32,
    /// Segments at the most that one is split into at a time. Default 2.
    #[serde(rename = "scale.factor")]
    pub scale_factor: u32,
}

impl Default for ScalingPolicy {
    fn default() -> Self {
        Self { scale_type: ScaleType::default(), target_rate: 0, scale_factor: 2 }
    }
}

impl ScalingPolicy {
    /// True if the stream is scaled by its load.
    pub fn scales(&self) -> bool {
        self.scale_type != ScaleType::FixedNumSegments
    }

    /// What makes it impossible beside `scaling`, if anything.
    pub fn check(&self, scaling: &Scaling) -> Result<(), String> {
        let Self { target_rate, scale_factor, .. } = *self;
        if !self.scales() {
            if target_rate > 0 {
                return Err(format!(
                    "scaling_policy target.rate = {target_rate}: nothing uses it with scale.type = \
                     \"fixed_num_segments\"; by_rate_in_events_per_sec does"
                ));
            }
            return Ok(());
        }
        if target_rate == 0 || target_rate > i32::MAX as u32 {
            return Err(format!(
                "scaling_policy target.rate = {target_rate}: it must be 1 to 2147483647, in events \
                 or kilobytes per second"
            ));
        }
        if !(1..=64).contains(&scale_factor) {
            return Err(format!(
                "scaling_policy scale.factor = {scale_factor}: it must be 1 to 64"
            ));
        }
        if scaling.at_ms > 0 {
            let at = scaling.at_ms;
            return Err(format!(
                "scaling at.ms = {at}: a stream that is scaled by its load (scaling_policy) is not \
                 scaled by hand as well; set 0"
            ));
        }
        Ok(())
    }
}
