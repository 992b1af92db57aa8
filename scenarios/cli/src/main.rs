//! `headwater`: simulated runs of streaming storage, from the command line.

use std::process::ExitCode;

use clap::CommandFactory;

mod answers;
mod args;
mod book;
mod check;
mod colour;
mod compare;
mod completions;
mod explain;
mod export;
mod failure;
mod find;
mod import;
mod input;
mod list;
mod man;
mod merge;
mod metrics;
mod new;
mod offers;
mod openmessaging;
mod options;
mod output;
mod pages;
mod paper;
mod parsers;
mod plan;
mod profile;
mod progress;
mod replay;
mod run;
mod sample;
mod shrink;
mod swarm;
mod sweep;
mod test;
mod traffic;

use args::{Arguments, Command};
use failure::Failure;

/// Effects, records and batches are allocated in millions.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Where a shell asks for completions, it answers and ends here.
    clap_complete::CompleteEnv::with_factory(Arguments::command).complete();
    let arguments = args::parse();
    let result = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Test(arguments) => test::test(&arguments),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Shrink(arguments) => shrink::shrink(&arguments),
        Command::Swarm(arguments) => swarm::swarm(&arguments),
        Command::Merge(arguments) => merge::merge(&arguments),
        Command::List(arguments) => list::list(&arguments),
        Command::Show(arguments) => new::show(&arguments),
        Command::New(arguments) => new::new(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Sweep(arguments) => sweep::sweep(&arguments),
        Command::Find(arguments) => find::find(&arguments),
        Command::Sample(arguments) => sample::sample(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Plan(arguments) => plan::plan(&arguments),
        Command::Compare(arguments) => compare::compare(&arguments),
        Command::Export(arguments) => export::export(&arguments),
        Command::Traffic(arguments) => traffic::traffic(&arguments),
        Command::Profile(arguments) => profile::profile(&arguments),
        Command::Book(arguments) => book::book(&arguments),
        Command::Paper(arguments) => paper::paper(&arguments),
        Command::Options(arguments) => options::options(&arguments),
        Command::Metrics(arguments) => metrics::metrics(&arguments),
        Command::Schema => options::schema(),
        Command::Import(arguments) => import::import(&arguments),
        Command::Completions(arguments) => completions::script(&arguments),
        Command::Man(arguments) => man::man(&arguments),
    };
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// Prints a line to standard output. A reader that has gone away (`| head`) is no error.
fn say(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::output("standard output", &error)),
        Ok(()) => Ok(()),
    }
}
