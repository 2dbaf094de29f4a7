//! What a loader's settings have to be.

use super::LoaderBuilder;
use crate::freshness::Freshness;
use perfect21_core::ConfigError;
use std::time::Duration;

impl<K, V, E> LoaderBuilder<K, V, E> {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Some(ttl) = self.ttl {
            let stale = self.stale.map_or(Duration::ZERO, |stale| stale.max_stale).max(self.revalidate);
            Freshness::new(ttl).stale_for(stale).check()?;
        }
        let durations = [
            ("stale_on_error", self.stale.map(|stale| stale.max_stale)),
            ("throttle of stale_on_error", self.stale.map(|stale| stale.throttle)),
            ("negative_ttl", self.negative),
            ("soft_timeout", self.soft_timeout),
            ("hard_timeout", self.hard_timeout),
        ];
        if let Some((setting, _)) = durations.into_iter().find(|(_, value)| *value == Some(Duration::ZERO)) {
            return Err(ConfigError::new(setting, "0 s", "must be above zero"));
        }
        for (setting, value) in [("max_batch", self.max_batch), ("max_loads", self.max_loads)] {
            if value == 0 {
                return Err(ConfigError::new(setting, 0, "must be at least 1"));
            }
        }
        let shares =
            [("refresh_at", self.refresh_at.unwrap_or(0.5), false), ("ttl_jitter", self.jitter, true)];
        for (setting, share, zero) in shares {
            if !((share > 0.0 || zero && share == 0.0) && share < 1.0) {
                return Err(ConfigError::new(setting, share, "must be above 0 and below 1"));
            }
        }
        self.check_needs()
    }

    /// Options that do nothing without another one, or beside it.
    fn check_needs(&self) -> Result<(), ConfigError> {
        if let (Some(setting), Some(_)) = (self.bound, &self.store) {
            let rule = "does nothing beside `store`: set it where the store is made";
            return Err(ConfigError::new(setting, "set", rule));
        }
        let (ttl, runtime) = (self.ttl.is_some(), self.runtime.is_some());
        let needs = [
            ("refresh_at", self.refresh_at.is_some(), ttl, "ttl"),
            ("refresh_at", self.refresh_at.is_some(), runtime, "runtime"),
            ("stale_while_revalidate", !self.revalidate.is_zero(), ttl, "ttl"),
            ("stale_while_revalidate", !self.revalidate.is_zero(), runtime, "runtime"),
            ("stale_on_error", self.stale.is_some(), ttl, "ttl"),
            ("soft_timeout", self.soft_timeout.is_some(), self.stale.is_some(), "stale_on_error"),
            ("soft_timeout", self.soft_timeout.is_some(), runtime, "runtime"),
            ("hard_timeout", self.hard_timeout.is_some(), runtime, "runtime"),
        ];
        match needs.into_iter().find(|(_, set, there, _)| *set && !there) {
            Some((setting, _, _, needed)) => Err(ConfigError::new(
                setting,
                "set",
                format!("does nothing without `{needed}`: set that too"),
            )),
            None => Ok(()),
        }
    }
}
