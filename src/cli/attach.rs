//! The flags for attaching to a collector, and for serving the screens that attach.

use std::path::PathBuf;

use clap::Args;

use super::collector::{CollectArgs, RuleArgs};
use super::given_flags::{GivenFlags, flags_of};

/// The error when rows are to be named networks and no network has a name.
pub const NO_NAMES: &str =
    "--by group needs networks with names: add --group NET=NAME or --group FILE";

/// The running collector to attach to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attach {
    /// Whether to look for a running collector.
    pub allowed: bool,
    /// Its socket; `None` for the default places.
    pub socket: Option<PathBuf>,
    /// Flags that were given and have no effect when attached: the collector has its own.
    pub unused: Vec<String>,
}

/// The socket for screens that attach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serve {
    /// Whether screens may attach.
    pub allowed: bool,
    /// The socket; `None` for the default place.
    pub socket: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct AttachArgs {
    /// Socket of the running collector to ask [default: /run/toptalk/toptalk.sock, otherwise toptalk.sock in the user's runtime folder]
    #[arg(long, value_name = "PATH", env = "TOPTALK_SOCKET")]
    socket: Option<PathBuf>,
    /// Do not ask a running collector
    #[arg(long, env = "TOPTALK_NO_ATTACH")]
    no_attach: bool,
}

#[derive(Args)]
pub(super) struct ServeArgs {
    /// Socket for live screens (`toptalk`), `top` and `query` [default: /run/toptalk/toptalk.sock, otherwise toptalk.sock in the user's runtime folder]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Serve no live screens, no `top` and no `query`
    #[arg(long)]
    no_serve: bool,
}

impl AttachArgs {
    /// For a command that never collects.
    pub(super) fn alone(self) -> Attach {
        Attach { allowed: !self.no_attach, socket: self.socket, unused: Vec::new() }
    }

    /// For a command that attaches unless other flags ask for collecting in this process.
    pub(super) fn check(self, said: &GivenFlags) -> Attach {
        let here = HERE.iter().any(|flag| said.has(flag));
        let collecting = flags_of::<CollectArgs>().into_iter().chain(flags_of::<RuleArgs>());
        let unused = collecting.filter(|flag| is_unused(flag) && said.has(flag));
        let unused = unused.map(|flag| format!("--{flag}")).collect();
        Attach { allowed: !self.no_attach && !here, socket: self.socket, unused }
    }
}

impl ServeArgs {
    pub(super) fn check(self) -> Serve {
        Serve { allowed: !self.no_serve, socket: self.socket }
    }
}

/// Flags that ask for collecting in this process.
const HERE: [&str; 4] = ["port", "bind", "record", "for"];

/// Whether a flag has no effect on a screen that is attached to a collector. Whether the
/// state is saved makes no difference to what the screen shows, so that --no-state is
/// not mentioned.
fn is_unused(flag: &str) -> bool {
    !HERE.contains(&flag) && flag != "no-state"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Command, read_from};

    fn live(words: &str) -> Attach {
        let line = format!("toptalk {words}");
        match read_from(line.split_whitespace()).unwrap() {
            Command::Live(live) => live.attach,
            Command::Top(top) => top.attach,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_that_ask_for_collecting_here_attach_to_nothing() {
        for words in ["", "top", "--window 5m", "top -n 3 port 443", "--local 10.0.0.0/8"] {
            assert!(live(words).allowed, "{words}");
        }
        for words in ["-p 2055", "-b 127.0.0.1", "-w /a", "--no-attach", "top -p 5", "top --for 5s"]
        {
            assert!(!live(words).allowed, "{words}");
        }
        let attach = live("--socket /a/b.sock --alert-up 5M --group 10.0.0.0/8=x --no-dedup");
        assert_eq!(attach.socket, Some("/a/b.sock".into()));
        assert_eq!(attach.unused, ["--no-dedup", "--group", "--alert-up"]);
        assert!(live("top --window 1h").unused.is_empty());
    }

    #[test]
    fn collectors_serve_unless_told_not_to() {
        let serve = |words: &str| {
            let line = format!("toptalk collect {words}");
            match read_from(line.split_whitespace()).unwrap() {
                Command::Collect(collecting) => {
                    (collecting.serve, collecting.record.rest.is_some())
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(serve(""), (Serve { allowed: true, socket: None }, false));
        let socket = Some("/x.sock".into());
        assert_eq!(serve("-w /a --socket /x.sock"), (Serve { allowed: true, socket }, true));
        assert!(!serve("--no-serve").0.allowed);
    }
}
