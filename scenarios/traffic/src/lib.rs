//! Traffic: one seeded schedule of events for the simulator and for the load generator.
//!
//! A [`TrafficSpec`] says what arrives; with a seed it becomes a [`Plan`], and a plan opens
//! [`Schedule`]s: iterators over [`headwater_models::arrival::Arrival`] in constant memory, the
//! same on every machine (integer time, floating point from `libm` only).
//!
//! How it is made, and what is independent of what:
//! - **When.** The rate is the sum of a base and of shots, and each of these is a process of its
//!   own
//!   with a random stream of its own, by exact inversion of its cumulative rate; the schedule is
//!   their merge. The sum of independent Poisson processes is the Poisson process of the summed
//!   rate, and a shot added or changed moves no event of the base. Days of the week, noise and
//!   regimes multiply the base; retweets are begotten by every event.
//! - **Who and how large.** Key, size, text and hashtag of an event are hashes of (seed, purpose,
//!   intended time), so that another size law moves no event and changes no key, and an event's
//!   payload can be made from the event alone.
//! - **Split.** Producers share a schedule by key, so that a key's events stay with one producer
//!   (order per key asks for that); events without a key go round robin by index.

mod base;
mod cascade;
mod curve;
mod describe;
mod error;
mod form;
mod hashtags;
mod lanes;
mod languages;
mod marks;
mod parse;
mod path;
mod payload;
mod plan;
mod rate;
mod schedule;
mod shot;
mod sizes;
mod spec;
mod trace;
mod users;

pub use cascade::{CascadeSpec, Kernel};
pub use describe::{
    Description, HashtagCount, LanguageShare, SizeQuantile, TopShare, WindowDispersion, describe,
};
pub use error::TrafficError;
pub use form::PayloadForm;
pub use hashtags::Topics;
pub use lanes::Lanes;
pub use languages::{Language, LanguageSpec};
pub use parse::{Damage, parse};
pub use path::{NoiseSpec, RegimeSpec, WeeklySpec};
pub use payload::{Payloads, Place, Stamp, civil};
pub use plan::{Plan, Tweet};
pub use rate::Rate;
pub use schedule::{Part, Schedule, Tweets};
pub use shot::{Preset, ShotSpec};
pub use sizes::Sizes;
pub use spec::{
    DiurnalSpec, HashtagSpec, KeyMode, Pacing, SizeModel, SizeSpec, TextSpec, TrafficSpec, UserSpec,
};
pub use trace::{Format, Malformed, Origin, Survey, TraceSpec, Unit, save};
pub use users::Users;
