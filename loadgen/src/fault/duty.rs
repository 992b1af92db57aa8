//! A duty cycle: a process that runs for a part of each period and stands still for the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longest sleep at a stretch, so that its end is noticed.
const NAP: Duration = Duration::from_millis(50);

/// How long it works and stands still in each period, `percent` of which it works.
pub(super) fn parts(percent: u32, period: Duration) -> (Duration, Duration) {
    let works = period * percent.min(100) / 100;
    (works, period.saturating_sub(works))
}

/// Works and stands still by turns, from now on, until `wait` says that it is over. It is left at
/// work.
fn turns(
    (works, rests): (Duration, Duration),
    mut set: impl FnMut(bool),
    mut wait: impl FnMut(Duration) -> bool,
) {
    while wait(works) {
        set(false);
        let goes_on = wait(rests);
        set(true);
        if !goes_on {
            break;
        }
    }
}

/// A duty cycle on a thread of its own; dropping it ends it, with the process at work.
pub(super) struct DutyCycle {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl DutyCycle {
    /// Begins one; `set` lets the process work, or stand still.
    pub(super) fn start(
        percent: u32,
        period: Duration,
        set: impl FnMut(bool) + Send + 'static,
    ) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let wait = move |mut left: Duration| {
            while !left.is_zero() && !told.load(Ordering::Relaxed) {
                let nap = left.min(NAP);
                std::thread::sleep(nap);
                left -= nap;
            }
            !told.load(Ordering::Relaxed)
        };
        let parts = parts(percent, period);
        let thread = std::thread::spawn(move || turns(parts, set, wait));
        Self { over, thread: Some(thread) }
    }
}

impl Drop for DutyCycle {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing to say here.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn it_works_for_its_part_of_each_period_and_is_left_at_work() {
        let (period, told) = (Duration::from_millis(100), RefCell::new(Vec::new()));
        let mut waits = 0;
        turns(
            parts(30, period),
            |works| told.borrow_mut().push(if works { "works" } else { "rests" }.to_owned()),
            |left| {
                told.borrow_mut().push(format!("{} ms", left.as_millis()));
                waits += 1;
                waits < 4
            },
        );
        let expected = ["30 ms", "rests", "70 ms", "works", "30 ms", "rests", "70 ms", "works"];
        assert_eq!(*told.borrow(), expected);
    }

    #[test]
    fn a_period_is_all_work_or_all_rest_at_its_ends() {
        let period = Duration::from_millis(80);
        assert_eq!(parts(100, period), (period, Duration::ZERO));
        assert_eq!(parts(0, period), (Duration::ZERO, period));
        assert_eq!(parts(250, period), (period, Duration::ZERO));
    }
}
