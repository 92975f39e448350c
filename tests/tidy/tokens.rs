//! Splits Rust source into words and symbols with their lines, without comments, string
//! literals, lifetimes and code for tests.

/// A word, a number, `::`, or one symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        self.text == text
    }

    pub fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// The tokens of a file, without items marked `#[cfg(test)]`.
pub fn tokens(text: &str) -> Vec<Token> {
    without_tests(&scan(text))
}

fn scan(text: &str) -> Vec<Token> {
    let text: Vec<char> = text.chars().collect();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while let Some(&c) = text.get(at) {
        let end = end_of(&text, at);
        let is_text = matches!(c, '"' | '\'')
            || (matches!(c, 'r' | 'b' | 'c') && text[at..end].last() != Some(&c) && {
                text[at..end].iter().any(|c| matches!(c, '"' | '\''))
            });
        let is_comment = c == '/' && end > at + 1;
        if !(is_text || is_comment || c.is_whitespace()) {
            found.push(Token { text: text[at..end].iter().collect(), line });
        }
        line += text[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    found
}

/// The end of the token that begins at `at`.
fn end_of(text: &[char], at: usize) -> usize {
    let next = |n: usize| text.get(at + n).copied().unwrap_or(' ');
    let is_in_word = |c: &char| c.is_alphanumeric() || *c == '_';
    let find = |from: usize, end: &str| {
        let end: Vec<char> = end.chars().collect();
        let found = text[from..].windows(end.len()).position(|part| part == end);
        found.map_or(text.len(), |found| from + found + end.len())
    };
    match (text[at], next(1)) {
        ('/', '/') => find(at, "\n"),
        ('/', '*') => find(at, "*/"),
        (':', ':') => at + 2,
        ('"', _) => quoted(text, at + 1, '"'),
        ('b' | 'c', '"') => quoted(text, at + 2, '"'),
        ('b', '\'') => quoted(text, at + 2, '\''),
        ('r', '"') => find(at + 2, "\""),
        ('r', '#') if next(2) == '"' => find(at + 3, "\"#"),
        ('b', 'r') if next(2) == '"' => find(at + 3, "\""),
        ('b', 'r') if next(2) == '#' => find(at + 4, "\"#"),
        ('\'', '\\') => quoted(text, at + 1, '\''),
        ('\'', _) if next(2) == '\'' => at + 3,
        // A lifetime.
        ('\'', _) => at + 1 + text[at + 1..].iter().take_while(|c| is_in_word(c)).count(),
        (c, _) if is_in_word(&c) => at + text[at..].iter().take_while(|c| is_in_word(c)).count(),
        _ => at + 1,
    }
}

/// The end of a string that began before `at`, including its closing quote.
fn quoted(text: &[char], mut at: usize, quote: char) -> usize {
    while let Some(&c) = text.get(at) {
        at += if c == '\\' { 2 } else { 1 };
        if c == quote {
            break;
        }
    }
    at.min(text.len())
}

/// Removes what follows `#[cfg(test)]`: an item, a statement, a field.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let is_mark = |at: usize| {
        let here = tokens.get(at..at + MARK.len());
        here.is_some_and(|here| here.iter().zip(MARK).all(|(token, mark)| token.is(mark)))
    };
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if is_mark(at) {
            at = end_of_item(tokens, at + MARK.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// The index after the item that begins at `at`, including further attributes.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            // The field or statement was the last of its block.
            "}" | ")" | "]" if depth == 0 => return at,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 && matches!(token.text.as_str(), "}" | ";" | ",") {
            break;
        }
    }
    at
}

#[test]
fn tokens_leave_out_texts_comments_and_tests() {
    let text = r##"
        use a::b; // use c;
        /* use d; */ const E: &str = "use f::g"; const H: char = '"'; fn i<'j>(k: r#"l"#) {}
        #[cfg(test)] #[allow(m)] mod n { fn o() {} }
        #[cfg(test)] use p; fn q() { b'\''; '\'' }
    "##;
    let words: Vec<String> =
        tokens(text).into_iter().filter(Token::is_word).map(|token| token.text).collect();
    assert_eq!(
        words,
        ["use", "a", "b", "const", "E", "str", "const", "H", "char", "fn", "i", "k", "fn", "q"]
    );
}
