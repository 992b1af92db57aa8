//! Pravega's options on the command line.

use clap::Args;

use crate::systems::system::{Asked, Setting};

/// Pravega's options.
#[derive(Clone, Debug, Args)]
pub(super) struct PravegaArguments {
    /// Pravega's controller; never launches
    #[arg(long, value_name = "tcp://HOST:PORT", conflicts_with = "launch")]
    controller: Option<String>,
    /// Segments of Pravega's stream
    #[arg(long, value_name = "N")]
    segments: Option<u32>,
}

impl PravegaArguments {
    /// What they ask.
    pub(super) fn asked(self) -> Asked {
        let segments = self.segments.map(|segments| Setting {
            option: "--segments",
            path: "system.segments",
            value: segments.to_string(),
        });
        Asked { cluster: self.controller, settings: segments.into_iter().collect() }
    }
}
