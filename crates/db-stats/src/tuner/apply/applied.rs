use super::undo::{RolledBack, Undo};
use crate::Error;
use std::fmt;
use tokio_postgres::Client;

/// What became of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// The server has the value, as read after it took its files in.
    Active,
    /// It waits for a restart of the server.
    PendingRestart,
    /// The server took its files in, and the client's own session has another value from elsewhere (`client`, `database`,
    /// `user`): new sessions without such a value have the new one.
    Hidden {
        /// Where the session has its value from.
        source: String,
    },
    /// For the role or database: sessions that begin from now on have it.
    NewSessions,
    /// It is in the file, and was not seen to count.
    NotSeen {
        /// What was seen instead.
        why: String,
    },
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active => f.write_str("active"),
            Self::PendingRestart => f.write_str("waits for a restart"),
            Self::Hidden { source } => write!(f, "set; this session has its own value from its {source}"),
            Self::NewSessions => f.write_str("in new sessions"),
            Self::NotSeen { why } => write!(f, "not seen to count: {why}"),
        }
    }
}

/// What [`apply`](super::super::Tuner::apply) did. `Display` is a table for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    undo: Undo,
    effects: Vec<Effect>,
}

impl Applied {
    pub(super) fn new(undo: Undo, effects: Vec<Effect>) -> Self {
        Self { undo, effects }
    }

    /// Each setting, the value that it got, and what became of it.
    pub fn changes(&self) -> impl Iterator<Item = (&str, &str, &Effect)> {
        let both = self.undo.steps.iter().zip(&self.effects);
        both.map(|(step, effect)| (step.setting.as_str(), step.set.as_str(), effect))
    }

    /// Settings that wait for a restart of the server.
    pub fn pending_restart(&self) -> impl Iterator<Item = &str> {
        self.changes()
            .filter(|(_, _, effect)| **effect == Effect::PendingRestart)
            .map(|(setting, ..)| setting)
    }

    /// The way back, also as SQL.
    #[must_use]
    pub fn undo(&self) -> &Undo {
        &self.undo
    }

    /// Restores what was there before; see [`Undo::rollback`].
    ///
    /// # Errors
    /// As [`Undo::rollback`].
    ///
    /// # Cancel safety
    /// As [`Undo::rollback`].
    pub async fn rollback(&self, client: &Client) -> Result<RolledBack, Error> {
        self.undo.rollback(client).await
    }
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (setting, value, effect) in self.changes() {
            writeln!(f, "  {setting:<32} {value:<12} {effect}")?;
        }
        Ok(())
    }
}
