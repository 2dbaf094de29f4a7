use super::value::{Value, bytes_of_unit};
use perfect21_core::Bytes;
use std::fmt;

/// When a new value of a setting counts, by `pg_settings.context`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Context {
    /// At the next start of the server: `postmaster`.
    Restart,
    /// Once the server has read its files again: `sighup`.
    Reload,
    /// In sessions that begin after a reload: `backend`, `superuser-backend`.
    NewSession,
    /// Once read again, and for a role or database by itself, too: `user`, `superuser`.
    Session,
    /// Never: it was settled when the server was built or initialised.
    Internal,
}

impl Context {
    pub(super) fn of(word: &str) -> Self {
        match word {
            "postmaster" => Self::Restart,
            "sighup" => Self::Reload,
            "backend" | "superuser-backend" => Self::NewSession,
            "user" | "superuser" => Self::Session,
            _ => Self::Internal,
        }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::NewSession => "reload, new sessions",
            Self::Session => "reload or session",
            Self::Internal => "never",
        })
    }
}

/// A setting as `pg_settings` has it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Setting {
    /// What the whole server has: not what the client's own session, role or database made of it.
    pub value: Value,
    /// What the server counts it in: `8kB`, `kB`, `MB`, `s`. [`value`](Self::value) is in bytes, where it is memory.
    pub unit: Option<String>,
    /// `bool`, `integer`, `real`, `enum`, `string`.
    pub vartype: String,
    /// When a new value counts.
    pub context: Context,
    /// Where the client's session has it from: `default`, `configuration file`, `command line`, `database`, `client`.
    pub source: String,
    /// The least that the server takes, in the unit.
    pub min: Option<f64>,
    /// The most that the server takes, in the unit.
    pub max: Option<f64>,
    /// The words that this build takes.
    pub choices: Vec<String>,
    /// Whether the files say something that waits for a restart.
    pub pending_restart: bool,
}

impl Setting {
    /// Whether `ALTER SYSTEM` would come too late: the command line and the environment win over all files.
    pub(super) fn is_fixed(&self) -> bool {
        ["command line", "environment variable", "override"].contains(&self.source.as_str())
    }

    /// The value within what the server takes, whole in its unit; `None` if that has nothing near.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "limits of the server are below 2^53; casts saturate"
    )]
    pub(super) fn fitted(&self, value: &Value) -> Option<Value> {
        let (min, max) = (self.min.unwrap_or(f64::MIN), self.max.unwrap_or(f64::MAX));
        match value {
            Value::Bytes(bytes) => {
                let unit = self.unit.as_deref().and_then(bytes_of_unit)?;
                let count = ((bytes.get() / unit) as f64).clamp(min.max(0.0), max.max(0.0)) as u64;
                Some(Value::Bytes(Bytes::new(count.saturating_mul(unit))))
            }
            Value::Integer(number) => Some(Value::Integer((*number as f64).clamp(min, max) as i64)),
            Value::Real(number) => Some(Value::Real(number.clamp(min, max))),
            Value::Text(word) if self.vartype == "enum" => self.choices.contains(word).then(|| value.clone()),
            Value::Text(_) => Some(value.clone()),
        }
    }
}
