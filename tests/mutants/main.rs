//! Plants small random changes of the language in the models and the checkers, a hundred at a time
//! over one build, and lists those that no test notices.

mod plant;
mod report;
mod sites;
mod suites;
mod tree;

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Error, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use headwater_sim::random::Seed;
use headwater_tests::workspace;
use indicatif::{ProgressBar, ProgressStyle};
use rand::Rng as _;
use rayon::prelude::*;

use self::plant::Mutant;
use self::report::{Fate, Told};
use self::suites::{End, Program, Suite};
use self::tree::Tree;

/// Plants small changes in models and checkers, and lists those that no test notices
///
/// Operators, bounds, conditions turned round and statements left out, drawn by a seed, all in one
/// build of a copy of the tree. Each is switched on by itself, and the suites are asked in turn
/// until one fails. Results are kept as they come: the same command goes on where it was ended.
///
/// Examples:
///   cargo run -p headwater-tests --bin mutants -- --count 100 --seed 1
///   cargo run -p headwater-tests --bin mutants -- --only models/src/kafka --count 20
///   cargo run -p headwater-tests --bin mutants -- --only scenarios/check --suite check --list
#[derive(Debug, Parser)]
#[command(name = "mutants", verbatim_doc_comment)]
struct Options {
    /// How many changes are planted
    #[arg(long, default_value_t = 100)]
    count: usize,
    /// Which ones: another seed draws others
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only in files with this in their path; may be repeated
    #[arg(long)]
    only: Vec<String>,
    /// Only these suites; may be repeated
    #[arg(long, value_enum)]
    suite: Vec<Suite>,
    /// Changes that are tried at a time
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// No change is begun after so many minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 600)]
    within: u64,
    /// Lists what would be planted, and builds nothing
    #[arg(long)]
    list: bool,
    /// Where the copy, its build and the results lie
    #[arg(long, default_value = "target/mutants")]
    out: PathBuf,
}

/// Folders whose files are changed.
const CHANGED: [&str; 2] = ["models/src/", "scenarios/check/src/"];

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mutants: {error}");
            ExitCode::from(2)
        }
    }
}

/// Everything; true if nothing has survived.
fn run(options: &Options) -> io::Result<bool> {
    let mut mutants = drawn(options)?;
    if options.list {
        mutants.iter().for_each(|of| println!("{}", report::line(of)));
        return Ok(true);
    }
    let mut suites = options.suite.clone();
    if suites.is_empty() {
        use Suite::{Check, Library, Models, Scenarios, Swarms};
        suites = vec![Check, Models, Swarms, Scenarios, Library];
    }
    suites.sort();
    suites.dedup();
    fs::create_dir_all(&options.out)?;
    let out = fs::canonicalize(&options.out)?;
    let planted = mutants.len();
    eprintln!("{planted} changes; the copy is built, which takes minutes from cold");
    let programs = Tree::of(&workspace::root(), &out).build(&mut mutants, &suites)?;
    let suites: Vec<_> = suites.into_iter().zip(programs).collect();
    let limits = unchanged(&suites, &out)?;
    let told = tried(options, &mutants, &suites, &limits, &out)?;
    let text = report::of(planted, &mutants, &told);
    fs::write(out.join("report.md"), &text)?;
    print!("{text}");
    Ok(told.iter().all(|of| of.fate != Fate::Survived))
}

/// The changes that the options ask for.
fn drawn(options: &Options) -> io::Result<Vec<Mutant>> {
    let mut files = vec![];
    for file in workspace::files(&["rs"]) {
        let is_asked = |path: &str| options.only.iter().any(|only| path.contains(only.as_str()));
        let is_changed = CHANGED.iter().any(|folder| file.path.starts_with(folder));
        if is_changed && (options.only.is_empty() || is_asked(&file.path)) {
            let sites = sites::of(&file.text)
                .map_err(|error| Error::other(format!("{}: {error}", file.path)))?;
            files.push((file.path, file.text, sites));
        }
    }
    if files.is_empty() {
        let only = options.only.join(", ");
        let folders = CHANGED.join(", ");
        return Err(Error::other(format!("no file of {folders} has {only} in its path")));
    }
    let mut stream = Seed(options.seed).stream("mutants", 0);
    Ok(plant::choose(&files, options.count, &mut |left| stream.random_range(0..left)))
}

