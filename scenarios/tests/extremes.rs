//! Every option of every system at the ends of what it may be: it is refused by its name, or the
//! run comes to an end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use headwater_models::system::SystemKind;
use headwater_scenarios::library;
use headwater_scenarios::options::SystemOption;
use headwater_scenarios::run::{Options, run};
use headwater_scenarios::scenario::Scenario;
use rayon::prelude::*;

/// A second of little traffic: what starts, starts, and timers of all kinds fire.
const HEAD: &str = "title = \"t\"\nhypothesis = \"h\"\nprofile = \"nvme-10gbe\"\n[traffic]\nrate = \
                    \"20/s\"\nduration = \"2s\"\n[measure]\nwarm_up = \"0s\"\ndrain = \
                    \"1s\"\nevents_max = 100000\n[system]\nkind = ";

/// Numbers that may be typed by mistake.
const NUMBERS: [&str; 3] = ["0", "1", "9223372036854775807"];
/// Times, too.
const TIMES: [&str; 3] = ["0s", "1ns", "500000h"];

fn values(option: &SystemOption) -> &'static [&'static str] {
    let is_time = |text: &str| ["s\"", "h\"", "m\""].iter().any(|unit| text.ends_with(unit));
    match option.kind.as_str() {
        "integer" => &NUMBERS,
        _ if is_time(&option.default) => &TIMES,
        _ => &[],
    }
}

/// Every option, with its system.
fn options() -> Vec<(&'static str, SystemOption)> {
    let standard = library::standard();
    let kinds = standard.iter().map(SystemKind::name);
    let of = |kind| library::options(kind).expect("it has options").options;
    kinds.flat_map(|kind| of(kind).into_iter().map(move |option| (kind, option))).collect()
}

/// A scenario of a system with an option at a value, or what is wrong with it.
fn read(kind: &str, option: &SystemOption, value: &str) -> Result<Scenario, String> {
    let settings = [(format!("system.{}", option.name), value.to_owned())];
    let text = format!("{HEAD}\"{kind}\"\n");
    Scenario::parse(&text, "t.toml", None, &settings).map_err(|problems| problems.to_string())
}

/// What is amiss with an option at a value, if anything.
fn amiss(kind: &str, option: &SystemOption, value: &str) -> Option<String> {
    let path = option.name.replace('"', "");
    let parsed = catch_unwind(|| read(kind, option, value));
    let scenario = match parsed {
        Err(_) => return Some(format!("{kind} {path} = {value}: reading it panics")),
        Ok(Ok(scenario)) => scenario,
        Ok(Err(told)) => {
            // Or another of its section, which it does not go with.
            let (section, last) = (path.split('.').next(), path.rsplit('.').next());
            let names = |part: Option<&str>| part.is_some_and(|part| told.contains(part));
            let section = section.filter(|section| Some(*section) != last);
            let section = section.map(|section| format!("{section}."));
            return (!names(last) && !names(section.as_deref()))
                .then(|| format!("{kind} {path} = {value}: is not named: {told}"));
        }
    };
    let ran = catch_unwind(AssertUnwindSafe(|| run(&scenario, &Options::default())));
    ran.is_err().then(|| format!("{kind} {path} = {value}: the run panics"))
}

#[test]
fn every_option_is_refused_by_its_name_or_runs() {
    let with_values = |(kind, option): (&'static str, SystemOption)| {
        values(&option).iter().map(move |value| (kind, option.clone(), *value)).collect::<Vec<_>>()
    };
    let tried: Vec<_> = options().into_iter().flat_map(with_values).collect();
    assert!(tried.len() > 500, "{}", tried.len());
    let wrong: Vec<_> =
        tried.par_iter().filter_map(|(kind, option, value)| amiss(kind, option, value)).collect();
    assert!(wrong.is_empty(), "of {}:\n{}", tried.len(), wrong.join("\n"));
}

/// What can't be nothing: an option that is no longer refused then, or is from now on, shows here.
#[test]
fn what_may_not_be_zero_is_what_it_was() {
    let refused = options().into_iter().filter(|(kind, option)| {
        let zero = values(option).first();
        zero.is_some_and(|zero| read(kind, option, zero).is_err())
    });
    let refused: Vec<_> = refused.map(|(kind, option)| format!("{kind} {}", option.name)).collect();
    insta::assert_snapshot!(refused.join("\n"));
}
