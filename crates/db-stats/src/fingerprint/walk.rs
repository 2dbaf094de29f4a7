//! One pass over the tokens that hashes them, tells signs from operators, and leaves out what a list repeats.

use super::{
    hash::{self, SEED},
    lexer::{Kind, Lexer, Token},
};

/// How deep lists may stand in lists; a deeper one counts with all its elements.
const MAX_LISTS: usize = 16;

// Kinds of tokens in the hash.
const WORD: u64 = 1;
const QUOTED: u64 = 2;
const CONSTANT: u64 = 3;
const SYMBOL: u64 = 4;
const LIST: u64 = 5;

/// A keyword as the one chunk that a word of up to eight letters is.
const fn keyword(word: &str) -> u64 {
    let bytes = word.as_bytes();
    let (mut chunk, mut at) = (0, bytes.len());
    while at > 0 {
        at -= 1;
        chunk = chunk << 8 | bytes[at] as u64;
    }
    chunk
}

const IN: u64 = keyword("in");
const VALUES: u64 = keyword("values");
const ARRAY: u64 = keyword("array");
const NULL: u64 = keyword("null");
const TRUE: u64 = keyword("true");
const FALSE: u64 = keyword("false");
const DEFAULT: u64 = keyword("default");

/// Keywords that an expression follows: after them a sign belongs to its number, and a bracket opens no call.
const BEFORE_EXPRESSIONS: [u64; 28] = [
    IN,
    VALUES,
    keyword("select"),
    keyword("distinct"),
    keyword("from"),
    keyword("where"),
    keyword("and"),
    keyword("or"),
    keyword("not"),
    keyword("between"),
    keyword("like"),
    keyword("ilike"),
    keyword("is"),
    keyword("on"),
    keyword("using"),
    keyword("by"),
    keyword("having"),
    keyword("limit"),
    keyword("offset"),
    keyword("case"),
    keyword("when"),
    keyword("then"),
    keyword("else"),
    keyword("as"),
    keyword("to"),
    keyword("over"),
    keyword("filter"),
    keyword("set"),
];

/// What stood before the token at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing.
    Start,
    /// A word: its chunk, or zero if it is longer than one.
    Word(u64),
    /// A quoted name, a constant or a closing bracket.
    Operand,
    /// An opening bracket or a comma.
    Opening,
    /// The sign of an expression that is no constant: of several signs in a row only one can be a number's.
    Unary,
    /// Any other sign.
    Sign,
}

impl Before {
    /// Whether an expression begins here, so that a sign is its number's.
    fn begins_expression(self) -> bool {
        match self {
            Self::Word(chunk) => BEFORE_EXPRESSIONS.contains(&chunk),
            Self::Operand | Self::Unary => false,
            Self::Start | Self::Opening | Self::Sign => true,
        }
    }

    /// Whether a bracket here opens a call, or lists the columns of a table.
    pub(super) fn may_be_called(self) -> bool {
        matches!(self, Self::Word(_)) && !self.begins_expression()
    }
}

/// Takes what the pass has found, for people; `()` takes nothing.
pub(super) trait Writer {
    /// A place in what was written so far.
    type Mark: Copy + Default;

    fn write(&mut self, before: Before, token: Token);
    fn mark(&self) -> Self::Mark;
    /// Takes back what was written after the mark.
    fn back_to(&mut self, mark: Self::Mark);
    /// It takes no more, so that the pass may end.
    fn is_full(&self) -> bool;
}

impl Writer for () {
    type Mark = ();

    #[inline]
    fn write(&mut self, _: Before, _: Token) {}
    #[inline]
    fn mark(&self) {}
    #[inline]
    fn back_to(&mut self, (): ()) {}
    #[inline]
    fn is_full(&self) -> bool {
        false
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ListKind {
    /// The brackets after `IN` or `ARRAY`, which close it.
    Brackets,
    /// The rows after `VALUES`, ended by anything but a comma and another row.
    Rows,
}

/// A list whose equal neighbours count once.
#[derive(Clone, Copy)]
struct List<M> {
    kind: ListKind,
    /// How many brackets are open around an element.
    depth: usize,
    /// The hash of all that counts so far, without the element at hand.
    outside: u64,
    last: Option<u64>,
    /// Where the element at hand begins, its comma included.
    mark: M,
}

struct Walk<'a, W: Writer> {
    lexer: Lexer<'a>,
    writer: &'a mut W,
    state: u64,
    before: Before,
    depth: usize,
    lists: [List<W::Mark>; MAX_LISTS],
    open: usize,
    /// A sign that belongs to the number that follows, if one does.
    sign: Option<Token>,
    /// Counts only when something follows.
    semicolon: Option<Token>,
}

/// Hashes the statement, and hands the writer what counts of it.
pub(super) fn walk<W: Writer>(sql: &str, writer: &mut W) -> u64 {
    let nothing = List { kind: ListKind::Rows, depth: 0, outside: 0, last: None, mark: W::Mark::default() };
    let mut walk = Walk {
        lexer: Lexer::new(sql),
        writer,
        state: SEED,
        before: Before::Start,
        depth: 0,
        lists: [nothing; MAX_LISTS],
        open: 0,
        sign: None,
        semicolon: None,
    };
    while let Some(token) = walk.lexer.next() {
        walk.token(token);
        if walk.writer.is_full() {
            break;
        }
    }
    walk.finish()
}

impl<W: Writer> Walk<'_, W> {
    #[inline]
    fn token(&mut self, token: Token) {
        if self.sign.is_some() || self.semicolon.is_some() {
            self.late(token);
        }
        if self.open > 0 {
            self.end_rows(token);
        }
        match token.kind {
            Kind::Word => self.word(token),
            Kind::Quoted => {
                self.writer.write(self.before, token);
                self.state =
                    hash::mix_bytes(self.state, self.lexer.bytes(), (token.start, token.end), QUOTED);
                self.before = Before::Operand;
            }
            Kind::Constant => self.constant(token),
            Kind::Symbol => self.symbol(token),
        }
    }

