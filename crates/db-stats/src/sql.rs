//! Names and texts within statements that are put together here.

use std::fmt;

/// A name as the server reads it back: always quoted, so that case, dots, quotes and keywords are kept.
pub(crate) struct Ident<'a>(pub(crate) &'a str);

/// A string constant, whatever `standard_conforming_strings` says.
pub(crate) struct Literal<'a>(pub(crate) &'a str);

impl fmt::Display for Ident<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        quoted(self.0, '"', f)
    }
}

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains('\\') {
            f.write_str(" E")?;
            return quoted(&self.0.replace('\\', "\\\\"), '\'', f);
        }
        quoted(self.0, '\'', f)
    }
}

fn quoted(text: &str, quote: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use fmt::Write as _;
    f.write_char(quote)?;
    for letter in text.chars() {
        if letter == quote {
            f.write_char(quote)?;
        }
        f.write_char(letter)?;
    }
    f.write_char(quote)
}

#[cfg(test)]
mod tests {
    use super::{Ident, Literal};

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!(Ident("a\"; DROP TABLE b.c").to_string(), "\"a\"\"; DROP TABLE b.c\"");
        assert_eq!(Literal("it's").to_string(), "'it''s'");
        assert_eq!(Literal("\\'").to_string(), " E'\\\\'''");
    }
}
