//! A value that is laid over a scenario, as an argument.

/// Reads `PATH=VALUE`.
pub fn setting(text: &str) -> Result<(String, String), String> {
    let (path, value) =
        text.split_once('=').ok_or("expected PATH=VALUE, such as system.partitions=6")?;
    Ok((path.trim().to_owned(), value.trim().to_owned()))
}
