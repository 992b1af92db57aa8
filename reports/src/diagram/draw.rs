//! SVG of a diagram.

use std::fmt::Write as _;

use super::layout::{Layout, ROW, wrapped};
use super::{Arrow, Diagram, Moment, STYLE, Weight};
use crate::text::{duration, escape};

/// Widths in SVG units: the whole, the column of times, the room for words on the right.
const WIDTH: f64 = 1120.0;
const TIMES: f64 = 100.0;
const WORDS: f64 = 430.0;
const TOP: f64 = 54.0;

/// Colours of the page, for a file of its own.
const COLOURS: &str = include_str!("colours.css");

/// The drawing at hand.
struct Drawing<'a> {
    diagram: &'a Diagram,
    layout: Layout,
    svg: String,
    /// Labels so far: middle and half of the width.
    labels: Vec<(f64, f64, f64)>,
}

/// The diagram; `alone` if it is a file of its own, with its own style.
pub(super) fn svg(diagram: &Diagram, alone: bool) -> String {
    let layout = Layout::new(diagram, TOP);
    let height = layout.bottom + 16.0;
    let head = if alone {
        let names = "xmlns=\"http://www.w3.org/2000/svg\" ";
        format!(
            "<svg {names}viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" \
             class=\"spacetime\" role=\"img\">\n<style>\n{COLOURS}{STYLE}</style>\n\
             <rect width=\"100%\" height=\"100%\" style=\"fill:var(--bg)\"/>\n"
        )
    } else {
        format!("<svg viewBox=\"0 0 {WIDTH} {height:.0}\" class=\"spacetime\" role=\"img\">\n")
    };
    let mut drawing = Drawing { diagram, layout, svg: head, labels: Vec::new() };
    drawing.title();
    drawing.shades();
    drawing.lanes();
    drawing.times();
    drawing.arrows();
    drawing.moments();
    drawing.svg.push_str("</svg>\n");
    drawing.svg
}

