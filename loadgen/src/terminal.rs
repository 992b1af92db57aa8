//! Lines to the terminal: results on standard output, everything else on standard error.

use std::io::Write;

/// Prints progress, on standard error.
pub(crate) fn note(text: impl std::fmt::Display) {
    // If standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints a result to standard output. A reader that has gone away (`| head`) is no error.
pub(crate) fn result(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
