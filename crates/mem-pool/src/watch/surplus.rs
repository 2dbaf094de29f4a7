use super::weak::{Watched, WeakPart};
use crate::{Pool, WeakPool};
use perfect21_core::{ConfigError, Pressure, Trim, Trimmed};

/// Watches a [`Pool`] by numbers: at each clean-up of more than `over` idle objects all but `keep` are dropped.
///
/// Register it, and not the pool too: of two ways the first registered stays. It stands in place of the pool's own way, which keeps at [`Pressure::Routine`] what was needed lately. At higher pressure all
/// idle objects go either way.
///
/// ```
/// use perfect21_mem_pool::{Pool, watch::{Pressure, Surplus, Watch}};
///
/// let pool = Pool::new(|| vec![0_u8; 4096]);
/// let watch = Watch::new();
/// watch.register(&Surplus::guide(&pool));
///
/// pool.prefill(100);
/// watch.clean_up(Pressure::Routine);
/// assert_eq!(pool.stats().idle, 100);
/// pool.prefill(101);
/// watch.clean_up(Pressure::Routine);
/// assert_eq!(pool.stats().idle, 50);
/// ```
#[derive(Debug)]
pub struct Surplus<T: Send + 'static> {
    pool: WeakPool<T>,
    address: usize,
    over: usize,
    keep: usize,
}

impl<T: Send + 'static> Surplus<T> {
    /// The tuning guide's numbers: over 100 idle objects, 50 are kept.
    #[must_use]
    pub fn guide(pool: &Pool<T>) -> Self {
        Self {
            pool: pool.downgrade(),
            address: std::sync::Arc::as_ptr(pool.store()).addr(),
            over: 100,
            keep: 50,
        }
    }

    /// Other numbers.
    ///
    /// # Errors
    /// If more are to be kept than there may be.
    pub fn new(pool: &Pool<T>, over: usize, keep: usize) -> Result<Self, ConfigError> {
        if keep > over {
            return Err(ConfigError::new("keep", keep, format!("must not be above over, which is {over}")));
        }
        Ok(Self { over, keep, ..Self::guide(pool) })
    }
}

impl<T: Send + 'static> Clone for Surplus<T> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), ..*self }
    }
}

impl<T: Send + 'static> Watched for Surplus<T> {
    fn weakly(&self) -> Box<dyn WeakPart> {
        Box::new(self.clone())
    }
}

impl<T: Send + 'static> WeakPart for Surplus<T> {
    fn upgrade(&self) -> Option<Box<dyn Trim>> {
        let pool = self.pool.upgrade()?;
        Some(Box::new(Whole { pool, over: self.over, keep: self.keep }))
    }

    fn address(&self) -> usize {
        self.address
    }
}

struct Whole<T: Send + 'static> {
    pool: Pool<T>,
    over: usize,
    keep: usize,
}

impl<T: Send + 'static> Trim for Whole<T> {
    fn name(&self) -> &str {
        self.pool.name()
    }

    fn trim(&self, pressure: Pressure) -> Trimmed {
        match pressure {
            Pressure::Routine if self.pool.stats().idle > self.over as u64 => self.pool.trim_to(self.keep),
            Pressure::Routine => Trimmed::default(),
            _ => self.pool.trim(pressure),
        }
    }
}
