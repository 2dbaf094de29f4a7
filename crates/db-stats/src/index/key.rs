use crate::{ddl::name_problem, sql::Ident};
use std::fmt;

/// How an index finds its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// Ordered: equality, ranges, sorting.
    BTree,
    /// Equality of one column only.
    Hash,
    /// Values with many parts: `jsonb`, arrays, `tsvector`.
    Gin,
    /// Geometry, ranges, nearest neighbours.
    Gist,
    /// Space divided without overlap.
    SpGist,
    /// A summary of each range of blocks, for large tables in natural order.
    Brin,
}

impl Method {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::BTree => "btree",
            Self::Hash => "hash",
            Self::Gin => "gin",
            Self::Gist => "gist",
            Self::SpGist => "spgist",
            Self::Brin => "brin",
        }
    }
}

/// One key of an [`Index`](super::Index): a column or an expression, and how it is ordered.
///
/// # Examples
/// ```
/// use perfect21_db_stats::index::Key;
///
/// let newest_first = Key::column("created_at").desc();
/// let prefix = Key::expression("lower(email)").opclass("text_pattern_ops");
/// # drop((newest_first, prefix));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Key {
    pub(super) what: What,
    collation: Option<String>,
    opclass: Option<String>,
    descending: bool,
    nulls_first: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Column(String),
    Expression(String),
}

impl Key {
    /// A column by its exact name.
    pub fn column(name: impl Into<String>) -> Self {
        Self::new(What::Column(name.into()))
    }

    /// An expression of SQL. It goes into the statement as it is: never from somebody you do not trust.
    pub fn expression(sql: impl Into<String>) -> Self {
        Self::new(What::Expression(sql.into()))
    }

    fn new(what: What) -> Self {
        Self { what, collation: None, opclass: None, descending: false, nulls_first: None }
    }

    /// The collation by its name, as `C`.
    pub fn collation(mut self, name: impl Into<String>) -> Self {
        self.collation = Some(name.into());
        self
    }

    /// The operator class by its name, as `jsonb_path_ops`.
    pub fn opclass(mut self, name: impl Into<String>) -> Self {
        self.opclass = Some(name.into());
        self
    }

    /// The largest first, and nulls before them unless said otherwise.
    pub fn desc(mut self) -> Self {
        self.descending = true;
        self
    }

    /// Nulls first (`true`) or last.
    pub fn nulls_first(mut self, first: bool) -> Self {
        self.nulls_first = Some(first);
        self
    }

    pub(super) fn is_ordered(&self) -> bool {
        self.descending || self.nulls_first.is_some()
    }

    pub(super) fn problem(&self) -> Option<&'static str> {
        let names = [&self.collation, &self.opclass].into_iter().flatten();
        match &self.what {
            What::Column(name) => names.chain([name]).find_map(|name| name_problem(name)),
            What::Expression(sql) if sql.trim().is_empty() || sql.contains('\0') => {
                Some("must have expressions that are not empty, and without a zero byte")
            }
            What::Expression(_) => names.into_iter().find_map(|name| name_problem(name)),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Column(name) => write!(f, "{}", Ident(name))?,
            // On a line of its own, so that a comment at its end does not take the bracket along.
            What::Expression(sql) => write!(f, "({sql}\n)")?,
        }
        if let Some(collation) = &self.collation {
            write!(f, " COLLATE {}", Ident(collation))?;
        }
        if let Some(opclass) = &self.opclass {
            write!(f, " {}", Ident(opclass))?;
        }
        if self.descending {
            f.write_str(" DESC")?;
        }
        match self.nulls_first {
            Some(true) => f.write_str(" NULLS FIRST"),
            Some(false) => f.write_str(" NULLS LAST"),
            None => Ok(()),
        }
    }
}

impl From<&str> for Key {
    fn from(column: &str) -> Self {
        Self::column(column)
    }
}
