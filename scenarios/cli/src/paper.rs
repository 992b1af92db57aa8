//! `headwater paper`: the paper's claims put to the test.

use std::path::PathBuf;
use std::process::ExitCode;

use headwater_scenarios::paper::{Answer, Asked, Gathered, Paper};

use crate::args;
use crate::failure::Failure;
use crate::output::{self, Folder};
use crate::pages::Pages;
use crate::progress::Bar;
use crate::run::interrupt;
use crate::say;

/// The folder beside the page with the live figures that are in it.
const LIVE: &str = "paper-live";

/// Judges the claims, and tells, writes or compares what came out.
pub fn paper(arguments: &args::Paper) -> Result<ExitCode, Failure> {
    for id in &arguments.only {
        known(id)?;
    }
    let live = live(arguments).as_deref().map(Gathered::read).transpose();
    let live = live.map_err(Failure::Other)?;
    let folder = arguments.out.as_deref().map(Folder::open).transpose()?;
    let stop = interrupt()?;
    let asked = Asked {
        profile: arguments.profile.map(Into::into),
        only: arguments.only.clone(),
        seeds: (arguments.seed, arguments.seeds),
        quick: false,
        figures: folder.is_some(),
    };
    if Paper::shipped().asked(&asked).ids().next().is_none() {
        let only = arguments.only.join(", ");
        return Err(Failure::Other(format!("{only} is of other machines than --profile")));
    }
    let bar = Bar::new(1, "runs");
    let done = |done: usize, total: usize, run: &str| {
        bar.set_of(done as u64, total as u64, &format!("({run})"));
    };
    let mut answer = asked.run(&stop, &done)?;
    drop(bar);
    if let Some(live) = &live {
        answer.set_live(live);
    }
    if arguments.check || arguments.write {
        return page(&answer, arguments);
    }
    if let Some(folder) = &folder {
        output::page(&folder.path().join("paper.html"), &answer.shown().to_html())?;
    }
    let text = answer.text();
    output::answer(folder.as_ref(), "paper", (&answer, &text), arguments.json)?;
    if answer.interrupted {
        eprintln!("interrupted: what was not run has no verdict");
    }
    Ok(if answer.interrupted { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Where live figures are: where it was said, or beside the page that is written or compared.
fn live(arguments: &args::Paper) -> Option<PathBuf> {
    let beside = arguments.file.with_file_name(LIVE);
    let of_page = (arguments.check || arguments.write) && beside.is_dir();
    arguments.live.clone().or(of_page.then_some(beside))
}

/// That there is a claim of this id.
fn known(id: &str) -> Result<(), Failure> {
    let paper = Paper::shipped();
    if paper.ids().any(|known| known.eq_ignore_ascii_case(id)) {
        return Ok(());
    }
    let all = paper.ids().collect::<Vec<_>>().join(", ");
    Err(Failure::Other(format!("there is no claim {id}; there are {all}")))
}

/// Writes the page, or compares it with the file.
fn page(answer: &Answer, arguments: &args::Paper) -> Result<ExitCode, Failure> {
    if answer.interrupted {
        return Err(Failure::Other("interrupted: nothing was written".into()));
    }
    let all = answer.claims.iter().chain(&answer.unseen);
    if let Some(claim) = all.clone().find(|claim| !claim.explained) {
        return Err(Failure::Other(format!("{}: {}", claim.id, claim.because)));
    }
    let pages = Pages {
        file: &arguments.file,
        command: "headwater paper --write",
        unit: "parts",
        parts: answer.pages(),
        whole: answer.page(),
    };
    match arguments.check {
        true => pages.check(true),
        false => {
            pages.write()?;
            say(&format!("{}: {}", arguments.file.display(), answer.tally()))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
