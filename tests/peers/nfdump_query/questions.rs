//! Parses `tests/peers/nfdump_query/queries.txt`.

use toptalk::query::format::layout::PREDEFINED;

/// The form of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Lines of these tags.
    Lines(Vec<String>),
    Csv,
    Json,
    Raw,
    /// Only totals: `-I`, `-o null`.
    Totals,
}

/// A question in the words of both programs.
#[derive(Clone, Debug)]
pub struct Question {
    /// The line in the file, without the sources.
    pub text: String,
    pub sources: Vec<String>,
    pub ours: Vec<String>,
    pub theirs: Vec<String>,
    pub shape: Shape,
    /// The orders of the tables; `None` for a list without an order.
    pub orders: Vec<Option<String>>,
    /// Tables with shares: a statistic of something else than records.
    pub is_statistic: bool,
    /// Sums have no order unless one is requested.
    pub is_grouped: bool,
    /// The largest number of rows of a table, 0 for all.
    pub limit: usize,
    /// The question is not about all flows.
    pub is_part: bool,
    /// No headings and no summary.
    pub is_quiet: bool,
}

/// The questions of a file: one per line, `#` before a comment.
pub fn questions(file: &str) -> Vec<Question> {
    let lines = file.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(Question::parse).collect()
}

/// Splits words like a shell; quotes are `'` and `"`.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(end), _) if end == c => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    assert!(quote.is_none(), "a quote is open: {text}");
    words
}

/// Options with a value.
const WITH_WORD: &[&str] = &["-s", "-O", "-n", "-A", "-c", "-t", "-o"];

/// Words that are not stored in a [`Question`] unchanged.
#[derive(Default)]
struct Found<'a> {
    format: Option<&'a str>,
    order: Option<&'a str>,
    limit: Option<usize>,
    by: Option<&'a str>,
    is_both: bool,
    is_summary: bool,
    has_records: bool,
}

impl Question {
    /// Parses `[SOURCE...] WORDS`, or `[SOURCE...] WORDS => NFDUMP'S WORDS`.
    pub fn parse(line: &str) -> Question {
        let (sources, text) = match line.strip_prefix('[') {
            Some(rest) => rest.split_once(']').expect("a bracket"),
            None => ("v5 v9 ipfix rich", line),
        };
        let (ours, theirs) = match text.split_once(" => ") {
            Some((ours, theirs)) => (words(ours), Some(words(theirs))),
            None => (words(text), None),
        };
        let mut question = Question {
            text: text.trim().to_owned(),
            sources: sources.split_whitespace().map(str::to_owned).collect(),
            theirs: theirs.unwrap_or_else(|| ours.clone()),
            shape: Shape::Lines(columns("line")),
            orders: Vec::new(),
            is_statistic: false,
            is_grouped: false,
            limit: 0,
            is_part: false,
            is_quiet: false,
            ours: ours.clone(),
        };
        let is_usual = question.read(&ours);
        if is_usual && !text.contains(" => ") {
            // nfdump's default format depends on how it was built.
            question.theirs.extend(["-o", "line"].map(str::to_owned));
        }
        question
    }

    /// Reads the words; returns whether the default format of lists is requested.
    fn read(&mut self, words: &[String]) -> bool {
        let mut found = Found::default();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let value = WITH_WORD.contains(&word).then(|| words.next().expect("a word behind it"));
            match (word, value.unwrap_or_default()) {
                ("-s", value) => found.has_records |= !self.statistic(value),
                ("-O", value) => found.order = Some(value),
                ("-n", value) => found.limit = Some(value.parse().unwrap()),
                ("-A", value) => found.by = Some(value),
                ("-o", value) => found.format = Some(value),
                ("-c" | "-t", _) => self.is_part = true,
                ("-a", _) => self.is_grouped = true,
                ("-b" | "-B", _) => found.is_both = true,
                ("-I", _) => found.is_summary = true,
                ("-q", _) => self.is_quiet = true,
                ("-6" | "-N", _) => {}
                _ => self.is_part = true,
            }
        }
        self.settle(&found)
    }

    fn settle(&mut self, found: &Found) -> bool {
        self.is_grouped |= found.by.is_some() || found.is_both;
        let order = || found.order.map(str::to_owned);
        for own in &mut self.orders {
            *own = own.take().or_else(order).or_else(|| Some("flows".to_owned()));
        }
        self.limit = found.limit.unwrap_or(if self.orders.is_empty() { 0 } else { 10 });
        if self.orders.is_empty() {
            self.orders.push(order());
        }
        let usual = match found.by {
            _ if found.is_both => Some(columns("biline")),
            by => by.map(of_groups),
        };
        match (found.format, usual) {
            _ if found.is_summary => self.shape = Shape::Totals,
            (Some(format), _) => self.shape = shape(format),
            (None, Some(columns)) => self.shape = Shape::Lines(columns),
            (None, None) => return !self.is_statistic || found.has_records,
        }
        false
    }

    /// Reads one `-s`; returns whether it is about something else than records.
    fn statistic(&mut self, text: &str) -> bool {
        let mut parts = text.split('/');
        let element = parts.next().unwrap_or_default().trim_end_matches(":p");
        let mut orders: Vec<_> = parts.map(|order| Some(order.to_owned())).collect();
        if orders.is_empty() {
            orders.push(None);
        }
        self.orders.extend(orders);
        self.is_statistic |= element != "record";
        element != "record"
    }
}

fn shape(format: &str) -> Shape {
    match format {
        "json" => Shape::Json,
        "raw" => Shape::Raw,
        "null" => Shape::Totals,
        "csv" => Shape::Csv,
        _ => Shape::Lines(columns(format)),
    }
}

/// The tags of a format.
fn columns(format: &str) -> Vec<String> {
    let named = |name: &str| PREDEFINED.iter().find(|(known, ..)| *known == name);
    let text = format.strip_prefix("fmt:");
    let text = text.or_else(|| named(format.trim_end_matches('6')).map(|(_, text, _)| *text));
    let text = text.unwrap_or_else(|| panic!("no format: {format}"));
    let mut columns = Vec::new();
    for part in text.split('%').skip(1) {
        let name = part.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        match (name, named(name)) {
            (_, Some((name, ..))) => columns.extend(self::columns(name)),
            ("mpls", _) => columns.extend((1..=10).map(|label| format!("mpls{label}"))),
            _ => columns.push(name.to_owned()),
        }
    }
    columns
}

/// The default layout of rows that are summed by these fields.
fn of_groups(by: &str) -> Vec<String> {
    let by = by.split(',').map(|word| word.split('/').next().unwrap_or(word).to_owned());
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    [owned(&["ts", "td"]), by.collect(), owned(&["pkt", "byt", "bps", "bpp", "fl"])].concat()
}
