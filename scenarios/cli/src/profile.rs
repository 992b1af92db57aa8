//! `headwater profile`.

use std::process::ExitCode;

use headwater_scenarios::profile::{Profile, SHIPPED};

use crate::args::{self, ProfileCommand};
use crate::failure::Failure;
use crate::say;

/// Lists or shows machine profiles.
pub fn profile(arguments: &args::Profile) -> Result<ExitCode, Failure> {
    match &arguments.command {
        ProfileCommand::List => {
            for (name, _) in SHIPPED {
                let profile = Profile::load(name, None)?;
                say(&format!("{name:<12}  {}", profile.describes))?;
            }
        }
        ProfileCommand::Show { name } => {
            // Read before it is shown, so that errors in the file are reported.
            let profile = Profile::load(name, None)?;
            match SHIPPED.iter().find(|(shipped, _)| shipped == name) {
                Some((_, text)) => say(text.trim_end())?,
                None => say(profile.to_toml().trim_end())?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
