//! A description as aligned text with a plot, for a terminal.

use std::fmt::Write;

use headwater_sim::time::Duration;

use super::Description;
use crate::spec::{KeyMode, Pacing, SizeModel};

/// Columns and rows of the plot.
const COLUMNS: usize = 72;
const ROWS: usize = 8;

impl Description {
    /// Aligned text with a plot of the rate over time, at most 100 columns wide.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write_text(&mut out).expect("a string takes what is written to it");
        out
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        let spec = &self.spec;
        let arrivals = match spec.arrivals {
            Pacing::Poisson => "Poisson arrivals",
            Pacing::Constant => "even arrivals",
        };
        let key = match spec.key {
            KeyMode::User => "keyed by user",
            KeyMode::Hashtag => "keyed by hashtag",
            KeyMode::Cascade => "keyed by cascade",
            KeyMode::None => "without keys",
        };
        let (rate, length) = (spec.rate, spec.duration);
        match &spec.trace {
            None => writeln!(out, "{rate} for {length}, {arrivals}, {key}, seed {}", self.seed)?,
            Some(trace) => {
                let (file, speed) = (&trace.file, trace.speed);
                writeln!(out, "{file} at {speed}x for {length}, {key}, seed {}", self.seed)?;
            }
        }
        for shot in &spec.shots {
            let (at, peak) = (shot.at, shot.peak);
            let (rise, hold, decay) = (shot.rise, shot.hold, shot.decay);
            writeln!(out, "  shot at {at}: {peak}x, rise {rise}, hold {hold}, decay {decay}")?;
        }
        if spec.weekly.uneven() {
            writeln!(
                out,
                "  days from Monday on: {:?}, from {}",
                spec.weekly.days, spec.weekly.start
            )?;
        }
        if spec.noise.sigma > 0.0 {
            let (sigma, correlation) = (spec.noise.sigma, spec.noise.correlation);
            writeln!(out, "  noise of {sigma} in ln(rate), correlated over {correlation}")?;
        }
        if spec.regimes.busy > 1.0 {
            let (busy, calm) = (spec.regimes.busy_for, spec.regimes.calm_for);
            writeln!(out, "  {}x for {busy}, less for {calm}, in turns", spec.regimes.busy)?;
        }
        if spec.cascades.on() && spec.trace.is_none() {
            writeln!(out, "  {} retweets begotten by an event", spec.cascades.ratio)?;
        }
        writeln!(out)?;
        self.write_figures(out)?;
        writeln!(out)?;
        self.plot(out)
    }

    fn write_figures(&self, out: &mut String) -> std::fmt::Result {
        let mut line = |name: &str, text: String| writeln!(out, "{name:<12}{text}");
        let per_second = bytes(self.bytes as f64 / self.spec.duration.as_secs_f64());
        let events = grouped(self.events as f64);
        line("events", format!("{events}, {}/s on average", grouped(self.mean_rate)))?;
        line("bytes", format!("{}, {per_second}/s on average", bytes(self.bytes as f64)))?;
        let base = self.peak_rate / self.spec.rate.as_per_second();
        let mean = self.peak_rate / self.mean_rate.max(f64::MIN_POSITIVE);
        let (peak, at) = (grouped(self.peak_rate), self.peak_at.as_secs_f64());
        let times = format!("{base:.1}x the base, {mean:.1}x the mean");
        line("peak", format!("{peak}/s over the second from {at:.1} s: {times}"))?;
        let windows = self.dispersion.iter().map(|d| format!("{:.2} in {}", d.value, d.window));
        let windows: Vec<_> = windows.collect();
        if !windows.is_empty() {
            line(
                "dispersion",
                format!("{}: variance over mean of counts (Poisson: 1)", windows.join(", ")),
            )?;
        }
        for (name, text) in self.who() {
            line(name, text)?;
        }
        let model = match self.spec.size.model {
            _ if self.spec.trace.is_some() => "recorded",
            SizeModel::Tweet => "tweet JSON",
            SizeModel::Fixed => "fixed",
        };
        let sizes = self.sizes.iter().filter(|size| size.quantile != 0.999);
        let sizes = sizes.map(|size| format!("{} {}", name(size.quantile), size.bytes));
        let sizes = sizes.collect::<Vec<_>>().join("  ");
        line("size in B", format!("{model}, mean {:.0}: {sizes}", self.size_mean))?;
        let tags = self.hashtags.iter().take(5).map(|tag| format!("{} {}", tag.name, tag.events));
        let tags = tags.collect::<Vec<_>>().join("  ");
        line("hashtags", format!("on {:.1} %: {tags}", self.tagged * 100.0))
    }

    /// Lines on users, retweets, languages and keys, of what there is.
    fn who(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        let users = self.top_users.iter();
        let users = users
            .map(|top| format!("top {:.0} % write {:.1} %", top.users * 100.0, top.events * 100.0));
        lines.push(("users", users.collect::<Vec<_>>().join("  ")));
        if self.spec.cascades.on() {
            let (share, waiting) = (self.retweets * 100.0, self.retweets_waiting);
            let kib = (waiting * 16).div_ceil(1 << 10);
            let most = grouped(waiting as f64);
            lines.push((
                "retweets",
                format!("{share:.1} %, at most {most} not yet due ({kib} KiB)"),
            ));
        }
        let shares = self.languages.iter().take(8);
        let shares = shares.map(|of| format!("{} {:.1} %", of.code.code(), of.events * 100.0));
        lines.push(("languages", shares.collect::<Vec<_>>().join("  ")));
        let hottest = self.hottest_key.map(|share| format!("{:.2} % of the events", share * 100.0));
        lines.push(("hottest key", hottest.unwrap_or_default()));
        lines.retain(|(_, text)| !text.is_empty());
        lines
    }

    /// Bars of the rate over time; the highest bar reaches the top.
    fn plot(&self, out: &mut String) -> std::fmt::Result {
        let per_column = self.rates.len().div_ceil(COLUMNS).max(1);
        let columns = self.rates.chunks(per_column);
        let rates: Vec<f64> =
            columns.map(|bins| bins.iter().sum::<f64>() / bins.len() as f64).collect();
        let top = rates.iter().copied().fold(1.0, f64::max);
        let column = Duration(self.bin.0 * per_column as u64);
        writeln!(out, "events/s over time, {column} per column")?;
        for row in (0..ROWS).rev() {
            let label = match row {
                _ if row == ROWS - 1 => grouped(top),
                _ if row == ROWS / 2 - 1 => grouped(top / 2.0),
                _ => String::new(),
            };
            write!(out, "{label:>12} |")?;
            let mut bars = String::new();
            for rate in &rates {
                let eighths = (rate / top * (ROWS * 8) as f64) as usize;
                let fill = eighths.saturating_sub(row * 8).min(8);
                bars.push([' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][fill]);
            }
            writeln!(out, "{}", bars.trim_end())?;
        }
        let rule = "-".repeat(rates.len());
        let end = self.spec.duration.to_string();
        let space = rates.len().saturating_sub(end.len());
        writeln!(
            out,
            "{:>12} +{rule}\n{:>12}  0{end:>width$}",
            0,
            "",
            width = space + end.len() - 1
        )
    }
}

/// A quantile's name: `min`, `p50`, `p99.9`, `max`.
fn name(quantile: f64) -> String {
    match quantile {
        q if q <= 0.0 => "min".into(),
        q if q >= 1.0 => "max".into(),
        q => format!("p{}", (q * 1_000.0).round() / 10.0),
    }
}

/// A number with separators, `1,234,567`; with decimals where it is small.
pub(super) fn grouped(value: f64) -> String {
    if value < 100.0 && value.fract() != 0.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in the decimal unit that suits them.
fn bytes(value: f64) -> String {
    let units = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3)];
    match units.iter().find(|(_, factor)| value >= *factor) {
        Some((unit, factor)) => format!("{:.2} {unit}", value / factor),
        None => format!("{value:.0} B"),
    }
}
