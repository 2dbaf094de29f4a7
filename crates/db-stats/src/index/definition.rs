use super::key::{Key, Method, What};
use crate::{
    TableName,
    ddl::{name_problem, short_name},
    sql::Ident,
};
use perfect21_core::ConfigError;
use std::fmt::{self, Write as _};

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

    /// Its name; default of the table and the keys, as `orders_user_id_idx`, cut and with a hash where that is longer
    /// than 63 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.index.name = name.into();
        self
    }

    /// Checks the description, as far as that can be done without a server.
    ///
    /// # Errors
    /// No key or more than 32, a name that is empty or longer than 63 bytes, or what the method cannot do: more than
    /// one key of [`Method::Hash`], `unique` and an order but of [`Method::BTree`].
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
