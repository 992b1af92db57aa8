//! Line charts as inline SVG: the same bytes for the same data.

mod axis;
mod draw;

pub use axis::{Axis, Scale, Unit};

/// A line of a chart.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name in the legend.
    pub label: String,
    /// Which of the eight colours, from 0.
    pub colour: usize,
    /// Dashed: in comparisons, that the run was simulated.
    pub dashed: bool,
    /// The points, by rising x. The line breaks where y is absent.
    pub points: Vec<(f64, Option<f64>)>,
}

/// A shaded stretch of the x axis: a fault while it lasts.
#[derive(Clone, Debug)]
pub struct Band {
    /// From, in the x axis's unit.
    pub from: f64,
    /// Until.
    pub until: f64,
    /// A number or letter shown at its top.
    pub badge: String,
    /// Shown when the pointer rests on it.
    pub title: String,
}

/// A moment on the x axis.
#[derive(Clone, Debug)]
pub struct Tick {
    /// When, in the x axis's unit.
    pub at: f64,
    /// Shown when the pointer rests on it.
    pub title: String,
}

/// A chart: lines over shaded stretches, with a legend and, with scripts enabled, a readout.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Unique in the page; letters, digits and hyphens.
    pub id: String,
    /// What it shows, for the heading and for screen readers.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The lines.
    pub lines: Vec<Line>,
    /// Shaded stretches.
    pub bands: Vec<Band>,
    /// Marked moments.
    pub ticks: Vec<Tick>,
    /// Height of the plotting area, in SVG units (the width is 960).
    pub height: f64,
}

impl Chart {
    /// The chart as an HTML figure; one sentence in place of an empty chart.
    pub fn render(&self) -> String {
        draw::figure(self)
    }
}
