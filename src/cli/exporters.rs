//! What is said about exporters.

use std::path::PathBuf;

use clap::Args;

use super::values::given_rate;
use crate::flow::Network;
use crate::wire::Policy;
use crate::wire::policy::GivenRate;

/// Where what is learned of exporters is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StateFolder {
    /// Where such things are kept on this machine.
    #[default]
    Usual,
    Folder(PathBuf),
    Nowhere,
}

#[derive(Args)]
pub(super) struct ExporterArgs {
    /// A network that exporters may be in, repeatable [default: any]
    #[arg(long, value_name = "NET", value_delimiter = ',')]
    allow: Vec<Network>,
    /// The sampling rate of an exporter, or of all, whatever they announce; repeatable
    #[arg(long, value_name = "[EXPORTER=]RATE", value_delimiter = ',', value_parser = given_rate)]
    sampling: Vec<GivenRate>,
    /// Folder for what is learned of exporters, so that a restart loses nothing [default: toptalk in the user's state folder]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Keep nothing of what is learned of exporters
    #[arg(long)]
    no_state: bool,
}

impl ExporterArgs {
    pub(super) fn check(self) -> (Policy, StateFolder) {
        let state = match self.state {
            _ if self.no_state => StateFolder::Nowhere,
            Some(folder) => StateFolder::Folder(folder),
            None => StateFolder::Usual,
        };
        (Policy { allow: self.allow, sampling: self.sampling, ..Policy::default() }, state)
    }
}
