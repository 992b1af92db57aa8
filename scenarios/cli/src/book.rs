//! `headwater book`: docs/ANSWERS.md, with every figure computed.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use headwater_scenarios::sweep::{self, Sweep};

use crate::answers::{self, Answer};
use crate::args::{Arguments, Book, Command};
use crate::failure::Failure;
use crate::pages::Pages;
use crate::progress::Bar;
use crate::run::interrupt;
use crate::say;
use crate::sweep::spec;

/// What the page begins with.
const OPENING: &str = "\
# Answers

This page is made by `headwater book`, which runs every command on it; `headwater book --check`
holds it to them, and to what each finding claims. The figures are of a simulation of the machines
of a profile, so that they are the same wherever they are computed: for yours, give the command your
file, your rate and the profile that `loadgen profile` measured. How far such figures are off:
[VALIDATION.md](VALIDATION.md).
";

/// Writes the book, compares it with the file, or prints some of its answers.
pub fn book(arguments: &Book) -> Result<ExitCode, Failure> {
    let stop = interrupt()?;
    let chosen = |answer: &Answer| match &arguments.only {
        Some(word) => answer.question.to_lowercase().contains(&word.to_lowercase()),
        None => true,
    };
    let answers: Vec<Answer> = answers::all().into_iter().filter(chosen).collect();
    if answers.is_empty() {
        return Err(Failure::Other("no question has that in it; `headwater book` has all".into()));
    }
    let bar = Bar::new(answers.len() as u64, "answers");
    let mut parts = Vec::new();
    for (done, answer) in answers.iter().enumerate() {
        bar.set(done as u64, &answer.question);
        let sweep = run(answer, &stop)?;
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::Other("interrupted: nothing was written".into()));
        }
        let page = answer.page(&sweep);
        parts.push(page.map_err(|why| Failure::Other(format!("{}: {why}", answer.question)))?);
    }
    drop(bar);
    let pages = Pages {
        file: &arguments.file,
        command: "headwater book",
        unit: "answers",
        whole: format!("{OPENING}\n{}", parts.join("\n")),
        parts,
    };
    if arguments.check {
        return pages.check(arguments.only.is_none());
    }
    if arguments.only.is_some() {
        say(pages.parts.join("\n").trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    pages.write()?;
    say(&format!("{}: {} answers", arguments.file.display(), pages.parts.len()))?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the command of an answer.
fn run(answer: &Answer, stop: &AtomicBool) -> Result<Sweep, Failure> {
    let words = answer.command.split_whitespace();
    let wrong = |why: String| Failure::Other(format!("{}: {why}", answer.command));
    let Command::Sweep(sweep) =
        Arguments::try_parse_from(words).map_err(|error| wrong(error.to_string()))?.command
    else {
        return Err(wrong("an answer is a sweep".into()));
    };
    Ok(sweep::sweep(&spec(&sweep)?, stop, &|_, _| {})?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_book_is_one() {
        for answer in answers::all() {
            let parsed = Arguments::try_parse_from(answer.command.split_whitespace());
            let command = parsed.unwrap_or_else(|error| panic!("{error}")).command;
            let Command::Sweep(sweep) = command else { panic!("{}", answer.command) };
            assert!(spec(&sweep).is_ok(), "{}", answer.command);
        }
    }
}
