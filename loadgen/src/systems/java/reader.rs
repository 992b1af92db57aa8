//! Readers in JVMs.

use std::io::{self, BufReader, Read, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::writer::ENDS;
use super::{Clients, Driver, Head, Program, read_byte, read_int, read_long};
use crate::failure::Result;
use crate::systems::client::{Delivered, Flags, Lot, Observer, ReadBack, Reading};

/// How often a reader looks at its flags.
const POLL: Duration = Duration::from_millis(50);

/// Starts a reader with each of these heads.
pub(in crate::systems) fn read_all(
    program: &Program,
    heads: &[Head<'_>],
    clients: &Clients,
    observer: &Observer,
) -> Result<Reading> {
    let reader = |(number, head): (usize, &Head<'_>)| {
        let name = format!("consumer-{}", number + 1);
        let driver = clients.open(&name, program, head)?;
        let (delivered, kept) = (Lot::of_delivered(observer), clients.kept.clone());
        Ok(move |flags: Flags| {
            let (read, driver) = read_back(driver, delivered, &flags)?;
            if let Some(driver) = driver {
                kept.keep(&name, driver);
            }
            Ok(read)
        })
    };
    Reading::start_all(heads.iter().enumerate().map(reader).collect::<Result<_>>()?)
}

/// Reads until the end or until it is stopped: how far, and the driver, if it can have another
/// client.
fn read_back(
    mut driver: Driver,
    mut delivered: Lot<Delivered>,
    flags: &Flags,
) -> Result<(ReadBack, Option<Driver>)> {
    let input = driver.input.take();
    let (told, ended) = (flags.clone(), Arc::new(AtomicBool::new(false)));
    let over = Arc::clone(&ended);
    let pid = rustix::process::Pid::from_child(&driver.child);
    let watching = std::thread::spawn(move || command(input?, pid, &told, &over));
    let read = deliver_all(&mut driver.output, &mut delivered);
    delivered.flush();
    ended.store(true, Ordering::Relaxed);
    driver.input = watching.join().ok().flatten();
    match read {
        Ok(read) => Ok((read, driver.input.is_some().then_some(driver))),
        Err(_) if flags.stop.load(Ordering::Relaxed) => Ok((ReadBack::Stopped, None)),
        Err(_) => Err(driver.failed()),
    }
}

/// Tells a consumer what is `told` until its output is `over`; its input, if it is well.
fn command(
    mut input: ChildStdin,
    pid: rustix::process::Pid,
    told: &Flags,
    over: &AtomicBool,
) -> Option<ChildStdin> {
    let (mut finishing, mut stopped) = (false, None::<Instant>);
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(POLL);
        if stopped.is_some_and(|since| since.elapsed() > ENDS) {
            // Its output ends then; it is waited for afterwards, so that the id is still its own.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            return None;
        }
        if stopped.is_none() && told.stop.load(Ordering::Relaxed) {
            stopped = Some(Instant::now());
            input.write_all(b"X").ok()?;
        }
        if stopped.is_none() && !finishing && told.finish.load(Ordering::Relaxed) {
            finishing = true;
            input.write_all(b"F").ok()?;
        }
    }
    if stopped.is_none() {
        input.write_all(b"X").ok()?;
    }
    Some(input)
}

/// Takes what a consumer hands on, until it says that this was all.
fn deliver_all(
    from: &mut BufReader<ChildStdout>,
    delivered: &mut Lot<Delivered>,
) -> io::Result<ReadBack> {
    let mut payload = Vec::new();
    loop {
        if from.buffer().is_empty() {
            delivered.flush();
        }
        match read_byte(from)? {
            b'D' => {}
            b'E' => return Ok(ReadBack::ToTheEnd),
            _ => return Ok(ReadBack::Stopped),
        }
        let (_partition, offset) = (read_int(from)?, read_long(from)?);
        let (time, length) = (read_long(from)?, read_int(from)?);
        payload.resize(length as usize, 0);
        from.read_exact(&mut payload)?;
        let at = time.saturating_sub(delivered.clock().started().unwrap_or(0));
        delivered.delivered_at(at, 0, Some(offset), &payload);
    }
}
