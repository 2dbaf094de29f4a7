//! PostgreSQL's tokens (its manual, section 4.1), as far as they matter: constants are one kind, comments are none.
//!
//! Bytes are read at most twice, so the time is linear in the text whatever is in it. Tokens begin and end where
//! characters do: beside ASCII, or at the end of a run of other bytes, all of which belong to words or strings.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or a name that is not quoted.
    Word,
    /// A quoted name.
    Quoted,
    /// A number without its sign, a string or a parameter.
    Constant,
    /// An operator, bracket or another sign.
    Symbol,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

const SPACE: u8 = 1;
const LETTER: u8 = 2;
const DIGIT: u8 = 4;
const DOLLAR: u8 = 8;
const OPERATOR: u8 = 16;
/// Signs that let an operator end in `+` or `-`.
const FREE: u8 = 32;
const QUOTE: u8 = 64;
/// What a word may have after its first letter.
const IN_WORD: u8 = LETTER | DIGIT | DOLLAR;

const fn class_of(byte: u8) -> u8 {
    match byte {
        b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => SPACE,
        b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => LETTER,
        b'0'..=b'9' => DIGIT,
        b'$' => DOLLAR,
        b'+' | b'-' | b'*' | b'/' | b'<' | b'>' | b'=' => OPERATOR,
        b'~' | b'!' | b'@' | b'#' | b'%' | b'^' | b'&' | b'|' | b'`' | b'?' => OPERATOR | FREE,
        b'\'' | b'"' => QUOTE,
        _ => 0,
    }
}

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = class_of(byte as u8);
        byte += 1;
    }
    classes
};

