use super::{
    MAX_NORMALIZED,
    lexer::{Kind, Token},
    walk::{Before, Writer},
};
use std::fmt::Write as _;

/// So much stays free for the comment that says where the text was cut, with two numbers of twenty digits.
const CUT_COMMENT: usize = 64;
const MAX_TEXT: usize = MAX_NORMALIZED - CUT_COMMENT;

/// Writes the normalised text.
pub(super) struct Text<'a> {
    sql: &'a str,
    text: String,
    place: Place,
    /// The byte of `sql` at which there was no more room.
    cut: Option<usize>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    length: usize,
    parameters: usize,
    /// What was written last wants no space behind it.
    tight: bool,
}

impl<'a> Text<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        Self { sql, text: String::with_capacity(sql.len().min(MAX_TEXT)), place: Place::default(), cut: None }
    }

    pub(super) fn finish(mut self) -> String {
        if let Some(cut) = self.cut {
            let _ = write!(self.text, " /* cut at byte {cut} of {} */", self.sql.len());
        }
        self.text
    }

    fn push(&mut self, token: Token, written: &str) {
        match token.kind {
            Kind::Word => self.text.extend(written.chars().map(|letter| letter.to_ascii_lowercase())),
            Kind::Quoted | Kind::Symbol => self.text.push_str(written),
            Kind::Constant => {
                self.place.parameters += 1;
                let _ = write!(self.text, "${}", self.place.parameters);
            }
        }
    }
}

impl Writer for Text<'_> {
    type Mark = Place;

    fn write(&mut self, before: Before, token: Token) {
        let written = self.sql.get(token.start..token.end).unwrap_or_default();
        let symbol = if token.kind == Kind::Symbol { written } else { "" };
        let joins = match symbol {
            "," | ")" | "]" | ";" => true,
            "." | "::" | "[" => matches!(before, Before::Operand | Before::Word(_)),
            "(" => before.may_be_called(),
            _ => false,
        };
        let space = !(joins || self.place.tight || before == Before::Start);
        // A parameter is `$` and a number of at most twenty digits.
        let length = if token.kind == Kind::Constant { 21 } else { written.len() };
        let needs = usize::from(space) + length;
        if self.cut.is_some() || self.text.len() + needs > MAX_TEXT {
            self.cut.get_or_insert(token.start);
            return;
        }
        if space {
            self.text.push(' ');
        }
        self.push(token, written);
        self.place.tight = matches!(symbol, "(" | "[" | "." | "::");
    }

    fn mark(&self) -> Place {
        Place { length: self.text.len(), ..self.place }
    }

    fn back_to(&mut self, mark: Place) {
        if self.cut.is_none() {
            self.text.truncate(mark.length);
            self.place = mark;
        }
    }

    fn is_full(&self) -> bool {
        self.cut.is_some()
    }
}
