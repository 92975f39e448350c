//! The log: one line on stderr for each event, with fields as `key=value` at the end, for
//! programs. Logging never waits for the reader: see [`Stderr`].
//!
//! If stderr is the systemd journal, a line begins with its priority (sd-daemon(3)) and the
//! journal adds the time. Otherwise it begins with the time and the level.

use std::fmt::{self, Write};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use jiff::tz::TimeZone;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use crate::app::stderr::{LogPriority, Stderr};
use crate::cli;
use crate::clock::Clock;
use crate::flow::Time;
use crate::ingest::LostMessageCounters;
use crate::text::{self, is_hidden};
use crate::units;

/// Starts logging events of `level` and above, and panics, with times in `zone`. Lost lines
/// are counted.
///
/// # Errors
/// When the thread that writes cannot be started.
pub(super) fn start(
    level: cli::Level,
    zone: TimeZone,
    losses: LostMessageCounters,
) -> io::Result<Stderr> {
    let most = match level {
        cli::Level::Error => Level::ERROR,
        cli::Level::Warn => Level::WARN,
        cli::Level::Info => Level::INFO,
        cli::Level::Debug => Level::DEBUG,
        cli::Level::Trace => Level::TRACE,
    };
    let stream = std::env::var("JOURNAL_STREAM").ok();
    let clock = (!stream.is_some_and(|stream| is_stderr(&stream))).then(Clock::start);
    let form = Lines { clock, zone };
    let own = form.clone();
    let stderr = Stderr::start(losses, move |lost| own.text(Level::WARN, &lost_note(lost)))?;
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(most)
        .with_writer(QueuedLayer(stderr.clone()))
        // tracing would print its internal errors itself, and panic if that fails.
        .log_internal_errors(false)
        .event_format(form.clone())
        .finish();
    // This fails only if there is already a subscriber.
    let _ = tracing::subscriber::set_global_default(subscriber);
    stderr.tell_panics(move |message| {
        form.text(Level::ERROR, &EventText { message, ..EventText::default() })
    });
    Ok(stderr)
}

/// The line that reports lost lines.
fn lost_note(lost: u64) -> EventText {
    let message = "lines of this log were lost: they could not be written".to_owned();
    EventText { message, fields: format!(" lost={lost}") }
}

/// Passes each event to the queue of standard error.
struct QueuedLayer(Stderr);

/// The writer of one event.
struct Entry<'a> {
    stderr: &'a Stderr,
    weight: LogPriority,
}

impl<'a> MakeWriter<'a> for QueuedLayer {
    type Writer = Entry<'a>;

    fn make_writer(&'a self) -> Entry<'a> {
        Entry { stderr: &self.0, weight: LogPriority::Information }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Entry<'a> {
        let weight = match *event.level() {
            Level::ERROR => LogPriority::Alarm,
            Level::WARN => LogPriority::Warning,
            _ => LogPriority::Information,
        };
        Entry { stderr: &self.0, weight }
    }
}

impl io::Write for Entry<'_> {
    /// tracing writes the text of an event in one call.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stderr.push(self.weight, String::from_utf8_lossy(bytes).into_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether stderr is the stream to the journal that `JOURNAL_STREAM` names, `device:inode`.
fn is_stderr(stream: &str) -> bool {
    let copy = std::io::stderr().as_fd().try_clone_to_owned();
    let data = copy.and_then(|copy| std::fs::File::from(copy).metadata());
    data.is_ok_and(|data| format!("{}:{}", data.dev(), data.ino()) == stream)
}

#[derive(Clone)]
struct Lines {
    /// The clock for the time of lines; none if the journal adds the time.
    clock: Option<Clock>,
    /// The time zone of these times.
    zone: TimeZone,
}

impl Lines {
    /// An event as text, with the present time.
    fn text(&self, level: Level, said: &EventText) -> String {
        let now = self.clock.map(|clock| clock.now().plus_ms(clock.shift_ms()));
        lines(now, &self.zone, level, said)
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = EventText::default();
        event.record(&mut said);
        writer.write_str(&self.text(*event.metadata().level(), &said))
    }
}

/// The message and the fields of an event.
#[derive(Default)]
struct EventText {
    message: String,
    fields: String,
}

impl Visit for EventText {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.add(field.name(), value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

impl EventText {
    /// Adds a field. A value with spaces, quotes or hidden characters is quoted.
    fn add(&mut self, name: &str, value: &str) {
        let is_plain = |c: char| !c.is_whitespace() && !is_hidden(c) && !"\"=\\".contains(c);
        let plain = !value.is_empty() && value.chars().all(is_plain);
        // Writing to a text cannot fail.
        let _ = if plain {
            write!(self.fields, " {name}={value}")
        } else {
            write!(self.fields, " {name}={}", text::escaped(value))
        };
    }
}

/// An event as lines. In the journal, each line of a message is an entry.
fn lines(now: Option<Time>, zone: &TimeZone, level: Level, said: &EventText) -> String {
    let mut lines: Vec<String> = said.message.lines().map(text::clean).collect();
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines[0].push_str(&said.fields);
    let mut text = String::new();
    for (nth, line) in lines.iter().enumerate() {
        let begin = match (now, nth) {
            (None, _) => format!("<{}>", priority(level)),
            (Some(now), 0) => format!("{} {level:<5} ", units::rfc3339_in(now, zone)),
            (Some(_), _) => "    ".to_owned(),
        };
        text.push_str(&format!("{begin}{line}\n"));
    }
    text
}

/// The priority as in syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_for_people_or_for_the_journal() {
        let mut said = EventText { message: "slot ended".to_owned(), ..EventText::default() };
        said.add("flows", "5");
        said.add("ident", "two words");
        said.add("why", "a\n\u{1b}[2J=");
        said.add("none", "");
        let fields = r#"flows=5 ident="two words" why="a\n\u{1b}[2J=" none="""#;
        let time = Time(1_795_491_600_000);
        let utc = &TimeZone::UTC;
        let people = lines(Some(time), utc, Level::INFO, &said);
        assert_eq!(people, format!("2026-11-24T03:40:00.000Z INFO  slot ended {fields}\n"));
        assert_eq!(lines(None, utc, Level::WARN, &said), format!("<4>slot ended {fields}\n"));
        said =
            EventText { message: "wrong:\n  a\u{1b}b\n  ^".to_owned(), fields: " n=1".to_owned() };
        assert_eq!(lines(None, utc, Level::ERROR, &said), "<3>wrong: n=1\n<3>  ab\n<3>  ^\n");
        let people = lines(Some(time), utc, Level::ERROR, &said);
        assert!(people.ends_with("ERROR wrong: n=1\n      ab\n      ^\n"), "{people}");
        let tokyo = TimeZone::posix("JST-9").unwrap();
        let people = lines(Some(time), &tokyo, Level::ERROR, &said);
        assert!(people.starts_with("2026-11-24T12:40:00.000+09:00 ERROR wrong"), "{people}");
        said = EventText::default();
        said.add("name", "a\u{e0041}\u{3164}\u{9b}界");
        assert_eq!(said.fields, " name=\"a\\u{e0041}\\u{3164}\\u{9b}界\"");
        assert!(!is_stderr("0:0") && !is_stderr("nonsense"));
    }
}