    /// Gives the sign and the semicolon before this token their turn.
    #[cold]
    fn late(&mut self, token: Token) {
        let another = self.lexer.bytes()[token.start] == b';';
        if let Some(semicolon) = self.semicolon.take_if(|_| !another) {
            self.plain(semicolon);
        }
        if let Some(sign) = self.sign.take()
            && token.kind != Kind::Constant
        {
            self.plain(sign);
            self.before = Before::Unary;
        }
    }

    #[inline]
    fn word(&mut self, token: Token) {
        let bytes = self.lexer.bytes();
        let length = token.end - token.start;
        let mut chunk = 0;
        if length <= 8 {
            chunk = hash::lowercase(hash::chunk(bytes, token.start, length));
            if self.open > 0 && self.before == Before::Opening && self.is_list_constant(chunk) {
                return self.constant(Token { kind: Kind::Constant, ..token });
            }
            self.state = hash::mix(self.state, chunk, WORD | (length as u64) << 8);
        } else {
            let mut at = token.start;
            while at < token.end {
                let part = hash::lowercase(hash::chunk(bytes, at, (token.end - at).min(8)));
                self.state = hash::mix(self.state, part, WORD);
                at += 8;
            }
            self.state = hash::mix(self.state, length as u64, WORD);
        }
        self.writer.write(self.before, token);
        self.before = Before::Word(chunk);
    }

    fn is_list_constant(&self, chunk: u64) -> bool {
        match chunk {
            NULL | TRUE | FALSE => true,
            DEFAULT => self.lists[self.open - 1].kind == ListKind::Rows,
            _ => false,
        }
    }

    #[inline]
    fn constant(&mut self, token: Token) {
        self.writer.write(self.before, token);
        self.state = hash::mix(self.state, 0, CONSTANT);
        self.before = Before::Operand;
    }

    #[inline]
    fn symbol(&mut self, token: Token) {
        let first = self.lexer.bytes()[token.start];
        match first {
            b'(' | b'[' => self.opening(token, first),
            b')' | b']' => self.closing(token),
            b',' => self.comma(token),
            b';' if self.before == Before::Start => {}
            b';' => self.semicolon = Some(token),
            b'+' | b'-' if token.end - token.start == 1 && self.before.begins_expression() => {
                self.sign = Some(token);
            }
            _ => self.plain(token),
        }
    }

    #[inline]
    fn plain(&mut self, token: Token) {
        self.writer.write(self.before, token);
        self.state = hash::mix_bytes(self.state, self.lexer.bytes(), (token.start, token.end), SYMBOL);
        self.before = Before::Sign;
    }

    #[inline]
    fn opening(&mut self, token: Token, bracket: u8) {
        let before = self.before;
        if before == Before::Word(VALUES) && bracket == b'(' {
            self.open_list(ListKind::Rows);
        }
        self.plain(token);
        self.before = Before::Opening;
        self.depth += 1;
        let in_array = |list: &List<W::Mark>| list.kind == ListKind::Brackets && list.depth + 1 == self.depth;
        let is_list = match before {
            Before::Word(IN) => bracket == b'(',
            Before::Word(ARRAY) => bracket == b'[',
            // An array in an array.
            Before::Opening if bracket == b'[' => self.lists[..self.open].last().is_some_and(in_array),
            _ => false,
        };
        if is_list {
            self.open_list(ListKind::Brackets);
        }
    }

    fn open_list(&mut self, kind: ListKind) {
        if let Some(list) = self.lists.get_mut(self.open) {
            let mark = self.writer.mark();
            *list = List { kind, depth: self.depth, outside: self.state, last: None, mark };
            self.open += 1;
            self.state = SEED;
        }
    }

    #[inline]
    fn comma(&mut self, token: Token) {
        if self.open > 0 && self.lists[self.open - 1].depth == self.depth {
            self.end_element();
            self.lists[self.open - 1].mark = self.writer.mark();
            self.state = SEED;
            self.writer.write(self.before, token);
        } else {
            self.plain(token);
        }
        self.before = Before::Opening;
    }

    #[inline]
    fn closing(&mut self, token: Token) {
        if self.open > 0 && self.lists[self.open - 1].depth == self.depth {
            self.end_list();
        }
        self.plain(token);
        self.before = Before::Operand;
        self.depth = self.depth.saturating_sub(1);
    }

    /// Ends rows after `VALUES` if this token does not belong to them.
    #[inline]
    fn end_rows(&mut self, token: Token) {
        let list = &self.lists[self.open - 1];
        let first = self.lexer.bytes()[token.start];
        if list.kind == ListKind::Rows && list.depth == self.depth && !matches!(first, b'(' | b',') {
            self.end_list();
        }
    }

    fn end_list(&mut self) {
        self.end_element();
        self.open -= 1;
        self.state = self.lists[self.open].outside;
    }

    /// Counts the element at hand, unless it is as the one before it.
    fn end_element(&mut self) {
        let list = &mut self.lists[self.open - 1];
        if list.last == Some(self.state) {
            self.writer.back_to(list.mark);
        } else {
            list.last = Some(self.state);
            list.outside = hash::mix(list.outside, self.state, LIST);
        }
    }

    fn finish(mut self) -> u64 {
        if let Some(sign) = self.sign.take() {
            self.plain(sign);
        }
        while self.open > 0 {
            self.end_list();
        }
        hash::finish(self.state)
    }
}
