//! A chart as a figure of a page: its frame, and the data that the page's script draws.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Chart, Line, Scale};
use crate::page;
use crate::text::escape;

/// The chart as a figure.
pub(super) fn figure(chart: &Chart) -> String {
    let drawn = chart.lines.iter().flat_map(|line| &line.points).any(|(_, y)| y.is_some());
    let (id, title) = (&chart.id, escape(&chart.title));
    if !drawn {
        return format!("<p class=\"nothing\" id=\"{id}\">{title}: nothing was measured.</p>\n");
    }
    format!(
        "<figure class=\"chart\" id=\"{id}\"><figcaption>{title}<span class=\"tools\">\
         <button type=\"button\" class=\"log\" title=\"logarithmic or linear (key l)\">log\
         </button><button type=\"button\" class=\"whole\" hidden>whole height</button>\
         <button type=\"button\" class=\"reset\" title=\"or a double click\" hidden>\
         reset zoom</button></span></figcaption>\n\
         <div class=\"plot\" role=\"img\" tabindex=\"0\" aria-label=\"{}\"></div>\n\
         <p class=\"readout note\" hidden></p>\
         <div class=\"legend\"><output class=\"where\"></output></div>\
         <p class=\"readout events\" aria-live=\"polite\"></p>\n\
         <noscript><p class=\"nothing\">{}</p></noscript>\n\
         <script type=\"application/json\">{}</script>\n</figure>\n",
        escape(&describe(chart)),
        escape(&describe(chart)),
        page::json(&data(chart)),
    )
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

/// What the script draws: each column of x values once, and the lines that stand over it.
fn data(chart: &Chart) -> Value {
    let mut columns: Vec<Vec<f64>> = Vec::new();
    let mut lines = Vec::new();
    for line in &chart.lines {
        let places: Vec<f64> = line.points.iter().map(|(x, _)| chart.x.place(*x)).collect();
        let column = columns.iter().position(|column| *column == places).unwrap_or_else(|| {
            columns.push(places);
            columns.len() - 1
        });
        lines.push(line_data(line, column));
    }
    let ends = chart.ends.or_else(|| {
        let timed = chart.linked && chart.x.at_least > 0.0;
        timed.then_some((0.0, chart.x.at_least))
    });
    let ticks: Vec<Value> = chart.ticks.iter().map(|(at, label)| json!([at, label])).collect();
    let uprights: Vec<Value> =
        chart.uprights.iter().map(|(at, label)| json!({ "at": at, "label": label })).collect();
    let mut data = json!({
        "x": columns.iter().map(|column| stored(column)).collect::<Vec<_>>(),
        "lines": lines,
        "unit": chart.y.unit.name(),
        "csv": chart.y.unit.plain(),
        "xunit": if chart.x.scale == Scale::Tail { "tail" } else { chart.x.unit.name() },
        "log": chart.y.scale == Scale::Log,
        "least": chart.y.at_least,
        "height": chart.height,
        "linked": chart.linked,
        "dots": chart.dots,
    });
    if let Some((from, until)) = ends {
        data["ends"] = json!([from, until]);
    }
    if !ticks.is_empty() {
        data["ticks"] = json!(ticks);
    }
    if !uprights.is_empty() {
        data["uprights"] = json!(uprights);
    }
    data
}

fn line_data(line: &Line, column: usize) -> Value {
    let short = |value: Option<f64>| value.map(number);
    let values: Vec<Value> =
        line.points.iter().map(|(_, y)| short(*y).unwrap_or(Value::Null)).collect();
    let mut data = json!({
        "label": line.label, "colour": line.colour % 8, "dash": line.dashed, "x": column,
        "y": values,
    });
    if line.base {
        data["base"] = json!(true);
    }
    if let Some(width) = line.width {
        // A wide line lies behind others, which it would hide.
        data["width"] = json!(width);
        data["alpha"] = json!(0.4);
    }
    if line.intervals.iter().any(Option::is_some) {
        let end = |of: fn(&(f64, f64)) -> f64| -> Vec<Value> {
            let ends = line.intervals.iter();
            ends.map(|it| it.as_ref().map_or(Value::Null, |it| number(of(it)))).collect()
        };
        data["low"] = json!(end(|interval| interval.0));
        data["high"] = json!(end(|interval| interval.1));
    }
    data
}

/// A column of x values: evenly spaced ones, of which the last may be off, by their ends.
fn stored(column: &[f64]) -> Value {
    let even = |pair: &[f64], step: f64| (pair[1] - pair[0] - step).abs() < step * 1e-6;
    if let ([from, next, ..], Some(last)) = (column, column.last()) {
        let step = next - from;
        let body = &column[..column.len() - 1];
        if column.len() > 8 && body.windows(2).all(|pair| even(pair, step)) {
            let (from, step, last) = (tidy(*from), tidy(step), tidy(*last));
            return json!({ "from": from, "step": step, "count": column.len(), "last": last });
        }
    }
    json!(column.iter().map(|x| tidy(*x)).collect::<Vec<_>>())
}

/// Without what binary fractions leave behind.
fn tidy(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

/// A value to four significant digits, as an integer where it is one.
fn number(value: f64) -> Value {
    if value == 0.0 || !value.is_finite() {
        return json!(0);
    }
    let power = 3 - libm::floor(libm::log10(value.abs())) as i32;
    let rounded = if power <= 0 {
        value.round()
    } else {
        let factor = libm::pow(10.0, f64::from(power));
        (value * factor).round() / factor
    };
    if rounded.fract() == 0.0 && rounded.abs() < 9e15 {
        json!(rounded as i64)
    } else {
        json!(rounded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Axis, Unit};

    #[test]
    fn even_times_are_stored_by_their_ends_and_values_by_four_digits() {
        let column: Vec<f64> = (0..10).map(|index| 0.05 + f64::from(index) * 0.1).collect();
        let evenly = json!({ "from": 0.05, "step": 0.1, "count": 10, "last": 0.95 });
        assert_eq!(stored(&column), evenly);
        assert_eq!(stored(&[1.0, 2.0, 4.0]), json!([1.0, 2.0, 4.0]));
        assert_eq!(number(123_456_789.0), json!(123_456_789));
        assert_eq!(number(0.123_456), json!(0.1235));
    }

    #[test]
    fn each_nine_takes_the_same_room() {
        let axis = Axis::tail("share");
        let places = [0.0, 0.9, 0.99, 0.999, 0.9999].map(|share| axis.place(share));
        for pair in places.windows(2) {
            assert!((pair[1] - pair[0] - 1.0).abs() < 1e-6, "{places:?}");
        }
    }

    #[test]
    fn a_chart_without_values_is_a_sentence() {
        let axis = Axis::linear("events", Unit::Events);
        let chart = Chart::over_time("empty", "Nothing", axis, 1.0, vec![]);
        assert!(chart.render().contains("nothing was measured"), "{}", chart.render());
    }
}