impl Drawing<'_> {
    fn x(&self, lane: usize) -> f64 {
        let lanes = self.diagram.lanes.len().max(1) as f64;
        let room = WIDTH - TIMES - WORDS;
        TIMES + room * (lane as f64 + 0.5) / lanes
    }

    fn title(&mut self) {
        let title = escape(&self.diagram.title);
        let _ = writeln!(self.svg, "<title>{title}</title>");
        let _ = writeln!(self.svg, "<text x=\"0\" y=\"14\">{title}</text>");
    }

    fn lanes(&mut self) {
        for (lane, name) in self.diagram.lanes.iter().enumerate() {
            let (x, bottom) = (self.x(lane), self.layout.bottom);
            let (top, label) = (TOP - 10.0, TOP - 16.0);
            let name = escape(name);
            let _ = writeln!(
                self.svg,
                "<line class=\"lane\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom:.1}\"/>\
                 <text class=\"name\" x=\"{x:.1}\" y=\"{label}\">{name}</text>"
            );
        }
    }

    /// The time of each instant that has room for it, and the pauses.
    fn times(&mut self) {
        let mut free = 0.0;
        let instants: Vec<(u64, f64)> = self.layout.instants().collect();
        for (at, y) in instants {
            if y >= free {
                let _ = writeln!(
                    self.svg,
                    "<text class=\"at\" x=\"{}\" y=\"{:.1}\">{}</text>",
                    TIMES - 14.0,
                    y + 4.0,
                    seconds(at)
                );
                free = y + ROW;
            }
        }
        for gap in &self.layout.gaps {
            let (y, left) = (gap.y, TIMES - 14.0);
            let right = WIDTH - WORDS;
            let pause = duration(gap.ns as f64);
            let _ = writeln!(
                self.svg,
                "<line class=\"gapline\" x1=\"{TIMES}\" x2=\"{right}\" y1=\"{y:.1}\" \
                 y2=\"{y:.1}\"/><text class=\"gap\" x=\"{left}\" y=\"{:.1}\">{pause}</text>",
                y + 4.0
            );
        }
    }

    fn shades(&mut self) {
        let half = (self.x(1) - self.x(0)).abs() * 0.42;
        for shade in &self.diagram.shades {
            let (from, bottom) = (self.layout.y(shade.from_ns), self.layout.bottom);
            let until = shade.until_ns.map_or(bottom, |until| self.layout.y(until));
            let height = (until - from).max(3.0);
            for lane in &shade.lanes {
                let x = self.x(*lane) - half;
                let _ = writeln!(
                    self.svg,
                    "<rect class=\"shade\" x=\"{x:.1}\" y=\"{from:.1}\" width=\"{:.1}\" \
                     height=\"{height:.1}\"><title>{}</title></rect>",
                    half * 2.0,
                    escape(&shade.label)
                );
            }
        }
    }

    fn arrows(&mut self) {
        let mut kinds: Vec<&str> = Vec::new();
        for arrow in &self.diagram.arrows {
            let known = kinds.iter().position(|kind| *kind == arrow.label);
            let colour = known.unwrap_or_else(|| {
                kinds.push(&arrow.label);
                kinds.len() - 1
            });
            self.arrow(arrow, colour % 8);
        }
    }

    fn arrow(&mut self, arrow: &Arrow, colour: usize) {
        let (x0, y0) = (self.x(arrow.from), self.layout.y(arrow.sent_ns));
        let lost = arrow.received_ns.is_none();
        let (x1, y1) = match arrow.received_ns {
            Some(at) => (self.x(arrow.to), self.layout.y(at)),
            // A message that never arrives ends half way.
            None => ((x0 + self.x(arrow.to)) / 2.0, y0 + 10.0),
        };
        let length = libm::hypot(x1 - x0, y1 - y0).max(1.0);
        let (dx, dy) = ((x1 - x0) / length, (y1 - y0) / length);
        let (bx, by) = (x1 - dx * 8.0, y1 - dy * 8.0);
        let head = if lost {
            format!("M{:.1} {:.1}l8 8m0 -8l-8 8", x1 - 4.0, y1 - 4.0)
        } else {
            let (lx, ly) = (bx - dy * 3.5, by + dx * 3.5);
            let (rx, ry) = (bx + dy * 3.5, by - dx * 3.5);
            format!("M{x1:.1} {y1:.1}L{lx:.1} {ly:.1}L{rx:.1} {ry:.1}z")
        };
        let class = if lost { "arrow lost" } else { "arrow" };
        let head_class = if lost { "" } else { " class=\"head\"" };
        let (label, detail) = (self.label(&arrow.label, (x0, y0), (x1, y1)), escape(&arrow.detail));
        let _ = writeln!(
            self.svg,
            "<g class=\"{class} c{colour}\"><title>{detail}</title><path d=\"M{x0:.1} \
             {y0:.1}L{bx:.1} {by:.1}\"/><path{head_class} d=\"{head}\"/>{label}</g>"
        );
    }

    /// The label of an arrow where there is room for it, nearer to the sender if it can be; where
    /// there is none it is left to the title.
    fn label(&mut self, label: &str, (x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> String {
        let half = label.chars().count() as f64 * 3.1 + 2.0;
        let places = [0.42, 0.58, 0.28, 0.72, 0.5, 0.18, 0.82];
        let places = places.map(|share| (x0 + (x1 - x0) * share, y0 + (y1 - y0) * share));
        let free = places.into_iter().find(|(x, y)| {
            let touches = |(ox, oy, other): &(f64, f64, f64)| {
                (x - ox).abs() < half + other && (y - oy).abs() < 11.0
            };
            !self.labels.iter().any(touches)
        });
        let Some((x, y)) = free else { return String::new() };
        self.labels.push((x, y, half));
        format!("<text x=\"{x:.1}\" y=\"{:.1}\">{}</text>", y + 3.5, escape(label))
    }

    fn moments(&mut self) {
        let mut taken: Option<(u64, f64)> = None;
        for moment in &self.diagram.moments {
            let first = self.layout.y(moment.at_ns);
            // Those of one instant stand below each other.
            let words = match taken {
                Some((at, free)) if at == moment.at_ns => free,
                _ => first,
            };
            let lines = wrapped(&moment.text);
            taken = Some((moment.at_ns, words + ROW * lines.len() as f64));
            self.moment(moment, first, words, &lines);
        }
    }

    fn moment(&mut self, moment: &Moment, y: f64, words: f64, lines: &[String]) {
        let class = match moment.weight {
            Weight::Finding => "finding",
            Weight::Fault => "fault",
            Weight::Note => "note",
        };
        let x = moment.lane.map_or(TIMES, |lane| self.x(lane));
        let right = WIDTH - WORDS + 8.0;
        let _ = write!(
            self.svg,
            "<g class=\"{class}\"><line class=\"leader\" x1=\"{x:.1}\" x2=\"{right}\" \
             y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
        );
        if moment.lane.is_some() {
            let _ = write!(self.svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>");
        }
        for (index, line) in lines.iter().enumerate() {
            let (x, y) = (WIDTH - WORDS + 18.0, words + 4.0 + ROW * index as f64);
            let line = escape(line);
            let _ = write!(self.svg, "<text x=\"{x}\" y=\"{y:.1}\">{line}</text>");
        }
        self.svg.push_str("</g>\n");
    }
}

/// Seconds to the microsecond.
fn seconds(ns: u64) -> String {
    format!("{}.{:06} s", ns / 1_000_000_000, ns % 1_000_000_000 / 1_000)
}
