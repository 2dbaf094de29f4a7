use super::{Balancer, EndpointId, Target};
use crate::gather;
use perfect21_core::ConfigError;
use std::{
    collections::HashMap,
    sync::{Arc, Weak, atomic::Ordering::Relaxed},
    time::Duration,
};

/// So many checks run at once.
const AT_ONCE: usize = 32;

/// So many checks in a row fail before an endpoint is down. One that goes well and it is up.
const DOWN_AFTER: u32 = 2;

impl<E: Send + Sync + 'static> Balancer<E> {
    /// Asks all endpoints whether they are well, at this interval, for as long as the balancer lives: a future to be
    /// spawned where you like, on tokio.
    ///
    /// An endpoint is down after two checks in a row that say `false`, panic or take longer than `timeout`, and up again
    /// after one that says `true`; then it starts slowly. Where more are down than may be ejected, the check is not believed,
    /// and all are asked.
    ///
    /// # Errors
    /// If a time is zero.
    ///
    /// # Cancel safety
    /// Dropped, it ends; what was found stays.
    pub fn health_check<F, Fut>(
        &self,
        every: Duration,
        timeout: Duration,
        mut check: F,
    ) -> Result<impl Future<Output = ()> + use<E, F, Fut>, ConfigError>
    where
        F: FnMut(Target<E>) -> Fut,
        Fut: Future<Output = bool>,
    {
        for (setting, time) in [("every", every), ("timeout", timeout)] {
            if time.is_zero() {
                return Err(ConfigError::new(setting, "0 s", "must be above zero"));
            }
        }
        let inner = Arc::downgrade(&self.inner);
        Ok(async move {
            let mut failures = HashMap::new();
            while let Some(balancer) = Weak::upgrade(&inner).map(|inner| Self { inner }) {
                let targets = balancer.targets();
                // The time of a check begins with its turn, not while others are asked.
                let checks = targets.iter().map(|target| {
                    let checked = check(target.clone());
                    async move { tokio::time::timeout(timeout, checked).await }
                });
                let checks: Vec<_> = checks.collect();
                // Nobody keeps the balancer alive while it waits.
                drop(balancer);
                let Ok(checks) = gather(checks, AT_ONCE) else { return };
                let well: Vec<bool> =
                    checks.all().await.into_iter().map(|checked| matches!(checked, Ok(Ok(true)))).collect();
                let Some(balancer) = Weak::upgrade(&inner).map(|inner| Self { inner }) else { return };
                balancer.checked(&targets, &well, &mut failures);
                drop((balancer, targets));
                tokio::time::sleep(every).await;
            }
        })
    }

    fn targets(&self) -> Vec<Target<E>> {
        self.inner.set().slots().iter().map(|slot| Target::new(&slot.endpoint)).collect()
    }

    #[allow(clippy::cast_precision_loss, reason = "a number of endpoints")]
    fn checked(&self, targets: &[Target<E>], well: &[bool], failures: &mut HashMap<EndpointId, u32>) {
        let tuning = &self.inner.tuning;
        failures.retain(|id, _| targets.iter().any(|target| target.id() == *id));
        let mut down = 0;
        for (target, well) in targets.iter().zip(well) {
            let failed = failures.entry(target.id()).or_default();
            *failed = if *well { 0 } else { failed.saturating_add(1) };
            let health = &target.endpoint().health;
            if *well && health.is_down() {
                target.endpoint().recovered(tuning.now());
                health.start(tuning.now_ms());
            }
            health.set_down(*failed >= DOWN_AFTER);
            down += usize::from(*failed >= DOWN_AFTER);
        }
        let too_many = down as f64 > targets.len() as f64 * tuning.max_ejected;
        self.inner.check_is_off.store(too_many, Relaxed);
    }
}
