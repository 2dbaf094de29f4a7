use crate::sql::{Ident, Literal};
use perfect21_core::ConfigError;
use std::fmt;

/// For whom settings are changed. Names are as they are, not as in SQL: neither quoted nor folded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// The whole server, by `ALTER SYSTEM`.
    Server,
    /// A role in every database, by `ALTER ROLE … SET`.
    Role(String),
    /// Everybody in a database, by `ALTER DATABASE … SET`.
    Database(String),
    /// A role in one database, by `ALTER ROLE … IN DATABASE … SET`.
    RoleInDatabase {
        /// The role.
        role: String,
        /// The database.
        database: String,
    },
}

impl Scope {
    pub(super) fn checked(&self) -> Result<(), ConfigError> {
        let names = [self.role(), self.database()];
        for name in names.into_iter().flatten() {
            // A longer one would be cut by the server, and be somebody else's.
            if name.is_empty() || name.len() > 63 || name.contains('\0') {
                let rule = "must be names of 1 to 63 bytes without a zero byte";
                return Err(ConfigError::new("scope", format!("{name:?}"), rule));
            }
        }
        Ok(())
    }

    pub(super) fn role(&self) -> Option<&str> {
        match self {
            Self::Role(role) | Self::RoleInDatabase { role, .. } => Some(role),
            _ => None,
        }
    }

    pub(super) fn database(&self) -> Option<&str> {
        match self {
            Self::Database(database) | Self::RoleInDatabase { database, .. } => Some(database),
            _ => None,
        }
    }

    /// The statement that gives a setting a value, or with none takes it away.
    pub(super) fn statement(&self, name: &str, value: Option<&str>) -> String {
        let change = match value {
            Some(value) => format!("SET {} = {}", Ident(name), Literal(value).to_string().trim_start()),
            None => format!("RESET {}", Ident(name)),
        };
        format!("{self} {change}")
    }
}

/// How the statement begins.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("ALTER SYSTEM"),
            Self::Role(role) => write!(f, "ALTER ROLE {}", Ident(role)),
            Self::Database(database) => write!(f, "ALTER DATABASE {}", Ident(database)),
            Self::RoleInDatabase { role, database } => {
                write!(f, "ALTER ROLE {} IN DATABASE {}", Ident(role), Ident(database))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_value_is_quoted() {
        let (role, database) = ("a\"b".to_owned(), "D;--".to_owned());
        for (scope, value, expected) in [
            (Scope::Server, Some("4MB"), "ALTER SYSTEM SET \"work_mem\" = '4MB'"),
            (Scope::Server, None, "ALTER SYSTEM RESET \"work_mem\""),
            (
                Scope::Role(role.clone()),
                Some("o'x\\"),
                "ALTER ROLE \"a\"\"b\" SET \"work_mem\" = E'o''x\\\\'",
            ),
            (Scope::Database(database.clone()), None, "ALTER DATABASE \"D;--\" RESET \"work_mem\""),
            (
                Scope::RoleInDatabase { role, database },
                Some("1"),
                "ALTER ROLE \"a\"\"b\" IN DATABASE \"D;--\" SET \"work_mem\" = '1'",
            ),
        ] {
            assert_eq!(scope.statement("work_mem", value), expected);
        }
        assert!(Scope::Role("x".repeat(64)).checked().is_err());
        assert!(Scope::Database(String::new()).checked().is_err());
    }
}
