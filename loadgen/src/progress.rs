//! Live progress on a terminal.

use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::collect::Counters;
use crate::terminal;

/// A line that is redrawn; nothing if standard error is not a terminal.
pub(crate) struct ProgressLine {
    bar: ProgressBar,
    length: Duration,
    last: (Duration, u64),
}

impl ProgressLine {
    /// For a run of this length.
    pub(crate) fn new(length: Duration) -> Self {
        let bar = ProgressBar::with_draw_target(
            Some(length.as_millis() as u64),
            ProgressDrawTarget::stderr(),
        );
        let style = "{bar:24} {msg}";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is right"));
        Self { bar, length, last: (Duration::ZERO, 0) }
    }

    /// Draws how things stand at `now` since the start.
    pub(crate) fn draw(&mut self, now: Duration, what: &str, counters: &Counters) {
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let acked = read(&counters.acked);
        let passed = now.saturating_sub(self.last.0).as_secs_f64();
        if passed < 0.2 {
            return;
        }
        let rate = acked.saturating_sub(self.last.1) as f64 / passed;
        self.last = (now, acked);
        self.bar.set_position(now.min(self.length).as_millis() as u64);
        self.bar.set_message(format!(
            "{:.1}/{:.0} s {what}: {rate:.0}/s acked, {} under way, {} failed, {} read, \
             lag {:.3} ms",
            now.as_secs_f64(),
            self.length.as_secs_f64(),
            counters.outstanding(),
            read(&counters.failed),
            read(&counters.delivered),
            read(&counters.lag) as f64 / 1e6,
        ));
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A bar of so many steps; nothing if standard error is not a terminal.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// For `length` steps of `unit`.
    pub(crate) fn new(length: u64, unit: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
        let style = format!("{{bar:24}} {{pos}}/{{len}} {unit}, {{elapsed}}, {{eta}} left");
        bar.set_style(ProgressStyle::with_template(&style).expect("the template is right"));
        Self(bar)
    }

    /// `position` steps are done.
    pub(crate) fn set(&self, position: u64) {
        self.0.set_position(position);
    }

    /// Of `length` steps `position` are done.
    pub(crate) fn set_of(&self, position: u64, length: u64) {
        self.0.set_length(length);
        self.0.set_position(position);
    }

    /// Shows the time by itself, also while a step takes long.
    pub(crate) fn ticking(self) -> Self {
        self.0.enable_steady_tick(Duration::from_secs(1));
        self
    }

    /// Prints a line above.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        self.0.suspend(|| terminal::note(text));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
