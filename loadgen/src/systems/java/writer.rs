//! A writer in a JVM: it is handed events ahead of their times, and sends them itself.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::tokens::Tokens;
use super::{Clients, Driver, Head, Program, put_int, read, read_byte, read_int, read_long};
use crate::clock::Clock;
use crate::failure::{Failure, Result};
use crate::systems::client::{Lot, Observer, Refused, Settled, Token, Writer};
use crate::systems::counts::{Counts, Teller};

/// How much earlier than intended the driver is handed its events, nanoseconds: it has them when
/// they are due, whatever the pipe and its collector of garbage do meanwhile.
const AHEAD_NS: u64 = 500_000_000;

/// Bytes handed over and not acknowledged at the most, beyond what the client itself keeps.
const BYTES_MAX: u64 = 64 << 20;

/// How long a client that is told to stop may take before its JVM is ended.
pub(super) const ENDS: Duration = Duration::from_secs(2);

/// A writer in a JVM.
pub(in crate::systems) struct Producer {
    tokens: Arc<Tokens>,
    free: Vec<u32>,
    clock: Clock,
    /// What is due together, as the driver reads it.
    frames: Vec<u8>,
    feed: Option<Sender<Vec<u8>>>,
    /// Bytes that were handed over and are not settled.
    bytes: Arc<AtomicU64>,
    abandoned: Arc<AtomicBool>,
    pid: u32,
    reports: Option<JoinHandle<()>>,
}

/// Ends what a producer is fed: it is to wait for what is not acknowledged, or to give it up.
const LAST: u8 = 0;
const ABANDON: u8 = 2;

impl Producer {
    /// Starts producer `number`, from 0.
    pub(in crate::systems) fn start(
        number: u32,
        program: &Program,
        head: &Head<'_>,
        clients: &Clients,
        observer: &Observer,
    ) -> Result<Self> {
        let name = format!("producer-{}", number + 1);
        let driver = clients.open(&name, program, head)?;
        let pid = driver.child.id();
        let tokens = Arc::new(Tokens::new(number));
        let (bytes, abandoned) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (feed, frames) = channel();
        let asked = observer.counting.clone().filter(|_| program.counts);
        let reporting = Reporting {
            tokens: Arc::clone(&tokens),
            bytes: Arc::clone(&bytes),
            abandoned: Arc::clone(&abandoned),
            sent: Lot::of_sent(observer),
            settled: Lot::of_settled(observer),
            failure: program.failure,
            counted: Teller::new(asked, name.clone()),
            numbers: vec![],
        };
        let reports = std::thread::Builder::new().name(format!("java-{name}"));
        let kept = clients.kept.clone();
        let reports = reports.spawn(move || {
            if let Some(driver) = reporting.run(driver, frames) {
                kept.keep(&name, driver);
            }
        });
        let reports = reports.map_err(|error| Failure::io("can't start a thread", &error))?;
        Ok(Self {
            tokens,
            free: vec![],
            clock: observer.clock.clone(),
            frames: vec![],
            feed: Some(feed),
            bytes,
            abandoned,
            pid,
            reports: Some(reports),
        })
    }

    /// Nothing more is fed; once only.
    fn end(&mut self, how: u8) {
        if let Some(feed) = self.feed.take() {
            // One that has ended needs no word.
            let _ = feed.send(vec![how]);
        }
    }
}

impl Writer for Producer {
    fn send(&mut self, token: Token, payload: &[u8]) -> std::result::Result<(), Refused> {
        let size = payload.len() as u64;
        if self.bytes.load(Ordering::Relaxed) + size > BYTES_MAX {
            return Err(Refused("queue_full"));
        }
        let number = match self.free.pop() {
            Some(number) => number,
            None => self.tokens.take(&mut self.free).ok_or(Refused("queue_full"))?,
        };
        self.tokens.set(number, token);
        self.bytes.fetch_add(size, Ordering::Relaxed);
        let at = self.clock.started().unwrap_or(0) + token.intended;
        self.frames.push(1);
        self.frames.extend_from_slice(&at.to_be_bytes());
        put_int(&mut self.frames, number);
        put_int(&mut self.frames, token.place.lane);
        put_int(&mut self.frames, payload.len() as u32);
        self.frames.extend_from_slice(payload);
        Ok(())
    }

    fn flush(&mut self) {
        if let Some(feed) = self.feed.as_ref().filter(|_| !self.frames.is_empty()) {
            // When the driver has ended, what it was not told of is given up.
            let _ = feed.send(std::mem::take(&mut self.frames));
        }
    }

    fn ahead_ns(&self) -> u64 {
        AHEAD_NS
    }

