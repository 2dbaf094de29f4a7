use super::deps::Deps;
use bytes::{BufMut, Bytes, BytesMut};
use std::{
    error::Error,
    hash::{Hash, Hasher},
    sync::{Arc, OnceLock},
};
use tokio_postgres::types::{Format, IsNull, ToSql, Type, WrongType, to_sql_checked};

/// Whose eyes a query sees the database with, where they are not those of the pool's own sessions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub role: Option<Box<str>>,
    pub search_path: Option<Box<str>>,
}

/// What one text is within a scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TextKey {
    pub scope: Option<Arc<Scope>>,
    /// Of the pool's credentials.
    pub generation: u64,
    pub sql: Arc<str>,
}

/// [`TextKey`], to look one up without making it.
#[derive(Hash)]
pub(super) struct TextRef<'a> {
    pub scope: Option<&'a Scope>,
    pub generation: u64,
    pub sql: &'a str,
}

impl equivalent::Equivalent<TextKey> for TextRef<'_> {
    fn equivalent(&self, key: &TextKey) -> bool {
        self.sql == &*key.sql && self.generation == key.generation && self.scope == key.scope.as_deref()
    }
}

/// What is known of a statement.
#[derive(Debug)]
pub(super) struct Text {
    /// Never given twice.
    pub id: u64,
    pub key: TextKey,
    pub types: Vec<Type>,
    /// Known after its first run.
    pub deps: OnceLock<Deps>,
}

/// A statement with its parameters, as they go to the server.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub text: Arc<Text>,
    pub params: Bytes,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text.id == other.text.id && self.params == other.params
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.id.hash(state);
        state.write(&self.params);
    }
}

const IS_NULL: u8 = 0;
const BINARY: u8 = 1;
const TEXT: u8 = 2;
/// A tag, and the length in four bytes.
const HEAD: usize = 5;

impl Key {
    /// `None` if the parameters do not fit the statement: what is wrong is said by who runs it.
    pub(super) fn new(text: Arc<Text>, params: &[&(dyn ToSql + Sync)]) -> Option<Self> {
        if params.len() != text.types.len() {
            return None;
        }
        if params.is_empty() {
            return Some(Self { text, params: Bytes::new() });
        }
        let mut out = BytesMut::with_capacity(16 * params.len());
        for (param, kind) in params.iter().zip(&text.types) {
            let head = out.len();
            out.put_bytes(0, HEAD);
            let is_null = param.to_sql_checked(kind, &mut out).ok()?;
            let tag = match (is_null, param.encode_format(kind)) {
                (IsNull::Yes, _) => IS_NULL,
                (IsNull::No, Format::Binary) => BINARY,
                (IsNull::No, Format::Text) => TEXT,
            };
            let length = u32::try_from(out.len() - head - HEAD).ok()?;
            out[head] = tag;
            out[head + 1..head + HEAD].copy_from_slice(&length.to_be_bytes());
        }
        Some(Self { text, params: out.freeze() })
    }

    pub(super) fn params(&self) -> Vec<Encoded> {
        let mut rest = self.params.clone();
        self.text
            .types
            .iter()
            .map(|kind| {
                let head = rest.split_to(HEAD);
                let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
                Encoded { tag: head[0], kind: kind.clone(), bytes: rest.split_to(length as usize) }
            })
            .collect()
    }

    /// Heap that it takes, without the text that many share.
    pub(super) fn weight(&self) -> u64 {
        self.params.len() as u64
    }
}

/// A parameter as it was encoded for a type.
#[derive(Debug)]
pub(super) struct Encoded {
    tag: u8,
    kind: Type,
    bytes: Bytes,
}

impl ToSql for Encoded {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        if *kind != self.kind {
            // The schema has changed; these bytes would mean something else.
            return Err(Box::new(WrongType::new::<Self>(kind.clone())));
        }
        if self.tag == IS_NULL {
            return Ok(IsNull::Yes);
        }
        out.extend_from_slice(&self.bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        if self.tag == TEXT { Format::Text } else { Format::Binary }
    }

    to_sql_checked!();
}
