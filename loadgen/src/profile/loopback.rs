//! Round trips over the loopback interface.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::quantiles::Times;
use crate::failure::{Failure, Result};

/// Bytes each way: a small request and its reply.
const BYTES: usize = 100;

/// Round trips that are not counted: connections start slowly.
const WARM_UP: u32 = 200;

/// Measures round trips between two threads for `time`: with threads that wait in the kernel, as
/// programs do, and with threads that don't and so need not be woken up.
pub(crate) fn measure(time: Duration) -> Result<[Times; 2]> {
    Ok([round_trips(time / 2, false)?, round_trips(time / 2, true)?])
}

/// `spins`: neither end ever waits in the kernel.
fn round_trips(time: Duration, spins: bool) -> Result<Times> {
    let fail = |error: std::io::Error| Failure::io("can't measure the loopback interface", &error);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(fail)?;
    let address = listener.local_addr().map_err(fail)?;
    let echo = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(spins)?;
        let mut bytes = [0; BYTES];
        while read(&mut stream, &mut bytes).is_ok() {
            stream.write_all(&bytes)?;
        }
        Ok(())
    });
    let stream = TcpStream::connect(address).map_err(fail)?;
    stream.set_nonblocking(spins).map_err(fail)?;
    let times = ask(stream, time).map_err(fail)?;
    match echo.join() {
        Ok(result) => result.map_err(fail)?,
        Err(_) => return Err(Failure::new("can't measure the loopback interface: echo panicked")),
    }
    Ok(times)
}

/// Fills `bytes`, giving the core away between two looks where the stream does not wait.
fn read(stream: &mut TcpStream, bytes: &mut [u8]) -> std::io::Result<()> {
    let mut have = 0;
    while have < bytes.len() {
        match stream.read(&mut bytes[have..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(more) => have += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn ask(mut stream: TcpStream, time: Duration) -> std::io::Result<Times> {
    stream.set_nodelay(true)?;
    let mut bytes = [7; BYTES];
    let mut times = Times::new();
    let until = Instant::now() + time;
    for trip in 0_u32.. {
        let start = Instant::now();
        stream.write_all(&bytes)?;
        read(&mut stream, &mut bytes)?;
        let end = Instant::now();
        if trip >= WARM_UP {
            times.add(end - start);
        }
        if end >= until {
            break;
        }
    }
    Ok(times)
}
