//! A paper's claims as a page: what holds of them, its figures redrawn, and its pipeline.
//!
//! What is shown is given as plain figures, as for a sweep; of the pipeline its Outcome.

mod page;
mod pipeline;

use crate::outcome::Outcome;

/// Claims that are to be shown.
#[derive(Clone, Debug, Default)]
pub struct Paper<'a> {
    /// Version of headwater that ran it.
    pub version: String,
    /// How many hold, in words.
    pub tally: String,
    /// Seeds of each run.
    pub seeds: u64,
    /// It was stopped before every run was made.
    pub interrupted: bool,
    /// What the paper says.
    pub claims: Vec<Claim>,
    /// What it could not see.
    pub unseen: Vec<Claim>,
    /// Its figures.
    pub figures: Vec<Figure>,
    /// Its pipeline.
    pub pipeline: Option<Pipeline<'a>>,
}

/// A claim.
#[derive(Clone, Debug)]
pub struct Claim {
    /// `C4`.
    pub id: String,
    /// What is claimed.
    pub says: String,
    /// Where in the paper.
    pub paper: String,
    /// Of which machines.
    pub profile: String,
    /// Whether it holds.
    pub verdict: (&'static str, Class),
    /// What was simulated.
    pub simulated: String,
    /// What was measured live.
    pub live: String,
    /// The mechanism.
    pub because: String,
    /// Its conditions.
    pub parts: Vec<Part>,
    /// The command lines of its runs.
    pub commands: Vec<String>,
}

/// A condition of a claim.
#[derive(Clone, Debug)]
pub struct Part {
    /// As it is written.
    pub condition: String,
    /// Whether it holds.
    pub verdict: (&'static str, Class),
    /// Its two sides.
    pub sides: String,
}

/// How a verdict is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// As good.
    Holds,
    /// As bad.
    DoesNotHold,
    /// As neither.
    Open,
}

/// A figure of the paper's.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Unique; letters, digits and hyphens.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// On which machines.
    pub profile: String,
    /// The horizontal axis.
    pub x: String,
    /// The vertical axis.
    pub y: String,
    /// The places of the horizontal axis.
    pub ticks: Vec<String>,
    /// The vertical axis is logarithmic to begin with.
    pub log: bool,
    /// Its lines, each with a point at every place.
    pub lines: Vec<Line>,
}

/// A line of a figure.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name.
    pub label: String,
    /// Its points; absent where they were not measured.
    pub points: Vec<Option<Point>>,
}

/// A point of a line.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// The mean over the seeds: nanoseconds or bytes per second.
    pub value: f64,
    /// Its 95 % confidence interval.
    pub interval: Option<(f64, f64)>,
    /// It is a time.
    pub time: bool,
}

/// A run of the pipeline, and what the paper printed of its own.
#[derive(Clone, Debug)]
pub struct Pipeline<'a> {
    /// The run.
    pub outcome: &'a Outcome,
    /// Events after which the paper prints its speed.
    pub events: u64,
    /// Seconds since the start, and the speed of the last batch of so many events.
    pub published: Vec<(f64, f64)>,
    /// Its speed since the start.
    pub published_mean: f64,
}

impl Paper<'_> {
    /// As one self-contained HTML file.
    pub fn to_html(&self) -> String {
        page::html(self)
    }
}
