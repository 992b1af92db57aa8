//! Values on the command line.

/// A share that two ends may be apart.
pub fn percent(text: &str) -> Result<f64, String> {
    let share =
        text.parse::<headwater_scenarios::units::Share>().map_err(|error| error.to_string())?;
    let sensible = (0.001..=0.5).contains(&share.0);
    sensible.then_some(share.0).ok_or_else(|| format!("`{text}`: expected 0.1% to 50%"))
}

/// A figure by its name.
pub fn metric(text: &str) -> Result<headwater_scenarios::scenario::Metric, String> {
    headwater_scenarios::scenario::Metric::parse(text)
}
