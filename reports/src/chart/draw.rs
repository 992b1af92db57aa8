//! SVG of a chart.

use std::fmt::Write as _;

use super::axis::Fitted;
use super::{Chart, Line, Scale};
use crate::text::escape;

/// Width of a chart in SVG units, and the room around the plotting area.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 42.0;

/// Where things are.
struct Frame {
    x: Fitted,
    y: Fitted,
    height: f64,
}

impl Frame {
    fn x(&self, value: f64) -> f64 {
        LEFT + self.x.place(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        TOP + (1.0 - self.y.place(value)) * self.height
    }

    fn bottom(&self) -> f64 {
        TOP + self.height
    }
}

/// The chart as a figure.
pub(super) fn figure(chart: &Chart) -> String {
    let lines = || chart.lines.iter().flat_map(|line| line.points.iter());
    let drawn = lines().filter(|(_, y)| y.is_some()).count();
    let mut html = format!(
        "<figure class=\"chart\" id=\"{}\"><figcaption>{}</figcaption>\n",
        chart.id,
        escape(&chart.title)
    );
    if drawn == 0 {
        html.push_str("<p class=\"nothing\">Nothing was measured for this chart.</p></figure>\n");
        return html;
    }
    let frame = Frame {
        x: chart.x.fit(lines().map(|(x, _)| *x)),
        y: chart.y.fit(lines().filter_map(|(_, y)| *y)),
        height: chart.height,
    };
    let total = TOP + chart.height + BOTTOM;
    let _ = writeln!(
        html,
        "<svg viewBox=\"0 0 {WIDTH} {total}\" role=\"img\" aria-label=\"{}\" data-y=\"{}\" \
         data-x=\"{}\">",
        escape(&describe(chart)),
        chart.y.unit.name(),
        if chart.x.scale == Scale::Tail { "tail" } else { chart.x.unit.name() },
    );
    bands(&mut html, chart, &frame);
    grid(&mut html, chart, &frame);
    ticks(&mut html, chart, &frame);
    for (index, line) in chart.lines.iter().enumerate() {
        path(&mut html, index, line, &frame);
    }
    let _ = writeln!(
        html,
        "<line class=\"cursor\" y1=\"{TOP}\" y2=\"{}\" x1=\"0\" x2=\"0\" hidden=\"\"/></svg>",
        round(frame.bottom())
    );
    legend(&mut html, chart);
    data(&mut html, chart, &frame);
    html.push_str("</figure>\n");
    html
}

/// One sentence for readers who cannot see the chart.
fn describe(chart: &Chart) -> String {
    let mut text = format!("{}. {} against {}.", chart.title, chart.y.label, chart.x.label);
    for line in &chart.lines {
        let values = line.points.iter().filter_map(|(_, y)| *y);
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        if low.is_finite() {
            let (low, high) = (chart.y.unit.show(low), chart.y.unit.show(high));
            let _ = write!(text, " {}: {low} to {high}.", line.label);
        }
    }
    text
}

fn bands(html: &mut String, chart: &Chart, frame: &Frame) {
    let mut badges_end = 0.0;
    for band in &chart.bands {
        let (from, until) = (frame.x(band.from), frame.x(band.until));
        // An instantaneous fault is still two units wide.
        let width = (until - from).max(2.0);
        let _ = writeln!(
            html,
            "<g class=\"band\"><title>{}</title><rect x=\"{}\" y=\"{TOP}\" width=\"{}\" \
             height=\"{}\"/>",
            escape(&band.title),
            round(from),
            round(width),
            round(frame.height),
        );
        // Badges in a row: one that would cover the last moves to its right.
        let centre = (from + width / 2.0).max(badges_end + 9.0).min(WIDTH - RIGHT - 8.0);
        badges_end = centre + 9.0;
        let _ = writeln!(
            html,
            "<text x=\"{}\" y=\"{}\" class=\"badge\">{}</text></g>",
            round(centre),
            TOP - 8.0,
            escape(&band.badge)
        );
    }
}

fn grid(html: &mut String, chart: &Chart, frame: &Frame) {
    let bottom = frame.bottom();
    html.push_str("<g class=\"grid\">\n");
    let mut above = f64::INFINITY;
    for (value, label) in &frame.y.ticks {
        // A label that would touch the one below it is left out; its line is drawn.
        let touches = above - frame.y(*value) < 15.0;
        above = if touches { above } else { frame.y(*value) };
        let label = if touches { "" } else { label };
        let y = round(frame.y(*value));
        let _ = writeln!(
            html,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\"/><text x=\"{}\" y=\"{}\" \
             class=\"ylabel\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            round(frame.y(*value) + 4.0),
            escape(label)
        );
    }
    for (value, label) in &frame.x.ticks {
        let x = round(frame.x(*value));
        let _ = writeln!(
            html,
            "<line x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{}\"/><text x=\"{x}\" y=\"{}\" \
             class=\"xlabel\">{}</text>",
            round(bottom),
            round(bottom + 4.0),
            round(bottom + 18.0),
            escape(label)
        );
    }
    let middle = (LEFT + WIDTH - RIGHT) / 2.0;
    let _ = writeln!(
        html,
        "<text x=\"{middle}\" y=\"{}\" class=\"xlabel axis\">{}</text><text x=\"4\" y=\"12\" \
         class=\"axis\">{}</text></g>",
        round(bottom + 36.0),
        escape(&chart.x.label),
        escape(&chart.y.label)
    );
}

fn ticks(html: &mut String, chart: &Chart, frame: &Frame) {
    for tick in &chart.ticks {
        let x = frame.x(tick.at);
        let _ = writeln!(
            html,
            "<g class=\"mark\"><title>{}</title><line x1=\"{x}\" x2=\"{x}\" y1=\"{TOP}\" \
             y2=\"{}\"/><path d=\"M{} {TOP}h8l-4 6z\"/></g>",
            escape(&tick.title),
            round(frame.bottom()),
            round(x - 4.0),
            x = round(x),
        );
    }
}

fn path(html: &mut String, index: usize, line: &Line, frame: &Frame) {
    let mut d = String::new();
    let mut lone = vec![];
    let mut drawing = false;
    for (position, (x, y)) in line.points.iter().enumerate() {
        let Some(y) = y else {
            drawing = false;
            continue;
        };
        let next = line.points.get(position + 1).is_some_and(|(_, y)| y.is_some());
        let (x, y) = (round(frame.x(*x)), round(frame.y(*y)));
        if !drawing && !next {
            lone.push((x, y));
            continue;
        }
        let _ = write!(d, "{}{x} {y}", if drawing { 'L' } else { 'M' });
        drawing = true;
    }
    let dashed = if line.dashed { " dashed" } else { "" };
    let colour = line.colour % 8;
    let _ = write!(html, "<g class=\"line c{colour}{dashed}\" data-line=\"{index}\">");
    if !d.is_empty() {
        let _ = write!(html, "<path d=\"{d}\"/>");
    }
    for (x, y) in lone {
        let _ = write!(html, "<circle cx=\"{x}\" cy=\"{y}\" r=\"2.5\"/>");
    }
    html.push_str("</g>\n");
}

fn legend(html: &mut String, chart: &Chart) {
    html.push_str("<div class=\"legend\">");
    for (index, line) in chart.lines.iter().enumerate() {
        let dashed = if line.dashed { " dashed" } else { "" };
        let _ = write!(
            html,
            "<button type=\"button\" data-line=\"{index}\" aria-pressed=\"true\"><i \
             class=\"c{}{dashed}\"></i>{}</button>",
            line.colour % 8,
            escape(&line.label)
        );
    }
    html.push_str("<output class=\"readout\"></output></div>\n");
}

/// The values behind the readout, once per x: only what the lines share an x axis for.
fn data(html: &mut String, chart: &Chart, frame: &Frame) {
    let lines: Vec<serde_json::Value> = chart
        .lines
        .iter()
        .map(|line| {
            let places: Vec<f64> = line.points.iter().map(|(x, _)| tenth(frame.x(*x))).collect();
            let values: Vec<Option<f64>> =
                line.points.iter().map(|(_, y)| y.map(four_digits)).collect();
            serde_json::json!([places, values])
        })
        .collect();
    let shown: Vec<String> = chart.lines.first().map_or_else(Vec::new, |line| {
        line.points.iter().map(|(x, _)| shown_x(chart, *x)).collect()
    });
    // `<` cannot occur: the data are numbers and our own labels.
    let json = serde_json::json!({ "lines": lines, "x": shown });
    let _ = writeln!(html, "<script type=\"application/json\">{json}</script>");
}

fn shown_x(chart: &Chart, x: f64) -> String {
    match chart.x.scale {
        Scale::Tail => format!("p{}", (x * 1e8).round() / 1e6),
        _ => chart.x.unit.show(x),
    }
}

/// A coordinate to a tenth of a unit, without a trailing zero.
fn round(value: f64) -> String {
    format!("{}", tenth(value))
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A value to four significant digits.
fn four_digits(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let power = 3 - libm::floor(libm::log10(value.abs())) as i32;
    if power <= 0 {
        return value.round();
    }
    let factor = libm::pow(10.0, f64::from(power));
    (value * factor).round() / factor
}
