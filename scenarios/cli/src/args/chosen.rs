//! Which scenario a command is of.

use clap::Args;
use clap_complete::ArgValueCompleter;

use crate::offers::{names, paths};
use crate::parsers::setting;

/// A scenario with what is laid over it.
#[derive(Args)]
pub struct Chosen {
    /// Name in the library (see `headwater list`), path of a TOML file, or - for standard input
    #[arg(value_name = "NAME|FILE", add = ArgValueCompleter::new(names))]
    pub scenario: String,
    /// Lays a value over the scenario; may be given many times: 1600/s, [0, 1], "3.9" or 3.9
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = setting)]
    #[arg(add = ArgValueCompleter::new(paths))]
    pub settings: Vec<(String, String)>,
}
