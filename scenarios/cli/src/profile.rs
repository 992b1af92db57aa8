//! `headwater profile`.

use std::process::ExitCode;

use headwater_scenarios::profile::{Profile, SHIPPED};

use crate::args::{self, ProfileCommand};
use crate::failure::Failure;
use crate::input;
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
            let read = match name.as_str() {
                input::STANDARD_INPUT => Profile::parse(&input::text(name)?, name),
                name => Profile::load(name, None),
            };
            // Read before it is shown, so that errors in the file are reported.
            let profile = read?;
            match SHIPPED.iter().find(|(shipped, _)| shipped == name) {
                Some((_, text)) => say(text.trim_end())?,
                None => say(profile.to_toml().trim_end())?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
