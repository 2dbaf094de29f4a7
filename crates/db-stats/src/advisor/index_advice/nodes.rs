//! A statement as words, names and brackets within each other.

use crate::fingerprint::lexer::{Kind, Lexer};

/// Deeper brackets than these are not looked into.
const MAX_DEPTH: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// A keyword or an unquoted name, in small letters.
    Word(String),
    /// A quoted name, without its quotes.
    Quoted(String),
    Constant,
    Symbol(String),
    /// What is between brackets.
    Group(Vec<Self>),
}

impl Node {
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(found) if found == word)
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self, Self::Symbol(found) if found == symbol)
    }

    pub(super) fn is_one_of(&self, words: &[&str]) -> bool {
        matches!(self, Self::Word(found) if words.contains(&found.as_str()))
    }

    /// A name, unless it is a keyword that ends something.
    pub(super) fn as_name(&self) -> Option<&str> {
        match self {
            Self::Quoted(name) => Some(name),
            Self::Word(name) if !KEYWORDS.contains(&name.as_str()) => Some(name),
            _ => None,
        }
    }
}

/// Reserved words that may stand where a name would.
const KEYWORDS: [&str; 60] = [
    "select",
    "from",
    "where",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "fetch",
    "for",
    "window",
    "union",
    "intersect",
    "except",
    "join",
    "inner",
    "left",
    "right",
    "full",
    "cross",
    "natural",
    "on",
    "using",
    "as",
    "and",
    "or",
    "not",
    "in",
    "is",
    "null",
    "between",
    "like",
    "ilike",
    "similar",
    "exists",
    "any",
    "some",
    "all",
    "case",
    "when",
    "then",
    "else",
    "end",
    "set",
    "returning",
    "values",
    "with",
    "only",
    "lateral",
    "distinct",
    "asc",
    "desc",
    "true",
    "false",
    "default",
    "by",
    "tablesample",
    "isnull",
    "notnull",
    "array",
];

/// `None` if it is more than one statement, or nested too deep, or its brackets do not match.
pub(super) fn nodes(sql: &str) -> Option<Vec<Node>> {
    let mut lexer = Lexer::new(sql);
    let mut open: Vec<Vec<Node>> = vec![Vec::new()];
    while let Some(token) = lexer.next() {
        let text = sql.get(token.start..token.end)?;
        let node = match (token.kind, text) {
            (Kind::Symbol, "(") => {
                open.push(Vec::new());
                if open.len() > MAX_DEPTH {
                    return None;
                }
                continue;
            }
            (Kind::Symbol, ")") => Node::Group(open.pop()?),
            (Kind::Symbol, ";") if sql[token.end..].trim().is_empty() => break,
            (Kind::Symbol, ";") => return None,
            (Kind::Word, word) => Node::Word(word.to_lowercase()),
            (Kind::Quoted, name) => {
                Node::Quoted(name.strip_prefix('"')?.strip_suffix('"')?.replace("\"\"", "\""))
            }
            (Kind::Constant, _) => Node::Constant,
            (Kind::Symbol, symbol) => Node::Symbol(symbol.to_owned()),
        };
        open.last_mut()?.push(node);
    }
    let all = open.pop()?;
    open.is_empty().then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_groups_and_more_than_one_statement_is_none() {
        let word = |text: &str| Node::Word(text.into());
        let group = vec![Node::Constant, Node::Symbol(",".into()), Node::Quoted("A\"b".into())];
        assert_eq!(nodes("In ($1, \"A\"\"b\");").unwrap(), [word("in"), Node::Group(group)]);
        for text in ["SELECT 1; DROP TABLE a", "(", ")", "a)(", "SELECT U&\"a\""] {
            assert_eq!(nodes(text), None, "{text}");
        }
        assert_eq!(nodes("SELECT ';' -- ;").unwrap().len(), 2);
        assert_eq!(nodes(&"(".repeat(100_000)), None);
    }
}
