//! The command line: words to a checked [`Command`]. The only file that names clap.

mod inspect;

pub use inspect::Inspect;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::agg::{
    Config, DEFAULT_MAX_CONVERSATIONS, DEFAULT_MAX_HOSTS, LagRule, MAX_LAG_MS, Rules,
};
use crate::filter::Filter;
use crate::flow::{LocalNetworks, Network, Time};
use crate::ingest::{Listen, MAX_PORTS};
use crate::snapshot::{SortKey, Window};
use crate::units::{parse_duration, parse_rate};

/// What toptalk was asked to do.
#[derive(Clone, Debug)]
pub enum Command {
    Live(Live),
    Demo(Live, u64),
    Top(Top),
    Inspect(Inspect),
}

/// Collecting with a screen.
#[derive(Clone, Debug)]
pub struct Live {
    pub listen: Listen,
    pub config: Config,
    pub window: Window,
    pub ascii: bool,
    /// Where snapshots are saved, `None` for the default folder.
    pub snapshots: Option<PathBuf>,
}

/// Collecting for a while and printing one answer.
#[derive(Clone, Debug)]
pub struct Top {
    pub listen: Listen,
    pub config: Config,
    pub for_ms: i64,
    pub window: Window,
    pub limit: usize,
    pub sort: SortKey,
    pub output: Output,
    pub filter: Filter,
}

/// The shape of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Table,
    Csv,
    Json,
}

/// Live top talkers from NetFlow: who uses the line, right now.
#[derive(Parser)]
#[command(name = "toptalk", version, args_conflicts_with_subcommands = true)]
#[command(
    after_help = "On the router: ip flow-export version 9 / ip flow-export destination HOST 2055.\n\
    Without a router: toptalk demo"
)]
struct Words {
    #[command(subcommand)]
    command: Option<Verb>,
    #[command(flatten)]
    live: LiveWords,
}

#[derive(Subcommand)]
enum Verb {
    /// The live screen over made-up traffic: real NetFlow over loopback, nothing to set up
    Demo(DemoWords),
    /// Collect for a while without a screen and print one answer
    Top(TopWords),
    /// Print every template, record and problem, from captures or live
    Inspect(inspect::InspectWords),
}

#[derive(Args)]
struct CollectWords {
    /// UDP port to listen on, repeatable [default: 2055, and 4739 and 6343 when free]
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Vec<u16>,
    /// Listen on this address only
    #[arg(short, long, value_name = "ADDRESS", env = "TOPTALK_BIND")]
    bind: Option<IpAddr>,
    #[command(flatten)]
    windows: WindowWords,
}

#[derive(Args)]
struct WindowWords {
    /// A network that is ours, repeatable [default: private and link-local networks]
    #[arg(long, value_name = "NET", env = "TOPTALK_LOCAL", value_delimiter = ',')]
    local: Vec<Network>,
    /// How far behind now windows end: `auto` from the exporters' reports, or seconds
    #[arg(long, value_name = "auto|SECONDS", env = "TOPTALK_LAG", default_value = "auto", value_parser = lag)]
    lag: LagRule,
    /// Hosts kept at most; traffic of further ones is in others
    #[arg(long, value_name = "N", env = "TOPTALK_MAX_HOSTS", default_value_t = DEFAULT_MAX_HOSTS)]
    max_hosts: usize,
    /// Conversations kept at most; traffic of further ones is in others
    #[arg(long, value_name = "N", env = "TOPTALK_MAX_CONVERSATIONS", default_value_t = DEFAULT_MAX_CONVERSATIONS)]
    max_conversations: usize,
}

#[derive(Args)]
struct RuleWords {
    /// Warn of hosts that upload more than this: 80M, 1.5G (bit/s), 10MB/s
    #[arg(long, value_name = "RATE", env = "TOPTALK_ALERT_UP", value_parser = parse_rate)]
    alert_up: Option<u64>,
    /// Warn of hosts that download more than this
    #[arg(long, value_name = "RATE", env = "TOPTALK_ALERT_DOWN", value_parser = parse_rate)]
    alert_down: Option<u64>,
    /// The line's capacity; warned of at 90 % (one rate serves both directions)
    #[arg(long, value_name = "DOWN[/UP]", env = "TOPTALK_LINK", value_parser = link)]
    link: Option<Link>,
}