/// How long each program may take: it passes without a change, or nothing can be told.
fn unchanged(suites: &[(Suite, Vec<Program>)], out: &Path) -> io::Result<Vec<Duration>> {
    let log = out.join("unchanged.log");
    let mut limits = vec![];
    for program in suites.iter().flat_map(|(_, programs)| programs) {
        eprintln!("without a change: {}", program.name());
        let begun = Instant::now();
        let end = program.run(0, Duration::from_secs(3_600), &log)?;
        if end != End::Passed {
            let (name, log) = (program.name(), log.display());
            return Err(Error::other(format!("{name} fails without a change: see {log}")));
        }
        limits.push(Duration::from_secs(30) + begun.elapsed() * 5);
    }
    Ok(limits)
}

/// Tries each change that is not yet told of.
fn tried(
    options: &Options,
    mutants: &[Mutant],
    suites: &[(Suite, Vec<Program>)],
    limits: &[Duration],
    out: &Path,
) -> io::Result<Vec<Told>> {
    let path = out.join(format!("told-{}.jsonl", options.seed));
    let before = fs::read_to_string(&path).unwrap_or_default();
    let mut told: Vec<Told> = before.lines().filter_map(Told::read).collect();
    told.retain(|of| mutants.iter().any(|mutant| of.line == report::line(mutant)));
    let known: BTreeSet<_> = told.iter().map(|of| of.line.clone()).collect();
    let left: Vec<_> = mutants.iter().filter(|of| !known.contains(&report::line(of))).collect();
    let file = std::sync::Mutex::new(OpenOptions::new().create(true).append(true).open(&path)?);
    let bar = ProgressBar::new(left.len() as u64);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {elapsed} (left: {eta})");
    bar.set_style(style.map_err(Error::other)?);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.jobs.max(1)).build();
    let (begun, within) = (Instant::now(), Duration::from_secs(options.within * 60));
    let new = pool.map_err(Error::other)?.install(|| {
        let one = |mutant: &&Mutant| -> io::Result<Option<Told>> {
            if begun.elapsed() > within {
                return Ok(None);
            }
            let fate = fate(mutant, suites, limits, out)?;
            let told = Told { line: report::line(mutant), fate };
            let mut file: std::sync::MutexGuard<'_, File> = file.lock().expect("nobody panics");
            writeln!(file, "{}", told.written())?;
            bar.set_message(told.line.clone());
            bar.inc(1);
            Ok(Some(told))
        };
        left.par_iter().with_max_len(1).map(one).collect::<io::Result<Vec<_>>>()
    })?;
    bar.finish_and_clear();
    told.extend(new.into_iter().flatten());
    Ok(told)
}

/// What becomes of a change.
fn fate(
    mutant: &Mutant,
    suites: &[(Suite, Vec<Program>)],
    limits: &[Duration],
    out: &Path,
) -> io::Result<Fate> {
    let log = out.join(format!("{}.log", mutant.number));
    let programs = suites.iter().flat_map(|(suite, of)| of.iter().map(move |of| (*suite, of)));
    for ((suite, program), limit) in programs.zip(limits) {
        let by = match program.run(mutant.number, *limit, &log)? {
            End::Passed => continue,
            End::Failed(test) => test,
            End::Late => format!("{}, which never ended", program.name()),
        };
        fs::remove_file(&log)?;
        let by = format!("{}: {by}", suite.name());
        return Ok(if suite == Suite::Library { Fate::Different(by) } else { Fate::Killed(by) });
    }
    fs::remove_file(&log)?;
    Ok(Fate::Survived)
}
