//! A schedule as a trace.

use std::io::{self, Write};

use headwater_models::arrival::Arrival;

use super::spec::Format;

/// Writes `arrivals` as a trace, with keys or without: how many there were. Replayed, it is the
/// same schedule.
///
/// # Errors
/// Whatever `out` says.
pub fn save(
    arrivals: impl IntoIterator<Item = Arrival>,
    keyed: bool,
    format: Format,
    out: &mut impl Write,
) -> io::Result<u64> {
    let mut count = 0;
    if format == Format::Csv {
        out.write_all(b"time,key,size\n")?;
    }
    for Arrival { at, key, bytes, .. } in arrivals {
        let (seconds, nanos) = (at.0 / 1_000_000_000, at.0 % 1_000_000_000);
        match (format, keyed) {
            (Format::Csv, true) => writeln!(out, "{seconds}.{nanos:09},{key},{bytes}")?,
            (Format::Csv, false) => writeln!(out, "{seconds}.{nanos:09},,{bytes}")?,
            (Format::Ndjson, true) => {
                writeln!(out, "{{\"time\":{seconds}.{nanos:09},\"key\":{key},\"size\":{bytes}}}")?
            }
            (Format::Ndjson, false) => {
                writeln!(out, "{{\"time\":{seconds}.{nanos:09},\"size\":{bytes}}}")?;
            }
        }
        count += 1;
    }
    Ok(count)
}
