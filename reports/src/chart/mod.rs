//! Line charts: a figure with its data, drawn in the page by uPlot. The same bytes for the same
//! data.

mod axis;
mod draw;

pub use axis::{Axis, Scale, Unit};

/// A line of a chart.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// Its name in the legend.
    pub label: String,
    /// Which of the eight colours, from 0.
    pub colour: usize,
    /// Dashed: in comparisons, that the run was simulated.
    pub dashed: bool,
    /// What the others are measured by: a linear axis is never cut below it.
    pub base: bool,
    /// How wide it is, in pixels, if it is to lie behind others.
    pub width: Option<f64>,
    /// The points, by rising x. The line breaks where y is absent.
    pub points: Vec<(f64, Option<f64>)>,
    /// The confidence interval of each point, where it has one; empty if none has.
    pub intervals: Vec<Option<(f64, f64)>>,
}

/// A chart: lines with a legend, zoom, a readout, and a linear or logarithmic axis.
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
    /// It is over the run's time, and shares cursor, zoom, phases and marks with all that are.
    pub linked: bool,
    /// Its first and last x; the data's, or of a linked chart what the axis reaches, if absent.
    pub ends: Option<(f64, f64)>,
    /// Names at places of the x axis, in place of numbers.
    pub ticks: Vec<(f64, String)>,
    /// Marked places of the x axis, with a word on each.
    pub uprights: Vec<(f64, String)>,
    /// A dot at each point.
    pub dots: bool,
    /// Height of the plotting area, in pixels.
    pub height: f64,
}

impl Chart {
    /// A chart over the time of a run that ends at `end` seconds, linked with its others.
    pub fn over_time(id: &str, title: &str, y: Axis, end: f64, lines: Vec<Line>) -> Self {
        let x = Axis::linear("time since the start, seconds", Unit::Seconds).reaching(end);
        Self { linked: true, height: 210.0, ..Self::new(id, title, x, y, lines) }
    }

    /// A chart by itself.
    pub fn new(id: &str, title: &str, x: Axis, y: Axis, lines: Vec<Line>) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            x,
            y,
            lines,
            linked: false,
            ends: None,
            ticks: vec![],
            uprights: vec![],
            dots: false,
            height: 260.0,
        }
    }

    /// The chart as an HTML figure; one sentence in place of an empty chart.
    pub fn render(&self) -> String {
        draw::figure(self)
    }
}
