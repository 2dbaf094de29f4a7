use crate::sql::Ident;
use std::fmt;

/// The longest name that PostgreSQL keeps, in bytes.
pub(crate) const MAX_NAME: usize = 63;

/// A table by schema and name, each exactly as the server has it: nothing is folded, split or parsed.
///
/// # Examples
/// ```
/// use perfect21_db_stats::TableName;
///
/// assert_eq!(TableName::new("shop", "Order.Items").to_string(), r#""shop"."Order.Items""#);
/// assert_eq!(TableName::from("orders"), TableName::new("public", "orders"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    schema: String,
    name: String,
}

impl TableName {
    /// Names a table of a schema.
    #[must_use]
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// The name within its schema.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong with it, if anything is.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        [&self.schema, &self.name].into_iter().find_map(|name| name_problem(name))
    }
}

pub(crate) fn name_problem(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("must have a name that is not empty"),
        name if name.len() > MAX_NAME => Some("must have names of at most 63 bytes"),
        name if name.contains('\0') => Some("must have names without a zero byte"),
        _ => None,
    }
}

impl From<&str> for TableName {
    /// A table of the schema `public`.
    fn from(name: &str) -> Self {
        Self::new("public", name)
    }
}

impl<S: Into<String>, N: Into<String>> From<(S, N)> for TableName {
    fn from((schema, name): (S, N)) -> Self {
        Self::new(schema, name)
    }
}

/// As it stands in a statement: quoted.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", Ident(&self.schema), Ident(&self.name))
    }
}

/// `base` and `suffix` in 63 bytes: a base that is too long is cut, and told apart from others by a hash of all of it.
pub(crate) fn short_name(base: &str, suffix: &str) -> String {
    if base.len() + suffix.len() <= MAX_NAME {
        return format!("{base}{suffix}");
    }
    // FNV-1a, since the name must be the same whichever compiler and version made it.
    let hash =
        base.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mut room = MAX_NAME.saturating_sub(suffix.len() + 9);
    while !base.is_char_boundary(room) {
        room -= 1;
    }
    format!("{}_{hash:08x}{suffix}", &base[..room])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_suffix_and_differ() {
        assert_eq!(short_name("events", "_p2024_01"), "events_p2024_01");
        let long = "e".repeat(63);
        let (one, two) =
            (short_name(&long, "_p2024_01"), short_name(&format!("{}f", &long[1..]), "_p2024_01"));
        assert_ne!(one, two);
        assert!(one.ends_with("_p2024_01") && one.len() == 63, "{one}");
        let wide = short_name(&"ü".repeat(31), "_p2024_01_05_13");
        assert!(wide.len() <= 63 && wide.ends_with("_p2024_01_05_13"), "{wide}");
    }
}
