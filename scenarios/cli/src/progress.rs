//! Progress on a terminal, once something takes more than two seconds.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that shows itself late.
pub struct Bar {
    started: Instant,
    bar: ProgressBar,
}

const LATE: Duration = Duration::from_secs(2);

impl Bar {
    /// For `length` steps of `unit`.
    pub fn new(length: u64, unit: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden());
        let style = format!("{{bar:40}} {{pos}}/{{len}} {unit}, {{elapsed}}, {{eta}} left {{msg}}");
        bar.set_style(ProgressStyle::with_template(&style).expect("the template is right"));
        Self { started: Instant::now(), bar }
    }

    /// A run has come this far.
    pub fn run(&self, progress: headwater_scenarios::run::Progress) {
        let message = if progress.now > progress.end { "(draining)" } else { "" };
        self.set(progress.now.0 / 1_000_000, message);
    }

    /// `position` steps are done of `length`.
    pub fn set_of(&self, position: u64, length: u64, message: &str) {
        self.bar.set_length(length);
        self.set(position, message);
    }

    /// `position` steps are done.
    pub fn set(&self, position: u64, message: &str) {
        if self.bar.is_hidden() && self.started.elapsed() >= LATE {
            // Only a terminal is drawn on.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(position);
        self.bar.set_message(message.to_owned());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
