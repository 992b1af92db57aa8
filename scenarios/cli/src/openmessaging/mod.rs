//! A scenario of the OpenMessaging benchmark's own files.
//!
//! A workload says what arrives (`benchmark-framework`, `Workload.java` @ openmessaging/benchmark
//! 7f529eb), a driver what it is written to (`driver-kafka`, `Config.java` @ fbada65; Pravega's
//! `PravegaConfig.java` @ pravega/openmessaging-benchmark 0544536). What a simulation has no
//! counterpart for is told, and stands in the comments of the scenario.

use headwater_reading::problem::{Finding, Problems};
use headwater_reading::tree::Span;
use headwater_scenarios::scenario::Scenario;

use crate::args::Import;
use crate::failure::{self, Failure};
use crate::input;

mod driver;
mod workload;
mod yaml;

/// What there is no counterpart for: told, and written into the scenario.
struct Notes(Vec<Finding>);

impl Notes {
    fn add(&mut self, message: impl Into<String>, span: Span) {
        self.0.push(Finding::new(message, span).label("not in the scenario"));
    }
}

/// The scenario of a workload and a driver. What is not in it is told on standard error.
pub fn scenario(arguments: &Import) -> Result<String, Failure> {
    let workload = yaml::Document::read(&arguments.workload)?;
    let driver = yaml::Document::read(&arguments.driver)?;
    let (mut of_workload, mut of_driver) = (Notes(Vec::new()), Notes(Vec::new()));
    let load = workload::Workload::read(&workload, &mut of_workload)?;
    let traffic = load.traffic(&workload, &mut of_workload);
    let (name, system) = driver::system(&driver, &load, arguments.servers, &mut of_driver)?;
    let all = of_workload.0.iter().chain(&of_driver.0);
    let notes: String = all.map(|note| format!("#   {}\n", note.message)).collect();
    let notes = if notes.is_empty() { notes } else { format!("# Not in it:\n{notes}") };
    let text = format!(
        "# Of the OpenMessaging benchmark: {} with {}.\n{notes}title = {}\nhypothesis = \"It is as \
         the benchmark would measure it\"\nseed = 1\nprofile = {}\n\n{system}\n{traffic}",
        workload.name,
        driver.name,
        quoted(&format!("{} on {name}", load.name())),
        quoted(&arguments.profile),
    );
    failure::tell_warnings(&Problems::new(of_workload.0, &workload.name, &workload.text));
    failure::tell_warnings(&Problems::new(of_driver.0, &driver.name, &driver.text));
    // What was made has to be a scenario, or why it can't be is said at its lines.
    Scenario::parse(&text, "the scenario made of them", None, &[])?;
    Ok(text)
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
