//! Colours and characters: sixteen colours or none, Unicode or ASCII.

use ratatui::style::{Color, Modifier, Style};

/// The capabilities of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Whether warnings may be coloured; their text is the same without colour.
    pub colour: bool,
    /// Whether only ASCII may be drawn.
    pub ascii: bool,
}

impl Default for Theme {
    fn default() -> Theme {
        Theme { colour: true, ascii: false }
    }
}

/// The meaning of a text; the theme maps it to a style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    /// Titles and key names.
    Strong,
    /// The empty part of a bar and the like.
    Faint,
    Warning,
    Critical,
    /// The row that Enter opens.
    Selected,
    /// The token of a filter that is wrong.
    Wrong,
}

impl Theme {
    /// The theme for an environment, and a note if it is limited. `ascii_flag` is the user's
    /// choice.
    ///
    /// The locale is the first of `LC_ALL`, `LC_CTYPE` and `LANG` that is set, as in POSIX;
    /// `NO_COLOR` counts if it is not empty.
    pub fn detect(
        env: impl Fn(&str) -> Option<String>,
        ascii_flag: bool,
    ) -> (Theme, Option<String>) {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        if set("TERM").is_none_or(|term| term == "dumb") {
            let note = "TERM is dumb or not set: plain ASCII without colour".to_owned();
            return (Theme { colour: false, ascii: true }, Some(note));
        }
        let colour = set("NO_COLOR").is_none();
        if ascii_flag {
            return (Theme { colour, ascii: true }, None);
        }
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| set(name).map(|value| (*name, value)));
        let note = match &locale {
            Some((_, value)) if names_utf8(value) => None,
            Some((name, value)) => Some(format!("{name}={value} is not UTF-8: drawn in ASCII")),
            None => Some("no locale is set (LANG): drawn in ASCII".to_owned()),
        };
        (Theme { colour, ascii: note.is_some() }, note)
    }

    pub(super) fn style(self, tone: Tone) -> Style {
        let signal = |colour: Color| {
            let bold = Style::new().add_modifier(Modifier::BOLD);
            if self.colour { bold.fg(colour) } else { bold }
        };
        match tone {
            Tone::Plain => Style::new(),
            Tone::Strong => Style::new().add_modifier(Modifier::BOLD),
            Tone::Faint => Style::new().add_modifier(Modifier::DIM),
            Tone::Warning => signal(Color::Yellow),
            Tone::Critical => signal(Color::Red),
            Tone::Selected => Style::new().add_modifier(Modifier::REVERSED),
            Tone::Wrong => signal(Color::Red).add_modifier(Modifier::UNDERLINED),
        }
    }

    /// The character to draw for `c`: itself, or the nearest in ASCII.
    pub(super) fn glyph(self, c: char) -> char {
        if !self.ascii || c.is_ascii() {
            return c;
        }
        match c {
            '▼' => 'v',
            '▲' => '^',
            '│' => '|',
            '█' | '▉' | '▊' | '▋' | '▌' => '#',
            '▁' => '_',
            '▂' => '.',
            '▃' => ':',
            '▄' => '-',
            '▅' => '=',
            '▆' => '+',
            '▇' => '*',
            '…' => '~',
            '·' | '▍' | '▎' | '▏' => '.',
            _ => '?',
        }
    }
}

fn names_utf8(locale: &str) -> bool {
    let lower = locale.to_ascii_lowercase();
    lower.contains("utf-8") || lower.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(pairs: &[(&str, &str)], flag: bool) -> (bool, bool, bool) {
        let env = |name: &str| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let (theme, note) = Theme::detect(env, flag);
        (theme.colour, theme.ascii, note.is_some())
    }

    #[test]
    fn the_locale_and_the_terminal_decide() {
        let xterm = ("TERM", "xterm-256color");
        let utf8 = ("LANG", "en_GB.UTF-8");
        for (env, flag, want) in [
            (vec![xterm, utf8], false, (true, false, false)),
            (vec![xterm, utf8], true, (true, true, false)),
            (vec![xterm, utf8, ("LC_ALL", "C")], false, (true, true, true)),
            (vec![xterm, ("LANG", "C"), ("LC_CTYPE", "C.utf8")], false, (true, false, false)),
            (vec![xterm, utf8, ("LC_ALL", "")], false, (true, false, false)),
            (vec![xterm], false, (true, true, true)),
            (vec![xterm, utf8, ("NO_COLOR", "1")], false, (false, false, false)),
            (vec![xterm, utf8, ("NO_COLOR", "")], false, (true, false, false)),
            (vec![("TERM", "dumb"), utf8], false, (false, true, true)),
            (vec![utf8], false, (false, true, true)),
        ] {
            assert_eq!(detect(&env, flag), want, "{env:?} {flag}");
        }
    }

    #[test]
    fn ascii_mode_draws_only_ascii() {
        let ascii = Theme { colour: true, ascii: true };
        for c in "▼▲│█▉▊▋▌▍▎▏▁▂▃▄▅▆▇…·é漢".chars() {
            assert!(ascii.glyph(c).is_ascii());
        }
        assert_eq!(Theme::default().glyph('▼'), '▼');
    }
}
