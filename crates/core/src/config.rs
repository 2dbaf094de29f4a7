use std::{error::Error, fmt};

/// A setting that a builder refused: which one, the value it was given, and what would be right.
///
/// ```
/// use perfect21_core::ConfigError;
///
/// let error = ConfigError::new("max_entries", 0, "must be at least 1");
/// assert_eq!(error.to_string(), "max_entries = 0: must be at least 1");
/// assert_eq!(error.setting(), "max_entries");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    setting: &'static str,
    value: String,
    rule: String,
}

impl ConfigError {
    /// Names the setting, the value that was refused and the rule that it broke.
    #[must_use]
    pub fn new(setting: &'static str, value: impl fmt::Display, rule: impl Into<String>) -> Self {
        Self { setting, value: value.to_string(), rule: rule.into() }
    }

    /// The setting, as its builder method is named.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        self.setting
    }

    /// The refused value, as it prints.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What a right value would be.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {}", self.setting, self.value, self.rule)
    }
}

impl Error for ConfigError {}
