use crate::{
    TableName,
    ddl::{name_problem, short_name},
    sql::Ident,
};
use perfect21_core::ConfigError;
use std::fmt::{self, Write as _};

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
    fn name(self) -> &'static str {
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

/// One key of an [`Index`]: a column or an expression, and how it is ordered.
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
    what: What,
    collation: Option<String>,
    opclass: Option<String>,
    descending: bool,
    nulls_first: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
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

    fn is_ordered(&self) -> bool {
        self.descending || self.nulls_first.is_some()
    }

    fn problem(&self) -> Option<&'static str> {
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

/// An index as it should be; made by [`Index::on`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    table: TableName,
    name: String,
    method: Method,
    unique: bool,
    keys: Vec<Key>,
    include: Vec<String>,
    predicate: Option<String>,
}

impl Index {
    /// Describes an index on a table.
    ///
    /// # Examples
    /// ```
    /// use perfect21_db_stats::index::{Index, Key};
    ///
    /// let index = Index::on("orders")
    ///     .key("user_id")
    ///     .key(Key::column("created_at").desc())
    ///     .include("total")
    ///     .predicate("status = 'open'")
    ///     .build()?;
    /// assert_eq!(index.name(), "orders_user_id_created_at_idx");
    ///
    /// let error = Index::on("orders").hash().key("a").key("b").build().unwrap_err();
    /// assert_eq!(error.to_string(), "keys = 2: must be one with the method hash");
    /// # Ok::<(), perfect21_db_stats::ConfigError>(())
    /// ```
    pub fn on(table: impl Into<TableName>) -> IndexBuilder {
        let (name, method) = (String::new(), Method::BTree);
        let (keys, include) = (Vec::new(), Vec::new());
        let index = Self { table: table.into(), name, method, unique: false, keys, include, predicate: None };
        IndexBuilder { index }
    }

    /// Its table.
    #[must_use]
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// Its name, which is in the schema of its table.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The statement that makes it: without a name the server gives one.
    pub(super) fn create(&self, how: How, name: Option<&str>, table: &str) -> String {
        let mut sql = String::from("CREATE ");
        sql.push_str(if self.unique { "UNIQUE INDEX " } else { "INDEX " });
        if how == How::Concurrently {
            sql.push_str("CONCURRENTLY ");
        }
        if let Some(name) = name {
            let _ = write!(sql, "{} ", Ident(name));
        }
        sql.push_str(if how == How::Only { "ON ONLY " } else { "ON " });
        let keys: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
        let _ = write!(sql, "{table} USING {} ({})", self.method.name(), keys.join(", "));
        if !self.include.is_empty() {
            let names: Vec<String> = self.include.iter().map(|name| Ident(name).to_string()).collect();
            let _ = write!(sql, " INCLUDE ({})", names.join(", "));
        }
        if let Some(predicate) = &self.predicate {
            let _ = write!(sql, " WHERE ({predicate}\n)");
        }
        sql
    }
}

/// The ways to make an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Plainly,
    Concurrently,
    /// Of a partitioned table without its partitions.
    Only,
}

/// As the statement that makes it.
impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.create(How::Concurrently, Some(&self.name), &self.table.to_string()))
    }
}

/// Settings of an [`Index`].
#[derive(Debug, Clone)]
#[must_use = "it does nothing until `build()`"]
pub struct IndexBuilder {
    index: Index,
}

impl IndexBuilder {
    /// One more key, in order: a column's name or a [`Key`].
    pub fn key(mut self, key: impl Into<Key>) -> Self {
        self.index.keys.push(key.into());
        self
    }

    /// A column that is only carried along, so that a query need not look at the table.
    pub fn include(mut self, column: impl Into<String>) -> Self {
        self.index.include.push(column.into());
        self
    }

    /// Only rows for which this holds. It goes into the statement as it is: never from somebody you do not trust.
    pub fn predicate(mut self, sql: impl Into<String>) -> Self {
        self.index.predicate = Some(sql.into());
        self
    }

    /// No two rows with the same keys.
    pub fn unique(mut self) -> Self {
        self.index.unique = true;
        self
    }

    /// How it finds its rows; default [`Method::BTree`].
    pub fn method(mut self, method: Method) -> Self {
        self.index.method = method;
        self
    }

    /// [`Method::Hash`].
    pub fn hash(self) -> Self {
        self.method(Method::Hash)
    }

    /// [`Method::Gin`].
    pub fn gin(self) -> Self {
        self.method(Method::Gin)
    }

    /// Its name; default of the table and the keys, as `orders_user_id_idx`, cut and with a hash where that is longer than
    /// 63 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.index.name = name.into();
        self
    }

    /// Checks the description, as far as that can be done without a server.
    ///
    /// # Errors
    /// No key or more than 32, a name that is empty or longer than 63 bytes, or what the method cannot do: more than one
    /// key of [`Method::Hash`], `unique` and an order but of [`Method::BTree`].
    pub fn build(self) -> Result<Index, ConfigError> {
        let mut index = self.index;
        let method = index.method.name();
        if let Some(problem) = index.table.problem() {
            return Err(ConfigError::new("table", &index.table, problem));
        }
        let keys = index.keys.len();
        if keys == 0 || keys + index.include.len() > 32 {
            return Err(ConfigError::new("keys", keys, "must be from 1 to 32, with the included columns"));
        }
        if index.method == Method::Hash && keys > 1 {
            return Err(ConfigError::new("keys", keys, "must be one with the method hash"));
        }
        for key in &index.keys {
            if let Some(problem) = key.problem() {
                return Err(ConfigError::new("key", key, problem));
            }
            if key.is_ordered() && index.method != Method::BTree {
                return Err(ConfigError::new(
                    "key",
                    key,
                    format!("must have no order with the method {method}"),
                ));
            }
        }
        if index.unique && index.method != Method::BTree {
            return Err(ConfigError::new("unique", true, format!("must not be with the method {method}")));
        }
        for column in &index.include {
            if let Some(problem) = name_problem(column) {
                return Err(ConfigError::new("include", column, problem));
            }
            if !matches!(index.method, Method::BTree | Method::Gist | Method::SpGist) {
                return Err(ConfigError::new(
                    "include",
                    column,
                    format!("must not be with the method {method}"),
                ));
            }
        }
        if let Some(sql) = index.predicate.as_ref().filter(|sql| sql.trim().is_empty() || sql.contains('\0'))
        {
            return Err(ConfigError::new("predicate", sql, "must not be empty, nor have a zero byte"));
        }
        if index.name.is_empty() {
            index.name = derived(&index);
        }
        match name_problem(&index.name) {
            Some(problem) => Err(ConfigError::new("name", &index.name, problem)),
            None => Ok(index),
        }
    }
}

fn derived(index: &Index) -> String {
    let mut base = index.table.name().to_owned();
    for key in &index.keys {
        let _ = match &key.what {
            What::Column(name) => write!(base, "_{name}"),
            What::Expression(_) => write!(base, "_expr"),
        };
    }
    short_name(&base, "_idx")
}
