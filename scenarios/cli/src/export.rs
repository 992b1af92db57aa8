//! `headwater export`.

use std::process::ExitCode;

use headwater_reports::export;

use crate::args::{Export, Format, Which};
use crate::compare;
use crate::failure::Failure;
use crate::say;

/// Prints an outcome in another tool's format.
pub fn export(arguments: &Export) -> Result<ExitCode, Failure> {
    let outcome = compare::read(&arguments.outcome)?;
    let latency = match arguments.latency {
        Which::Response => &outcome.latency.response,
        Which::Service => &outcome.latency.service,
        Which::ScheduleLag => &outcome.latency.schedule_lag,
        Which::EndToEnd => &outcome.latency.end_to_end,
    };
    let text = match arguments.format {
        Format::Hgrm => export::hgrm(latency),
        Format::Prometheus => export::prometheus(&outcome),
        Format::Openmessaging => {
            let all = export::openmessaging(&outcome);
            serde_json::to_string_pretty(&all).expect("plain data")
        }
        Format::Hlog => headwater_reports::hlog(&outcome),
    };
    say(text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