    fn abandon(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
        self.end(ABANDON);
        let ended = || self.reports.as_ref().is_none_or(JoinHandle::is_finished);
        let since = Instant::now();
        while !ended() && since.elapsed() < ENDS {
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Some(pid) = rustix::process::Pid::from_raw(self.pid as i32).filter(|_| !ended()) {
            // It is not waited for yet, so that the id is still its own.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.end(LAST);
        if let Some(reports) = self.reports.take() {
            // One that panicked has nothing to say here.
            let _ = reports.join();
        }
    }
}

/// Reads what a driver reports.
struct Reporting {
    tokens: Arc<Tokens>,
    bytes: Arc<AtomicU64>,
    abandoned: Arc<AtomicBool>,
    sent: Lot<Token>,
    settled: Lot<Settled>,
    failure: fn(&str) -> &'static str,
    counted: Teller,
    numbers: Vec<u32>,
}

impl Reporting {
    /// Feeds `frames` to a driver and takes its reports until its client is closed; the driver, if
    /// it can have another.
    fn run(mut self, mut driver: Driver, frames: Receiver<Vec<u8>>) -> Option<Driver> {
        let feeding = std::thread::Builder::new().name("java-feed".into());
        let mut input = driver.input.take()?;
        let feeding = feeding.spawn(move || {
            // An error is a driver that has ended, which its output shows as well.
            frames.iter().try_for_each(|frames| input.write_all(&frames)).ok().map(|()| input)
        });
        let closed = loop {
            match self.report(&mut driver.output) {
                Ok(true) => {}
                ended => break ended.is_ok(),
            }
            // What can be read without waiting belongs to this lot.
            if driver.output.buffer().is_empty() {
                self.flush();
            }
        };
        self.flush();
        if !closed {
            // What feeds it sees it end.
            drop(driver);
            // It ends when the driver or the writer does.
            let _ = feeding.map(|feeding| feeding.join());
            return None;
        }
        driver.input = feeding.ok()?.join().ok()?;
        Some(driver)
    }

    fn flush(&mut self) {
        self.sent.flush();
        self.settled.flush();
        self.tokens.give_back(&mut self.numbers);
    }

    /// Takes one report; false when that was the last.
    fn report(&mut self, from: &mut impl Read) -> io::Result<bool> {
        let what = read_byte(from)?;
        if what == b'E' {
            return Ok(false);
        }
        let (number, time) = (read_int(from)?, read_long(from)?);
        let started = self.sent.clock().started().unwrap_or(0);
        let at = time.saturating_sub(started);
        let mut token = self.tokens.get(number);
        if what == b'S' {
            token.started = at;
            self.tokens.set(number, token);
            self.sent.add(token);
            return Ok(true);
        }
        let why = match what {
            b'A' => {
                let (writes, written, sent) = (1.0, 1.0, f64::from(token.bytes));
                self.counted.add(Counts { writes, written, sent, ..Counts::default() });
                None
            }
            b'F' => {
                let length = u16::from_be_bytes(read(from)?);
                let mut name = vec![0; length.into()];
                from.read_exact(&mut name)?;
                Some((self.failure)(&String::from_utf8_lossy(&name)))
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        self.numbers.push(number);
        self.bytes.fetch_sub(token.bytes.into(), Ordering::Relaxed);
        if !self.abandoned.load(Ordering::Relaxed) {
            self.settled.add(Settled { at, token, why });
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_driver_reports_is_told_with_the_runs_times() {
        let (observer, observations) = Observer::new(Clock::default());
        observer.clock.start();
        let tokens = Arc::new(Tokens::new(2));
        let mut reporting = Reporting {
            tokens: Arc::clone(&tokens),
            bytes: Arc::new(AtomicU64::new(300)),
            abandoned: Arc::default(),
            sent: Lot::of_sent(&observer),
            settled: Lot::of_settled(&observer),
            failure: |name| if name == "TimeoutException" { "message_timed_out" } else { "other" },
            counted: Teller::new(None, "producer-3".into()),
            numbers: vec![],
        };
        let place = headwater_traffic::Place { writer: 2, lane: 5, seq: 9 };
        let number = tokens.take(&mut vec![]).unwrap();
        tokens.set(number, Token { intended: 1_000, started: 0, bytes: 100, place });
        let started = observer.clock.started().unwrap();
        let frame = |what: u8, at: u64, rest: &[u8]| {
            let (number, at) = (number.to_be_bytes(), (started + at).to_be_bytes());
            [&[what][..], &number, &at, rest].concat()
        };
        let reports = [frame(b'S', 1_500, b""), frame(b'F', 9_000, b"\0\x10TimeoutException")];
        let reports = reports.concat();
        let mut from = reports.as_slice();
        assert!(reporting.report(&mut from).is_ok() && reporting.report(&mut from).is_ok());
        reporting.flush();
        let mut told = observations.try_iter();
        let Some(crate::systems::client::Observation::SentLate(sent)) = told.next() else {
            panic!("nothing was sent")
        };
        assert_eq!((sent[0].intended, sent[0].started, sent[0].place.seq), (1_000, 1_500, 9));
        let Some(crate::systems::client::Observation::Settled(settled)) = told.next() else {
            panic!("nothing was settled")
        };
        assert_eq!((settled[0].at, settled[0].why), (9_000, Some("message_timed_out")));
        assert_eq!(settled[0].token.started, 1_500);
        assert_eq!(reporting.bytes.load(Ordering::Relaxed), 200);
    }
}
