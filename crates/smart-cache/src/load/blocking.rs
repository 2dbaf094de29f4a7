use crate::Cache;
use std::{
    hash::{BuildHasher, Hash},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// Like [`get_or_load`](Self::get_or_load) on a thread that may block: `load` runs on the thread of the first caller,
    /// and the others sleep until it has brought the value. Callers of both kinds wait for one another.
    ///
    /// # Errors
    /// Those of this caller's `load`.
    ///
    /// # Examples
    /// ```
    /// use perfect21_smart_cache::Cache;
    /// use std::{fs, io, sync::Arc};
    ///
    /// let files = Cache::<String, Arc<str>>::builder().build()?;
    /// let path = std::env::temp_dir().join(format!("cached-{}", std::process::id()));
    /// fs::write(&path, "hello")?;
    ///
    /// let name = path.display().to_string();
    /// let text = files.get_or_load_blocking(name.clone(), || fs::read_to_string(&name).map(Arc::from))?;
    /// assert_eq!(&*text, "hello");
    /// fs::remove_file(&path)?;
    /// let text = files.get_or_load_blocking(name.clone(), || Err(io::Error::other("not called")))?;
    /// assert_eq!(&*text, "hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get_or_load_blocking<E>(&self, key: K, load: impl FnOnce() -> Result<V, E>) -> Result<V, E> {
        if let Some(value) = self.get(&key) {
            return Ok(value);
        }
        block_on(self.load(key, || std::future::ready(load())))
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// For a future that only waits for other callers.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