#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(sql: &'a str) -> Self {
        Self { sql, bytes: sql.as_bytes(), at: 0 }
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    #[inline]
    pub(crate) fn next(&mut self) -> Option<Token> {
        loop {
            let first = self.peek(0)?;
            let class = CLASSES[usize::from(first)];
            let start = self.at;
            let kind = match class {
                SPACE => {
                    self.at += 1;
                    continue;
                }
                LETTER => self.word(first),
                DIGIT => self.number(),
                QUOTE => self.quoted(first),
                DOLLAR => self.dollar(),
                0 => self.sign(first),
                _ if self.comment() => continue,
                _ => self.operator(),
            };
            return Some(Token { kind, start, end: self.at });
        }
    }

    #[inline]
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    #[inline]
    fn class(&self, ahead: usize) -> u8 {
        self.peek(ahead).map_or(0, |byte| CLASSES[usize::from(byte)])
    }

    #[inline]
    fn skip_while(&mut self, classes: u8) {
        while self.class(0) & classes != 0 {
            self.at += 1;
        }
    }

    #[inline]
    fn word(&mut self, first: u8) -> Kind {
        self.at += 1;
        match self.peek(0) {
            Some(b'\'' | b'&') => {
                if let Some(kind) = self.prefixed(first) {
                    return kind;
                }
            }
            _ => self.skip_while(IN_WORD),
        }
        Kind::Word
    }

    /// `E''`, `B''`, `X''`, `N''`, `U&''` and `U&""`, from behind their first letter.
    fn prefixed(&mut self, first: u8) -> Option<Kind> {
        match (first | 0x20, self.peek(0), self.peek(1)) {
            (b'e', Some(b'\''), _) => self.string(true),
            (b'b' | b'x' | b'n', Some(b'\''), _) => self.string(false),
            (b'u', Some(b'&'), Some(quote @ (b'\'' | b'"'))) => {
                self.at += 1;
                return Some(self.quoted(quote));
            }
            _ => return None,
        }
        Some(Kind::Constant)
    }

    #[inline]
    fn quoted(&mut self, quote: u8) -> Kind {
        if quote == b'\'' {
            self.string(false);
            return Kind::Constant;
        }
        self.until_quote(b'"', false);
        Kind::Quoted
    }

    /// A string from its opening quote, with all parts it has: after white space with a line end it may go on.
    fn string(&mut self, escapes: bool) {
        loop {
            self.until_quote(b'\'', escapes);
            let end = self.at;
            let mut line_ends = false;
            loop {
                match self.peek(0) {
                    Some(byte) if CLASSES[usize::from(byte)] == SPACE => {
                        line_ends |= matches!(byte, b'\n' | b'\r');
                        self.at += 1;
                    }
                    Some(b'-') if self.peek(1) == Some(b'-') => self.line_comment(),
                    _ => break,
                }
            }
            if !(line_ends && self.peek(0) == Some(b'\'')) {
                self.at = end;
                return;
            }
        }
    }

    /// From an opening quote to behind the closing one; a doubled quote does not close.
    #[inline]
    fn until_quote(&mut self, quote: u8, escapes: bool) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += 1;
            if byte == quote {
                if self.peek(0) != Some(quote) {
                    return;
                }
                self.at += 1;
            } else if escapes && byte == b'\\' && self.peek(0).is_some() {
                self.at += 1;
            }
        }
    }

    /// `1`, `1.5`, `1.`, `.5`, `1e-10`, `0xFF`, `1_000`, from its first digit or its point.
    #[inline]
    fn number(&mut self) -> Kind {
        if self.peek(0) == Some(b'0') && self.peek(1).is_some_and(|byte| b"xXoObB".contains(&byte)) {
            self.at += 2;
            self.skip_while(LETTER | DIGIT);
            return Kind::Constant;
        }
        self.digits();
        // `1..10` is a range of two numbers.
        if self.peek(0) == Some(b'.') && self.peek(1) != Some(b'.') {
            self.at += 1;
            self.digits();
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self.class(1 + sign) == DIGIT {
                self.at += 1 + sign;
                self.digits();
            }
        }
        Kind::Constant
    }

    #[inline]
    fn digits(&mut self) {
        while self.class(0) == DIGIT || (self.peek(0) == Some(b'_') && self.class(1) == DIGIT) {
            self.at += 1;
        }
    }

    /// A parameter `$1`, a string `$tag$..$tag$`, or a dollar sign.
    fn dollar(&mut self) -> Kind {
        let start = self.at;
        self.at += 1;
        if self.class(0) == DIGIT {
            self.skip_while(DIGIT);
            return Kind::Constant;
        }
        self.skip_while(LETTER | DIGIT);
        if self.peek(0) != Some(b'$') {
            self.at = start + 1;
            return Kind::Symbol;
        }
        self.at += 1;
        let (tag, rest) = (self.sql.get(start..self.at), self.sql.get(self.at..));
        let closing = tag.zip(rest).and_then(|(tag, rest)| rest.find(tag).map(|found| found + tag.len()));
        self.at = closing.map_or(self.bytes.len(), |length| self.at + length);
        Kind::Constant
    }

    /// Skips a comment that begins here, if one does.
    #[inline]
    fn comment(&mut self) -> bool {
        match (self.peek(0), self.peek(1)) {
            (Some(b'-'), Some(b'-')) => self.line_comment(),
            (Some(b'/'), Some(b'*')) => self.block_comment(),
            _ => return false,
        }
        true
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|byte| !matches!(byte, b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Comments in brackets nest.
    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'/', Some(b'*')) => depth += 1,
                (b'*', Some(b'/')) => depth -= 1,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return;
            }
        }
    }

    /// The longest operator from here. One of several signs ends in `+` or `-` only if it has a sign that lets it, so
    /// that `a=-1` is a comparison with a negative number.
    #[inline]
    fn operator(&mut self) -> Kind {
        let start = self.at;
        let mut free = 0;
        while self.class(0) & OPERATOR != 0 {
            if self.at > start
                && matches!((self.peek(0), self.peek(1)), (Some(b'-'), Some(b'-')) | (Some(b'/'), Some(b'*')))
            {
                break;
            }
            free |= self.class(0) & FREE;
            self.at += 1;
        }
        if free == 0 {
            while self.at - start > 1 && matches!(self.bytes[self.at - 1], b'+' | b'-') {
                self.at -= 1;
            }
        }
        Kind::Symbol
    }

    /// `.5`, `::`, `:=`, or one sign.
    #[inline]
    fn sign(&mut self, first: u8) -> Kind {
        if first == b'.' && self.class(1) == DIGIT {
            return self.number();
        }
        let double = first == b':' && matches!(self.peek(1), Some(b':' | b'='));
        self.at += 1 + usize::from(double);
        Kind::Symbol
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(sql: &str) -> Vec<(Kind, &str)> {
        let mut lexer = Lexer::new(sql);
        std::iter::from_fn(|| lexer.next()).map(|token| (token.kind, &sql[token.start..token.end])).collect()
    }

    #[test]
    fn whole_texts_that_are_one_token() {
        for (kind, texts) in [
            (
                Kind::Constant,
                &[
                    "1",
                    "1.5",
                    "1.",
                    ".5",
                    "1e10",
                    "1.5E-3",
                    "0xFF_FF",
                    "0b01",
                    "0o17",
                    "1_000",
                    "$1",
                    "$17",
                    "''",
                    "'it''s'",
                    "'a\\'",
                    "E'it\\'s'",
                    "e'\\\\'",
                    "B'01'",
                    "x'1f'",
                    "N'ä'",
                    "U&'\\0061'",
                    "u&'a''b'",
                    "$$a$b$$",
                    "$tag$ $$ $ta $tag$",
                    "$ä1$ä$ä1$",
                    "'a'\n  'b'",
                    "E'a' -- then\n'b\\'c'",
                    "'open",
                    "E'open\\",
                    "$a$ open $a",
                    "'open''",
                ][..],
            ),
            (Kind::Quoted, &["\"a\"", "\"a\"\"b\"", "U&\"d\\0061t\"", "\"ä ö\"", "\"open", "\"a\\\""][..]),
            (Kind::Word, &["a", "_a1$b", "straße", "e", "u", "été", "x1", "\u{a0}"][..]),
            (
                Kind::Symbol,
                &[
                    "->>", "::", ":=", ":", "=", "<>", "@-", "?|", "@>", "(", ".", "$", "\\", "{", "-", "/",
                    "!=-",
                ][..],
            ),
        ] {
            for text in texts {
                assert_eq!(tokens(text), [(kind, *text)]);
            }
        }
    }

    #[test]
    fn where_one_token_ends_and_the_next_begins() {
        for (sql, parts) in [
            ("a=-1", &["a", "=", "-", "1"][..]),
            ("a@-1", &["a", "@-", "1"]),
            ("a+-+-1", &["a", "+", "-", "+", "-", "1"]),
            ("a*-- b\n2", &["a", "*", "2"]),
            ("a*/* /* b */ */2", &["a", "*", "2"]),
            ("a- -1", &["a", "-", "-", "1"]),
            ("1..10", &["1", ".", ".10"]),
            ("1e", &["1", "e"]),
            ("1efoo", &["1", "efoo"]),
            ("t.*", &["t", ".", "*"]),
            ("a::int", &["a", "::", "int"]),
            ("a:::b", &["a", "::", ":", "b"]),
            ("$1$2", &["$1", "$2"]),
            ("$a b$a$", &["$", "a", "b$a$"]),
            ("'a' 'b'", &["'a'", "'b'"]),
            ("u&b", &["u", "&", "b"]),
            ("we'x'", &["we", "'x'"]),
            ("e'x'e'y'", &["e'x'", "e'y'"]),
            ("/* open", &[]),
            ("-- open", &[]),
            ("/*/", &[]),
            ("", &[]),
        ] {
            let texts: Vec<_> = tokens(sql).into_iter().map(|(_, text)| text).collect();
            assert_eq!(texts, parts, "{sql}");
        }
    }
}
