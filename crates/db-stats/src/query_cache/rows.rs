use crate::error::Error;
use std::{fmt, sync::Arc};
use tokio_postgres::{
    Row,
    types::{FromSql, Type, WrongType},
};

/// The rows of a cached query; clones share them.
///
/// Held as the server sent them, in one piece: 8 bytes a value beside its own.
#[derive(Clone)]
pub struct Rows(Arc<Data>);

struct Data {
    count: usize,
    columns: Arc<[Column]>,
    /// All values, row by row.
    bytes: Box<[u8]>,
    /// Where each value ends.
    ends: Box<[End]>,
}

/// The end of a value, with the top bit set for NULL.
#[derive(Clone, Copy)]
struct End(u64);

const NULL: u64 = 1 << 63;

/// A column of [`Rows`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    name: Box<str>,
    kind: Type,
}

/// One of [`Rows`].
#[derive(Clone, Copy)]
pub struct CachedRow<'a> {
    data: &'a Data,
    row: usize,
}

/// A value as it was sent.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl Rows {
    /// Copies what the server sent out of the buffers that it was read into.
    pub(super) fn new(rows: &[Row]) -> Self {
        let columns: Arc<[Column]> = rows.first().map_or_else(Arc::default, |row| {
            let column = |column: &tokio_postgres::Column| Column {
                name: column.name().into(),
                kind: column.type_().clone(),
            };
            row.columns().iter().map(column).collect()
        });
        let mut bytes = Vec::with_capacity(rows.iter().map(Row::raw_size_bytes).sum());
        let mut ends = Vec::with_capacity(rows.len() * columns.len());
        for row in rows {
            for column in 0..columns.len() {
                // Whatever is there can be read so.
                let Raw(value) = row.try_get(column).unwrap_or(Raw(None));
                bytes.extend_from_slice(value.unwrap_or_default());
                ends.push(End(bytes.len() as u64 | if value.is_none() { NULL } else { 0 }));
            }
        }
        Self(Arc::new(Data { count: rows.len(), columns, bytes: bytes.into(), ends: ends.into() }))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of this number, from 0.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<CachedRow<'_>> {
        (row < self.len()).then_some(CachedRow { data: &self.0, row })
    }

    /// All of them, in the server's order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = CachedRow<'_>> {
        (0..self.len()).map(|row| CachedRow { data: &self.0, row })
    }

    /// Heap that they take.
    pub(super) fn weight(&self) -> u64 {
        let names: usize = self.0.columns.iter().map(|column| size_of::<Column>() + column.name.len()).sum();
        (size_of::<Data>() + names + self.0.bytes.len() + size_of_val(&*self.0.ends)) as u64
    }
}

impl Data {
    fn value(&self, row: usize, column: usize) -> Option<&[u8]> {
        let at = row * self.columns.len() + column;
        let end = self.ends[at].0;
        let begin = if at == 0 { 0 } else { self.ends[at - 1].0 & !NULL };
        (end & NULL == 0).then(|| &self.bytes[begin as usize..end as usize])
    }
}

impl<'a> CachedRow<'a> {
    /// The value in the column of this name or number (from 0), as with tokio-postgres: `Option` for what may be NULL.
    ///
    /// # Errors
    /// [`Column`](crate::ErrorKind::Column) if there is no such column, or it is of another type.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(cache: perfect21_db_stats::QueryCache) -> Result<(), perfect21_db_stats::Error> {
    /// for row in cache.query("SELECT name, price FROM products", &[]).await?.iter() {
    ///     let (name, price): (&str, Option<i32>) = (row.get("name")?, row.get(1)?);
    ///     println!("{name}: {price:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn get<T: FromSql<'a>>(&self, column: impl ColumnIndex) -> Result<T, Error> {
        let Some(at) = column.find(self) else {
            let known: Vec<&str> = self.data.columns.iter().map(|column| &*column.name).collect();
            return Err(Error::column(&column, format!("the columns are {}", known.join(", ")).into()));
        };
        let kind = &self.data.columns[at].kind;
        if !T::accepts(kind) {
            return Err(Error::column(&column, Box::new(WrongType::new::<T>(kind.clone()))));
        }
        T::from_sql_nullable(kind, self.data.value(self.row, at))
            .map_err(|error| Error::column(column, error))
    }

    /// The names of its columns.
    #[must_use]
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &'a str> {
        self.data.columns.iter().map(|column| &*column.name)
    }
}

/// The name or the number of a column.
pub trait ColumnIndex: fmt::Display + sealed::Sealed {
    #[doc(hidden)]
    fn find(&self, row: &CachedRow<'_>) -> Option<usize>;
}

impl ColumnIndex for usize {
    fn find(&self, row: &CachedRow<'_>) -> Option<usize> {
        (*self < row.data.columns.len()).then_some(*self)
    }
}

impl ColumnIndex for &str {
    fn find(&self, row: &CachedRow<'_>) -> Option<usize> {
        let columns = &row.data.columns;
        let same = columns.iter().position(|column| &*column.name == *self);
        same.or_else(|| columns.iter().position(|column| column.name.eq_ignore_ascii_case(self)))
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for usize {}
    impl Sealed for &str {}
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("len", &self.len())
            .field("bytes", &self.0.bytes.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CachedRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedRow").field("row", &self.row).field("columns", &self.data.columns).finish()
    }
}