#[derive(Args)]
struct ScreenWords {
    /// The window to begin with: 10s, 1m, 5m, 15m or 1h
    #[arg(long, value_name = "WINDOW", env = "TOPTALK_WINDOW", default_value = "1m", value_parser = sliding)]
    window: Window,
    /// Draw with ASCII characters only
    #[arg(long, env = "TOPTALK_ASCII")]
    ascii: bool,
    /// Folder for snapshots saved with S [default: toptalk in the user's data folder]
    #[arg(long, value_name = "DIR", env = "TOPTALK_SNAPSHOTS")]
    snapshots: Option<PathBuf>,
}

#[derive(Args)]
struct LiveWords {
    #[command(flatten)]
    collect: CollectWords,
    #[command(flatten)]
    rules: RuleWords,
    #[command(flatten)]
    screen: ScreenWords,
}

#[derive(Args)]
struct DemoWords {
    /// The same seed gives the same site
    #[arg(long, value_name = "N", default_value_t = 2811)]
    seed: u64,
    #[command(flatten)]
    screen: ScreenWords,
}

#[derive(Args)]
struct TopWords {
    #[command(flatten)]
    collect: CollectWords,
    /// How long to collect
    #[arg(long = "for", value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    for_ms: i64,
    /// The window of the answer: 10s, 1m, 5m, 15m, 1h or all
    #[arg(long, value_name = "WINDOW", default_value = "all", value_parser = window)]
    window: Window,
    /// Rows; 0 for all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    limit: usize,
    /// Sort by bytes sent, received, or both
    #[arg(short, long, value_name = "KEY", default_value = "sum")]
    sort: Sort,
    /// Shape of the answer
    #[arg(short, long, value_name = "SHAPE", default_value = "table")]
    output: Output,
    /// Only what matches, as in `net 10.0.0.0/8 and not port 22`
    filter: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Sort {
    Up,
    Down,
    Sum,
}

/// Capacities in bit/s.
#[derive(Clone, Copy)]
struct Link {
    down: u64,
    up: u64,
}

/// Reads the command line; prints help or what is wrong and ends the process.
#[must_use]
pub fn read() -> Command {
    Words::parse().check().unwrap_or_else(|error| error.exit())
}

/// Reads a command line given as words, the first being the program's name.
///
/// # Errors
/// The message that would have been printed.
pub fn read_from<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Command, String> {
    Words::try_parse_from(words).and_then(Words::check).map_err(|error| error.to_string())
}

impl Words {
    fn check(self) -> Result<Command, clap::Error> {
        Ok(match self.command {
            None => Command::Live(self.live.check()?),
            Some(Verb::Demo(words)) => {
                let live = Live {
                    listen: Listen::default(),
                    config: Config::default(),
                    window: words.screen.window,
                    ascii: words.screen.ascii,
                    snapshots: words.screen.snapshots,
                };
                Command::Demo(live, words.seed)
            }
            Some(Verb::Top(words)) => Command::Top(words.check()?),
            Some(Verb::Inspect(words)) => Command::Inspect(words.check()),
        })
    }
}

impl CollectWords {
    fn check(self) -> Result<(Listen, Config), clap::Error> {
        if self.port.len() > MAX_PORTS {
            return Err(wrong(format!("at most {MAX_PORTS} ports, found {}", self.port.len())));
        }
        let mut ports = self.port;
        ports.sort_unstable();
        ports.dedup();
        let config = Config {
            local: LocalNetworks::new(self.windows.local),
            max_hosts: self.windows.max_hosts,
            max_conversations: self.windows.max_conversations,
            lag: self.windows.lag,
            rules: Rules::default(),
            keep_all: false,
            started: Time::default(),
        };
        Ok((Listen { address: self.bind, ports }, config))
    }
}

impl LiveWords {
    fn check(self) -> Result<Live, clap::Error> {
        let (listen, config) = self.collect.check()?;
        let rules = Rules {
            host_up: self.rules.alert_up,
            host_down: self.rules.alert_down,
            link_up: self.rules.link.map(|link| link.up),
            link_down: self.rules.link.map(|link| link.down),
        };
        Ok(Live {
            listen,
            config: Config { rules, ..config },
            window: self.screen.window,
            ascii: self.screen.ascii,
            snapshots: self.screen.snapshots,
        })
    }
}

impl TopWords {
    fn check(self) -> Result<Top, clap::Error> {
        let text = self.filter.join(" ");
        let filter =
            Filter::parse(&text).and_then(|filter| filter.check_live().map(|()| filter)).map_err(
                |error| wrong(format!("{error}\n  {text}\n  {}", caret(&text, &error.at))),
            )?;
        let (listen, config) = self.collect.check()?;
        Ok(Top {
            listen,
            config: Config { keep_all: self.window == Window::All, ..config },
            for_ms: self.for_ms,
            window: self.window,
            limit: if self.limit == 0 { usize::MAX } else { self.limit },
            sort: match self.sort {
                Sort::Up => SortKey::Up,
                Sort::Down => SortKey::Down,
                Sort::Sum => SortKey::Bytes,
            },
            output: self.output,
            filter,
        })
    }
}

/// A line of carets under the wrong part of a text.
fn caret(text: &str, at: &std::ops::Range<usize>) -> String {
    let width = |part: Option<&str>| part.map_or(0, |part| part.chars().count());
    let before = width(text.get(..at.start));
    let under = width(text.get(at.clone())).max(1);
    format!("{}{}", " ".repeat(before), "^".repeat(under))
}

fn wrong(message: String) -> clap::Error {
    clap::Error::raw(clap::error::ErrorKind::ValueValidation, format!("{message}\n"))
}

fn lag(text: &str) -> Result<LagRule, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(LagRule::Auto);
    }
    match parse_duration(text) {
        Ok(ms) if ms <= MAX_LAG_MS => Ok(LagRule::Fixed(ms)),
        _ => Err(format!("expected auto or 0 to {} seconds, found `{text}`", MAX_LAG_MS / 1000)),
    }
}

