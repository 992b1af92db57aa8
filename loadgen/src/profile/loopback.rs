//! Round trips over the loopback interface.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::quantiles::Times;
use crate::failure::{Failure, Result};

/// Bytes each way: a small request and its reply.
const BYTES: usize = 100;

/// Round trips that are not counted: connections start slowly.
const WARM_UP: u32 = 200;

/// Measures round trips between two threads for `time`.
pub(crate) fn measure(time: Duration) -> Result<Times> {
    let fail = |error: std::io::Error| Failure::io("can't measure the loopback interface", &error);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(fail)?;
    let address = listener.local_addr().map_err(fail)?;
    let echo = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut bytes = [0; BYTES];
        while stream.read_exact(&mut bytes).is_ok() {
            stream.write_all(&bytes)?;
        }
        Ok(())
    });
    let times = round_trips(TcpStream::connect(address).map_err(fail)?, time).map_err(fail)?;
    match echo.join() {
        Ok(result) => result.map_err(fail)?,
        Err(_) => return Err(Failure::new("can't measure the loopback interface: echo panicked")),
    }
    Ok(times)
}

fn round_trips(mut stream: TcpStream, time: Duration) -> std::io::Result<Times> {
    stream.set_nodelay(true)?;
    let mut bytes = [7; BYTES];
    let mut times = Times::new();
    let until = Instant::now() + time;
    for trip in 0_u32.. {
        let start = Instant::now();
        stream.write_all(&bytes)?;
        stream.read_exact(&mut bytes)?;
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
