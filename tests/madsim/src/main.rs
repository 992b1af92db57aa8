//! Runs one scenario with one seed on madsim and on the kernel, and shows both.
//!
//! `cargo run -- NAME|FILE SEED [path=value]...`, with RUSTFLAGS='--cfg madsim'.

use std::process::ExitCode;

use headwater_madsim::{compare, on_kernel, run};
use headwater_scenarios::scenario::Scenario;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (Some(name), Some(Ok(seed))) = (words.next(), words.next().map(|seed| seed.parse())) else {
        eprintln!("usage: headwater-madsim NAME|FILE SEED [path=value]...");
        return ExitCode::from(2);
    };
    let settings: Vec<_> = words
        .filter_map(|word| word.split_once('=').map(|(path, value)| (path.into(), value.into())))
        .collect();
    let scenario = match Scenario::load(&name, &settings) {
        Ok(scenario) => scenario,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(2);
        }
    };
    let report = run(&scenario, seed);
    for mark in &report.marks {
        println!("{:>12.6} s {} {}", mark.at_ns as f64 / 1e9, mark.name, mark.detail);
    }
    println!("{report}");
    let differ = compare(&on_kernel(&scenario, seed), &report.by_name());
    match differ.is_empty() {
        true => println!("the kernel's verdicts are the same"),
        false => differ.iter().for_each(|line| println!("{line}")),
    }
    ExitCode::from(u8::from(!differ.is_empty()))
}
