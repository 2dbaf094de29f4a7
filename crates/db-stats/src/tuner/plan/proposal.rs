use crate::{
    Confidence,
    tuner::{facts::Override, setting::Context, value::Value},
};

/// What comes of a [`Proposal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// It is set.
    Change,
    /// It stays: it is right, or nothing better is known.
    Keep,
    /// It should be changed, and cannot be in this way; the reason says why.
    Blocked,
}

/// What a plan says of one setting.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Proposal {
    /// The setting.
    pub setting: String,
    /// What the server, or the role or database that the plan is for, has now.
    pub now: Value,
    /// What it should have; `None` where nothing can be said.
    pub proposed: Option<Value>,
    /// What comes of it.
    pub verdict: Verdict,
    /// Why, with the numbers.
    pub reason: String,
    /// When a new value counts.
    pub context: Context,
    /// What the server counts it in, as `8kB`.
    pub unit: Option<String>,
    /// Values of roles and databases that win over the server's: for them the change does nothing.
    pub overridden: Vec<Override>,
    /// Where the present value is from, as `default`, `configuration file` or `command line`.
    pub source: String,
    /// What `ALTER SYSTEM` wrote before, which the change replaces and its undo brings back.
    pub replaces: Option<String>,
    /// How sure it is.
    pub confidence: Confidence,
}