fn link(text: &str) -> Result<Link, String> {
    let (down, up) = text.split_once('/').unwrap_or((text, text));
    let rate = |text| parse_rate(text).map_err(|error| error.to_string());
    // The slash of `MB/s` is no separator.
    if text.ends_with("B/s") && !text[..text.len() - 3].contains('/') {
        return rate(text).map(|both| Link { down: both, up: both });
    }
    Ok(Link { down: rate(down)?, up: rate(up)? })
}

fn sliding(text: &str) -> Result<Window, String> {
    Window::SLIDING
        .into_iter()
        .find(|window| window.name() == text)
        .ok_or_else(|| format!("expected 10s, 1m, 5m, 15m or 1h, found `{text}`"))
}

fn window(text: &str) -> Result<Window, String> {
    if text == Window::All.name() {
        return Ok(Window::All);
    }
    sliding(text).map_err(|_| format!("expected 10s, 1m, 5m, 15m, 1h or all, found `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_consistent() {
        use clap::CommandFactory;
        Words::command().debug_assert();
    }

    #[test]
    fn words_become_settings() {
        let words = ["toptalk", "-p", "34343", "--alert-up", "80M", "--link", "1G/200M"];
        let Ok(Command::Live(live)) = read_from(words) else { panic!() };
        assert_eq!(live.listen.ports, [34343]);
        let rules = live.config.rules;
        assert_eq!((rules.host_up, rules.host_down), (Some(80_000_000), None));
        assert_eq!((rules.link_down, rules.link_up), (Some(1_000_000_000), Some(200_000_000)));
        let words = ["toptalk", "top", "--for", "3s", "-n", "0", "-s", "up", "port", "443"];
        let Ok(Command::Top(top)) = read_from(words) else { panic!() };
        assert_eq!((top.for_ms, top.limit, top.sort), (3000, usize::MAX, SortKey::Up));
        assert!(top.config.keep_all && !top.filter.is_any());
    }

    #[test]
    fn wrong_words_are_refused_with_what_was_expected() {
        for (words, expected) in [
            (vec!["toptalk", "-p", "70000"], "70000"),
            (vec!["toptalk", "-p", "0"], "0"),
            (vec!["toptalk", "--local", "10.0.0.0/40"], "10.0.0.0/8"),
            (vec!["toptalk", "--alert-up", "fast"], "80M"),
            (vec!["toptalk", "--lag", "400"], "auto"),
            (vec!["toptalk", "--window", "2m"], "15m"),
            (vec!["toptalk", "top", "--window", "2m"], "all"),
            (vec!["toptalk", "top", "port", "70000"], "^^^^^"),
            (vec!["toptalk", "top", "src", "port", "5"], "port"),
        ] {
            let message = read_from(words.clone()).expect_err(&words.join(" "));
            assert!(message.contains(expected), "{words:?}: {message}");
        }
    }
}
