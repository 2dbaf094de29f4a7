use super::session::Session;
use crate::{Pool, connect::ConnectError, error::Error};
use parking_lot::RwLock;
use std::{
    fmt,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Mutex, time::sleep};

/// The place of one connection.
#[derive(Default)]
pub(super) struct Slot {
    session: RwLock<Option<Arc<Session>>>,
    in_flight: Arc<AtomicUsize>,
    /// One opens for all.
    opening: Mutex<()>,
}

/// One more statement, until it is dropped.
pub(super) struct Entered(Arc<AtomicUsize>);

/// A session, with a statement of it under way.
pub(super) struct Using {
    session: Arc<Session>,
    _entered: Entered,
}

impl Slot {
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn enter(&self) -> Entered {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Entered(Arc::clone(&self.in_flight))
    }

    /// The one at hand, if it is of use.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.session.read().as_ref().filter(|session| session.is_fit()).cloned()
    }

    /// Opens one, unless somebody did meanwhile; tries until it works, 10 ms to 1 s apart.
    ///
    /// # Cancel safety
    /// Dropped, the next one who waits opens.
    pub(super) async fn open(
        &self,
        pool: &Pool,
        last: &std::sync::Mutex<Option<Arc<ConnectError>>>,
    ) -> Result<Arc<Session>, Error> {
        let _alone = self.opening.lock().await;
        let mut pause = Duration::from_millis(10);
        loop {
            if let Some(session) = self.session() {
                return Ok(session);
            }
            if pool.shared().is_closed() {
                return Err(Error::closed());
            }
            match Session::open(pool).await {
                Ok(session) => {
                    let session = Arc::new(session);
                    session.watch();
                    *self.session.write() = Some(Arc::clone(&session));
                    return Ok(session);
                }
                Err(error) if error.is_final() => {
                    return Err(Error::unreachable(Duration::ZERO, Arc::new(error)));
                }
                Err(error) => {
                    if let Ok(mut last) = last.lock() {
                        *last = Some(Arc::new(error));
                    }
                }
            }
            sleep(pause.mul_f64(0.8 + 0.2 * fastrand::f64())).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}

impl Entered {
    pub(super) fn with(self, session: Arc<Session>) -> Using {
        Using { session, _entered: self }
    }
}

impl Deref for Using {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("open", &self.session().is_some())
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
