//! The flags about exporters.

use std::path::PathBuf;

use clap::Args;

use super::values::given_rate;
use crate::flow::Network;
use crate::wire::Policy;
use crate::wire::policy::GivenRate;

/// Where templates and other state of exporters are saved between runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StateFolder {
    /// In the default folder of this machine.
    #[default]
    Usual,
    /// In this folder.
    Folder(PathBuf),
    /// They are not saved.
    Nowhere,
}

#[derive(Args)]
pub(super) struct ExporterArgs {
    /// Accept only exporters in this network, repeatable [default: any]
    #[arg(long, value_name = "NET", value_delimiter = ',')]
    allow: Vec<Network>,
    /// Sampling rate, one packet in N, instead of the announced one: 192.0.2.1=1000 for one exporter, 1000 for all; repeatable
    #[arg(long, value_name = "[EXPORTER=]RATE", value_delimiter = ',', value_parser = given_rate)]
    sampling: Vec<GivenRate>,
    /// Folder for the state of exporters, so that templates and sampling rates survive a restart [default: toptalk in the user's state folder]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Do not save the state of exporters
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
