//! `headwater man`.

use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::{Arguments, Man};
use crate::failure::Failure;
use crate::output::Folder;
use crate::say;

/// Writes a man page for each command, or prints that of the program.
pub fn man(arguments: &Man) -> Result<ExitCode, Failure> {
    let command = Arguments::command();
    let Some(path) = &arguments.out else {
        let mut page = Vec::new();
        let written = clap_mangen::Man::new(command).render(&mut page);
        written.map_err(|error| Failure::output("the page", &error))?;
        say(String::from_utf8_lossy(&page).trim_end())?;
        return Ok(ExitCode::SUCCESS);
    };
    let folder = Folder::open(path)?;
    clap_mangen::generate_to(command, folder.path())
        .map_err(|error| Failure::output(path.display(), &error))?;
    let shown = path.display();
    say(&format!(
        "{shown}: headwater.1 and a page for each command; `man -l {shown}/headwater.1`"
    ))?;
    Ok(ExitCode::SUCCESS)
}
