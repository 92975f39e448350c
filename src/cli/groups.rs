//! The flags for networks with names, and for what `top` lists.

use std::path::PathBuf;

use clap::Args;

use crate::flow::named::{self, NamedNetwork};
use crate::snapshot::{Grouping, Subject};

/// The value of one `--group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupArg {
    /// One network with its name.
    Named(NamedNetwork),
    /// A file of networks with names, which [`named::lines`] reads.
    File(PathBuf),
}

#[derive(Args)]
pub(super) struct GroupArgs {
    /// Name a network (department, VLAN, site), as in 10.1.0.0/16=Sales, or read such lines from a file; repeatable
    #[arg(long, value_name = "NET=NAME|FILE", value_delimiter = ',', value_parser = group)]
    pub(super) group: Vec<GroupArg>,
}

/// `NET=NAME`, else the name of a file.
fn group(text: &str) -> Result<GroupArg, String> {
    match text.split_once('=') {
        Some(_) => match named::word(text) {
            Ok(named) => Ok(GroupArg::Named(named)),
            Err(error) => {
                let expected = error.expected;
                Err(format!(
                    "expected {expected}, or the name of a file without `=`, found `{text}`"
                ))
            }
        },
        // A network alone is more likely a network without its name than a file.
        None if text.is_empty() || text.parse::<crate::flow::Network>().is_ok() => {
            Err(format!("expected NET=NAME or the name of a file, found `{text}`"))
        }
        None => Ok(GroupArg::File(text.into())),
    }
}

/// The value of `--by` for a list of hosts.
pub(super) const HOSTS: &str = "host";

/// What `top` lists.
pub(super) fn by(text: &str) -> Result<Subject, String> {
    if text == HOSTS {
        return Ok(Subject::Line);
    }
    Grouping::named(text).map(Subject::Groups).ok_or_else(|| {
        let words = Grouping::ALL.map(Grouping::name).join(", ");
        format!("expected {HOSTS}, {words}, found `{text}`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Command, read_from};

    #[test]
    fn words_become_groups() {
        let words = "toptalk --group 10.20.3.0/24=lab,10.20.5.0/24=office --group vlans.txt";
        let Ok(Command::Live(live)) = read_from(words.split(' ')) else { panic!() };
        let named = |text: &str| GroupArg::Named(named::word(text).unwrap());
        let all = [
            named("10.20.3.0/24=lab"),
            named("10.20.5.0/24=office"),
            GroupArg::File("vlans.txt".into()),
        ];
        assert_eq!(live.collect.groups, all);
        let Ok(Command::Demo(demo, _)) = read_from(["toptalk", "demo", "--group", "x"]) else {
            panic!()
        };
        assert_eq!(demo.collect.groups, [GroupArg::File("x".into())]);
        let words = "toptalk top --by group --group 10.20.3.0/24=lab -n 3";
        let Ok(Command::Top(top)) = read_from(words.split(' ')) else { panic!() };
        assert_eq!(top.subject, Subject::Groups(Grouping::Group));
        assert_eq!((top.collect.groups, top.limit), (vec![named("10.20.3.0/24=lab")], 3));
        let Ok(Command::Top(top)) = read_from(["toptalk", "top"]) else { panic!() };
        assert_eq!((top.subject, top.collect.groups.len()), (Subject::Line, 0));
        for grouping in Grouping::ALL {
            assert_eq!(by(grouping.name()), Ok(Subject::Groups(grouping)));
        }
    }

    #[test]
    fn wrong_words_are_refused_with_what_was_expected() {
        for (words, expected) in [
            ("toptalk --group lab=10.0.0.0/8", "NET = NAME"),
            ("toptalk --group 10.0.0.0/8=", "then its name"),
            ("toptalk --group 10.0.0.0/8", "NET=NAME"),
            ("toptalk demo --group =", "without `=`"),
            ("toptalk top --by ports", "host, port, proto, peer-net, interface, group"),
            ("toptalk top --by group --no-attach", "--group FILE"),
        ] {
            let message = read_from(words.split(' ')).expect_err(words);
            assert!(message.contains(expected), "{words}: {message}");
        }
    }
}
