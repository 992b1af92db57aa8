//! Verdicts: whether a promise was kept, and where it was not.

use std::fmt;

use headwater_models::batch::StreamId;
use headwater_sim::time::Time;
use serde::Serialize;

/// One place where a promise was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What happened, such as `lost`, `stored twice`, `fell`.
    pub what: &'static str,
    /// The lane, if it is about one.
    pub lane: Option<u32>,
    /// The writer, if it is about one.
    pub writer: Option<u32>,
    /// The reader, if it is about one.
    pub reader: Option<u32>,
    /// First sequence number or position.
    pub first: u64,
    /// Last, included.
    pub last: u64,
    /// When it was first observed.
    pub from: Time,
    /// When it was last observed.
    pub until: Time,
    /// Further details: positions, replicas, values.
    pub detail: String,
}

impl Finding {
    /// Events or positions `first ..= last` of a lane, seen from `from` to `until`.
    pub(super) fn on_lane(
        what: &'static str,
        lane: u32,
        (first, last): (u64, u64),
        (from, until): (Time, Time),
    ) -> Self {
        let (lane, writer, reader, detail) = (Some(lane), None, None, String::new());
        Self { what, lane, writer, reader, first, last, from, until, detail }
    }

    /// A finding about the whole run, at a time.
    pub fn at(what: &'static str, at: Time) -> Self {
        let (lane, writer, reader, detail) = (None, None, None, String::new());
        Self { what, lane, writer, reader, first: 0, last: 0, from: at, until: at, detail }
    }

    pub(super) fn writer(self, writer: u32) -> Self {
        Self { writer: Some(writer), ..self }
    }

    pub(super) fn reader(self, reader: u32) -> Self {
        Self { reader: Some(reader), ..self }
    }

    pub(super) fn detail(self, detail: String) -> Self {
        Self { detail, ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.what)?;
        let about = [("lane", self.lane), ("writer", self.writer), ("reader", self.reader)];
        for (name, number) in about {
            if let Some(number) = number {
                write!(f, " {name} {number}")?;
            }
        }
        let about_events = about.iter().any(|(_, number)| number.is_some());
        if self.first == self.last {
            // A finding about the whole run has no number.
            if about_events || self.first > 0 {
                write!(f, " #{}", self.first)?;
            }
        } else {
            write!(f, " #{}..={}", self.first, self.last)?;
        }
        if self.from == self.until {
            write!(f, " at {}", self.from)?;
        } else {
            write!(f, " from {} to {}", self.from, self.until)?;
        }
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        Ok(())
    }
}

/// Findings that a verdict carries at most: the earliest.
pub const FINDINGS_MAX: usize = 10;

/// What a checker found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The checker: stable, such as `no_acked_loss`.
    pub name: &'static str,
    /// The stream that it is about, with all that was found.
    pub stream: StreamId,
    /// Whether the promise was kept.
    pub passed: bool,
    /// How much it looked at: events, or moves of levels.
    pub checked: u64,
    /// Number of events, positions or moves that break the promise.
    pub violations: u64,
    /// The earliest of them, as ranges.
    pub findings: Vec<Finding>,
    /// One line in plain words.
    pub summary: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.passed { "ok" } else { "FAILED" };
        match self.stream {
            StreamId(0) => write!(f, "{}: {state}: {}", self.name, self.summary)?,
            StreamId(other) => {
                write!(f, "{} of stream {other}: {state}: {}", self.name, self.summary)?;
            }
        }
        for finding in &self.findings {
            write!(f, "\n  {finding}")?;
        }
        Ok(())
    }
}

/// Counts violations and keeps the earliest.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) violations: u64,
    findings: Vec<Finding>,
    /// The latest finding, which may still grow.
    open: Option<Finding>,
}

impl Tally {
    /// Adds a finding about `count` events; one that continues the one before becomes part of it.
    pub(super) fn add(&mut self, count: u64, finding: Finding) {
        self.violations += count;
        let about = |f: &Finding| (f.what, f.lane, f.writer, f.reader);
        if let Some(open) = &mut self.open
            && about(open) == about(&finding)
            && open.detail == finding.detail
            && open.last.checked_add(1) == Some(finding.first)
        {
            open.last = finding.last;
            open.from = open.from.min(finding.from);
            open.until = open.until.max(finding.until);
            return;
        }
        let before = self.open.replace(finding);
        self.keep(before);
    }

    fn keep(&mut self, finding: Option<Finding>) {
        let Some(finding) = finding else { return };
        let rank = |f: &Finding| (f.from, f.lane, f.writer, f.reader, f.first);
        let place = self.findings.partition_point(|have| rank(have) <= rank(&finding));
        if place < FINDINGS_MAX {
            self.findings.insert(place, finding);
            self.findings.truncate(FINDINGS_MAX);
        }
    }

    /// The verdict: passed if nothing was added; `summary` is for either case.
    pub(super) fn verdict(mut self, name: &'static str, checked: u64, summary: String) -> Verdict {
        let open = self.open.take();
        self.keep(open);
        let Self { violations, findings, .. } = self;
        let (stream, passed) = (StreamId(0), violations == 0);
        Verdict { name, stream, passed, checked, violations, findings, summary }
    }
}

/// A count with separators, `1,234,567`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
