//! `headwater book`: docs/ANSWERS.md, with every figure computed.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use headwater_scenarios::sweep::{self, Sweep};

use crate::answers::{self, Answer};
use crate::args::{Arguments, Book, Command};
use crate::failure::Failure;
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
    let mut pages = Vec::new();
    for (done, answer) in answers.iter().enumerate() {
        bar.set(done as u64, &answer.question);
        let sweep = run(answer, &stop)?;
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::Other("interrupted: nothing was written".into()));
        }
        let page = answer.page(&sweep);
        pages.push(page.map_err(|why| Failure::Other(format!("{}: {why}", answer.question)))?);
    }
    drop(bar);
    let shown = arguments.file.display();
    if arguments.check {
        return check(&pages, arguments);
    }
    if arguments.only.is_some() {
        say(pages.join("\n").trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::write(&arguments.file, whole(&pages))
        .map_err(|error| Failure::output(&shown, &error))?;
    say(&format!("{shown}: {} answers", pages.len()))?;
    Ok(ExitCode::SUCCESS)
}

fn whole(pages: &[String]) -> String {
    format!("{OPENING}\n{}", pages.join("\n"))
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

/// Whether the file has every page as it was computed now.
fn check(pages: &[String], arguments: &Book) -> Result<ExitCode, Failure> {
    let file = crate::input::text(&arguments.file)?;
    let shown = arguments.file.display();
    let stale: Vec<&String> = pages.iter().filter(|page| !file.contains(page.as_str())).collect();
    if let Some(first) = stale.first() {
        let has: Vec<&str> = file.lines().collect();
        let line = first.lines().find(|line| !has.contains(line)).unwrap_or_default();
        let question = first.lines().next().unwrap_or_default().trim_start_matches("# ");
        eprintln!("{shown}: {} answers are not as computed; the first:", stale.len());
        eprintln!("  {question}\n  computed: {line}\n`headwater book` writes it again");
        return Ok(ExitCode::FAILURE);
    }
    if arguments.only.is_none() && file != whole(pages) {
        eprintln!(
            "{shown}: there is more in it than what is computed; `headwater book` writes it again"
        );
        return Ok(ExitCode::FAILURE);
    }
    say(&format!("{shown}: {} answers are as computed", pages.len()))?;
    Ok(ExitCode::SUCCESS)
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
