//! A description's rate over time as an SVG that stands alone.

use std::fmt::Write;

use super::Description;
use super::text::grouped;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 320.0;
/// Margins: left for the labels of rates, bottom for those of times.
const LEFT: f64 = 84.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 36.0;

impl Description {
    /// A self-contained SVG of the rate over time: no script, no font and no image from elsewhere.
    pub fn to_svg(&self) -> String {
        let mut out = String::new();
        self.write_svg(&mut out).expect("a string takes what is written to it");
        out
    }

    fn write_svg(&self, out: &mut String) -> std::fmt::Result {
        let seconds = self.spec.duration.as_secs_f64();
        let highest = self.rates.iter().copied().fold(1.0, f64::max);
        let step_y = nice_step(highest, 5.0);
        let top = libm::ceil(highest / step_y) * step_y;
        let x = |at: f64| LEFT + at / seconds * (WIDTH - LEFT - RIGHT);
        let y = |rate: f64| HEIGHT - BOTTOM - rate / top * (HEIGHT - TOP - BOTTOM);
        writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"12\">"
        )?;
        let (events, peak) = (grouped(self.events as f64), grouped(self.peak_rate));
        let title = format!(
            "{} for {}, seed {}: {events} events, peak {peak}/s",
            self.spec.rate, self.spec.duration, self.seed
        );
        writeln!(out, "<title>{title}</title>")?;
        writeln!(out, "<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>")?;
        writeln!(out, "<text x=\"{LEFT}\" y=\"22\" font-size=\"14\" fill=\"#222\">{title}</text>")?;
        for tick in ticks(top, step_y) {
            let (at, label) = (y(tick), grouped(tick));
            let (end, text) = (WIDTH - RIGHT, LEFT - 8.0);
            writeln!(out, "<path d=\"M{LEFT} {at:.1}H{end}\" stroke=\"#ddd\"/>")?;
            let below = at + 4.0;
            let place = format!("x=\"{text}\" y=\"{below:.1}\" text-anchor=\"end\"");
            writeln!(out, "<text {place} fill=\"#555\">{label}/s</text>")?;
        }
        for tick in ticks(seconds, nice_step(seconds, 8.0)) {
            let (at, label) = (x(tick), grouped(tick));
            let place = format!("x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\"", HEIGHT - 14.0);
            writeln!(out, "<text {place} fill=\"#555\">{label} s</text>")?;
        }
        let bin = self.bin.as_secs_f64();
        let mut path = format!("M{:.1} {:.1}", x(0.0), y(0.0));
        for (index, rate) in self.rates.iter().enumerate() {
            let end = ((index + 1) as f64 * bin).min(seconds);
            write!(path, "V{:.1}H{:.1}", y(*rate), x(end))?;
        }
        write!(path, "V{:.1}Z", y(0.0))?;
        writeln!(out, "<path d=\"{path}\" fill=\"#2b7bba\" fill-opacity=\".8\"/>")?;
        writeln!(out, "</svg>")
    }
}

/// A step of 1, 2 or 5 times a power of ten that divides `span` into at most `most` parts.
fn nice_step(span: f64, most: f64) -> f64 {
    let rough = span / most;
    let power = libm::pow(10.0, libm::floor(libm::log10(rough)));
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough);
    factor.unwrap_or(10.0) * power
}

fn ticks(end: f64, step: f64) -> impl Iterator<Item = f64> {
    let count = libm::floor(end / step + 1e-9) as u64;
    (0..=count).map(move |number| number as f64 * step)
}
