//! What of the stream is kept.
//!
//! Stands for `RetentionPolicy` of pravega @ v0.13.0 (`byTime`, `bySizeBytes`). How often the
//! controller looks is `controller.retention.frequency.minutes`; whether readers hold truncation
//! up, `retention.type` of [`super::Reader`]. Left out: a change of the policy while the stream is
//! written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Scaling;

/// What decides how far the stream is truncated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetentionType {
    /// Nothing is removed.
    #[default]
    None,
    /// How long it was in the stream.
    Time,
    /// How much was written after it.
    Size,
}

/// What of the stream is kept: at every look the controller puts down where the stream ends, and
/// truncates it at the last such place that leaves as much as the policy wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-source" = "RetentionPolicy @ pravega/pravega v0.13.0"))]
pub struct RetentionPolicy {
    /// What decides how far the stream is truncated. Default `none`: nothing is removed.
    #[serde(rename = "retention.type")]
    pub retention_type: RetentionType,
    /// By time: how long everything is kept at the least, in ms
    /// (`RetentionPolicy.byTime(durationMin)`). Default 0.
    #[serde(rename = "duration.ms.min")]
    pub duration_ms_min: u64,
    /// By time: how long readers that have not read it can hold its removal up, in ms; 0 for ever
    /// (`durationMax`). Default 0.
    #[serde(rename = "duration.ms.max")]
    pub duration_ms_max: u64,
    /// By size: how many bytes of the newest are kept at the least, the 8 before each event counted
    /// (`RetentionPolicy.bySizeBytes(sizeMin)`). Default 0.
    #[serde(rename = "size.bytes.min")]
    pub size_bytes_min: u64,
    /// By size: how many bytes readers that have not read them can keep from being removed; 0 for
    /// any number (`sizeMax`). Default 0.
    #[serde(rename = "size.bytes.max")]
    pub size_bytes_max: u64,
}

impl RetentionPolicy {
    /// True if the stream is ever truncated.
    pub fn retains(&self) -> bool {
        self.retention_type != RetentionType::None
    }

    /// The least and the most, in what the policy counts.
    pub fn limits(&self) -> (u64, u64) {
        let (least, most) = match self.retention_type {
            RetentionType::Size => (self.size_bytes_min, self.size_bytes_max),
            RetentionType::None | RetentionType::Time => {
                (self.duration_ms_min, self.duration_ms_max)
            }
        };
        (least, if most == 0 { u64::MAX } else { most })
    }

    /// What makes it impossible beside `scaling`, if anything.
    pub fn check(&self, scaling: &Scaling) -> Result<(), String> {
        let time =
            [("duration.ms.min", self.duration_ms_min), ("duration.ms.max", self.duration_ms_max)];
        let size =
            [("size.bytes.min", self.size_bytes_min), ("size.bytes.max", self.size_bytes_max)];
        let by = [(RetentionType::Time, "time", time), (RetentionType::Size, "size", size)];
        for (of, called, options) in by {
            let [(least_name, least), (most_name, most)] = options;
            let set = options.iter().find(|(_, value)| *value > 0);
            match set.filter(|_| of != self.retention_type) {
                Some((name, value)) => {
                    return Err(format!(
                        "retention_policy {name} = {value}: only retention.type = \"{called}\" \
                         uses it"
                    ));
                }
                None if of != self.retention_type => {}
                None if least == 0 => {
                    return Err(format!("retention_policy {least_name} = 0: it must be above 0"));
                }
                None if most > 0 && most < least => {
                    return Err(format!(
                        "retention_policy {most_name} = {most}: it must be at least {least_name} = \
                         {least}, or 0"
                    ));
                }
                None => {}
            }
        }
        if self.retains() && scaling.at_ms > 0 {
            let at = scaling.at_ms;
            return Err(format!(
                "scaling at.ms = {at}: the segments of a stream with a retention_policy are not \
                 scaled by hand; set 0, or a scaling_policy"
            ));
        }
        Ok(())
    }
}
