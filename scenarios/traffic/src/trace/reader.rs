//! Walking a trace.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::sync::{Arc, OnceLock};

use headwater_models::arrival::Arrival;
use headwater_sim::time::{Duration, Time};

use super::line::{Amiss, Entry, Parser};
use super::spec::{Malformed, Origin, TraceSpec};
use crate::error::TrafficError;

/// Bytes that are read at once.
const BUFFER: usize = 64 << 10;
/// The longest line.
const LINE_MAX: u64 = 1 << 20;

/// Why a walk ended before the trace did, if it has: told by the first that noticed.
pub(crate) type Trouble = Arc<OnceLock<String>>;

/// What a trace has, as its schedule will be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Events.
    pub events: u64,
    /// Until just after the last of them, in whole seconds.
    pub length: Duration,
    /// The smallest event, bytes.
    pub bytes_min: u32,
    /// Malformed lines that were left out.
    pub skipped: u64,
    /// The first of them: its number, what stands there and what was expected.
    pub first_skipped: Option<String>,
}

/// One walk of a trace.
#[derive(Debug)]
pub(crate) struct Reader {
    lines: Lines,
    spec: TraceSpec,
    keyed: bool,
    /// The time of its own that is the start.
    start: Option<u64>,
    last: u64,
    index: u64,
    end: Time,
    skipped: u64,
    first_skipped: Option<String>,
    trouble: Trouble,
}

/// Lines with their numbers.
#[derive(Debug)]
struct Lines {
    input: BufReader<File>,
    parser: Parser,
    buffer: Vec<u8>,
    number: u64,
}

/// What a line is.
enum Line {
    End,
    Nothing,
    Entry(Entry),
    Amiss(Amiss),
}

impl Lines {
    fn next(&mut self) -> std::io::Result<Line> {
        self.buffer.clear();
        let read = self.input.by_ref().take(LINE_MAX).read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(Line::End);
        }
        self.number += 1;
        if read as u64 == LINE_MAX && !self.buffer.ends_with(b"\n") {
            let want = format!("a line of at most {LINE_MAX} bytes");
            let amiss = Amiss::new(want, &self.buffer);
            self.input.skip_until(b'\n')?;
            return Ok(Line::Amiss(amiss));
        }
        Ok(match self.parser.parse(&self.buffer) {
            Ok(None) => Line::Nothing,
            Ok(Some(entry)) => Line::Entry(entry),
            Err(amiss) => Line::Amiss(amiss),
        })
    }
}

impl Reader {
    /// Opens a trace whose events have keys or not, up to `end` of the schedule.
    pub(crate) fn open(
        spec: &TraceSpec,
        keyed: bool,
        end: Time,
        trouble: Trouble,
    ) -> Result<Self, TrafficError> {
        let format = spec.lines()?;
        let input = File::open(&spec.file).map_err(|error| {
            let found = format!("{} ({error})", spec.file);
            TrafficError::new("trace.file", found, "a file that can be read")
        })?;
        let start = match spec.origin {
            Origin::Zero => Some(spec.from.0),
            Origin::First => None,
        };
        let lines = Lines {
            input: BufReader::with_capacity(BUFFER, input),
            parser: Parser::new(format, spec.unit, keyed),
            buffer: Vec::new(),
            number: 0,
        };
        Ok(Self {
            lines,
            spec: spec.clone(),
            keyed,
            start,
            last: 0,
            index: 0,
            end,
            skipped: 0,
            first_skipped: None,
            trouble,
        })
    }

    /// The next event, or what is wrong with the trace.
    fn advance(&mut self) -> Result<Option<Arrival>, TrafficError> {
        loop {
            let line = self.lines.next().map_err(|error| {
                let found = format!("{} ({error})", self.spec.file);
                TrafficError::new("trace.file", found, "a file that can be read")
            })?;
            match line {
                Line::End => return Ok(None),
                Line::Nothing => {}
                Line::Amiss(amiss) => self.amiss(&amiss)?,
                Line::Entry(entry) if entry.time < self.last => {
                    let (at, last) = (entry.time as f64 / 1e9, self.last as f64 / 1e9);
                    let want = format!("lines in order of time, from {last} s on");
                    self.amiss(&Amiss::new(want, format!("{at} s").as_bytes()))?;
                }
                Line::Entry(entry) => {
                    self.last = entry.time;
                    let from = self.spec.from.0;
                    let start = *self.start.get_or_insert(entry.time.saturating_add(from));
                    let Some(since) = entry.time.checked_sub(start) else { continue };
                    let at = Time(self.scaled(since));
                    if at >= self.end {
                        return Ok(None);
                    }
                    let index = self.index;
                    self.index += 1;
                    let key = entry.key.filter(|_| self.keyed).unwrap_or(index);
                    return Ok(Some(Arrival { index, at, key, bytes: entry.bytes }));
                }
            }
        }
    }

    fn scaled(&self, since: u64) -> u64 {
        if self.spec.speed == 1.0 { since } else { (since as f64 / self.spec.speed) as u64 }
    }

    /// A line is malformed: an error, unless these are left out.
    fn amiss(&mut self, amiss: &Amiss) -> Result<(), TrafficError> {
        let file = &self.spec.file;
        let found = format!("{file}, line {}: \"{}\"", self.lines.number, amiss.found);
        match self.spec.malformed {
            Malformed::Refuse => {
                Err(TrafficError::new("trace.file", found, amiss.expected.clone()))
            }
            Malformed::Skip => {
                self.skipped += 1;
                let told = || format!("{found}; expected {}", amiss.expected);
                self.first_skipped.get_or_insert_with(told);
                Ok(())
            }
        }
    }
}

impl Iterator for Reader {
    type Item = Arrival;

    /// What is wrong ends the walk, and is told as trouble.
    fn next(&mut self) -> Option<Arrival> {
        if self.trouble.get().is_some() {
            return None;
        }
        self.advance().unwrap_or_else(|error| {
            let _ = self.trouble.set(error.to_string());
            None
        })
    }
}

impl TraceSpec {
    /// Reads the whole trace: what it has, or what is wrong with it. `keyed` says whether its
    /// events are to have keys.
    ///
    /// # Errors
    /// A file that can't be read, the first malformed line unless these are left out, and a trace
    /// without an event.
    pub fn survey(&self, keyed: bool) -> Result<Survey, TrafficError> {
        self.check()?;
        let mut reader = Reader::open(self, keyed, Time::MAX, Trouble::default())?;
        let mut survey = Survey { bytes_min: u32::MAX, ..Survey::default() };
        let mut last = Time::ZERO;
        while let Some(arrival) = reader.advance()? {
            survey.events += 1;
            survey.bytes_min = survey.bytes_min.min(arrival.bytes);
            last = arrival.at;
        }
        if survey.events == 0 {
            let want = "a trace with at least one event (after trace.from)";
            let found = match &reader.first_skipped {
                Some(first) => format!("{first} (and {} lines in all)", reader.skipped),
                None => self.file.clone(),
            };
            return Err(TrafficError::new("trace.file", found, want));
        }
        let length = (last.0 + 1).checked_next_multiple_of(1_000_000_000);
        survey.length = Duration(length.unwrap_or(u64::MAX));
        (survey.skipped, survey.first_skipped) = (reader.skipped, reader.first_skipped);
        Ok(survey)
    }
}
