//! Space-time diagrams, as L. Lamport drew them ("Time, Clocks, and the Ordering of Events in a
//! Distributed System", CACM 21(7), 1978): a lane per node, an arrow per message, time downwards.
//!
//! Time is drawn to no scale: moments follow each other at a distance at which they can be read,
//! and where nothing is shown for long the lanes are broken and the pause is written there.

mod draw;
mod layout;

use serde::{Deserialize, Serialize};

/// A diagram of a part of a run. Times are nanoseconds since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diagram {
    /// What it shows, in one sentence.
    pub title: String,
    /// The nodes, from left to right.
    pub lanes: Vec<String>,
    /// The messages that are shown.
    pub arrows: Vec<Arrow>,
    /// Moments that are described in words.
    pub moments: Vec<Moment>,
    /// Faults.
    pub shades: Vec<Shade>,
    /// Messages in the same stretches of time that are not shown.
    pub left_out: u64,
}

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrow {
    /// The sender's lane.
    pub from: usize,
    /// The receiver's lane.
    pub to: usize,
    /// When it was sent.
    pub sent_ns: u64,
    /// When it arrived; absent if it never did.
    pub received_ns: Option<u64>,
    /// Its kind.
    pub label: String,
    /// What it says.
    pub detail: String,
}

/// A moment that is described in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// When.
    pub at_ns: u64,
    /// On which lane; absent for what concerns all.
    pub lane: Option<usize>,
    /// What happened.
    pub text: String,
    /// Of what kind it is.
    pub weight: Weight,
}

/// How a moment is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// What a checker found.
    Finding,
    /// A fault begins or ends.
    Fault,
    /// Something that a node did.
    #[default]
    Note,
}

/// A fault, on the lanes of those that it hit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shade {
    /// The lanes.
    pub lanes: Vec<usize>,
    /// From.
    pub from_ns: u64,
    /// When it was lifted; absent if never.
    pub until_ns: Option<u64>,
    /// Its name.
    pub label: String,
}

/// Style of the diagram's own elements; colours are those of the page.
pub(crate) const STYLE: &str = include_str!("diagram.css");

impl Diagram {
    /// As an SVG file of its own.
    pub fn to_svg(&self) -> String {
        draw::svg(self, true)
    }

    /// As a figure in a page.
    pub(crate) fn figure(&self) -> String {
        let shown = self.arrows.len();
        let all = shown as u64 + self.left_out;
        format!(
            "<figure class=\"diagram\">{}<figcaption class=\"dim\">{} of {} messages of these \
             stretches of time are shown. Time runs downwards and is not to scale.\
             </figcaption></figure>\n",
            draw::svg(self, false),
            crate::text::count(shown as u64),
            crate::text::count(all),
        )
    }
}
