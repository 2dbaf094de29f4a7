//! A server with so many workers, and an endless queue in front of them.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    workers: Semaphore,
    /// How many there are; some may be busy.
    count: AtomicUsize,
    /// Those that are to go once they are not busy.
    surplus: AtomicUsize,
    takes_us: AtomicU64,
}

impl Server {
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            workers: Semaphore::new(0),
            count: AtomicUsize::new(0),
            surplus: AtomicUsize::new(0),
            takes_us: AtomicU64::new(0),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn set(&self, workers: usize, takes: Duration) {
        let before = self.shared.count.swap(workers, SeqCst);
        if workers > before {
            self.shared.workers.add_permits(workers - before);
        } else {
            let gone = self.shared.workers.forget_permits(before - workers);
            self.shared.surplus.fetch_add(before - workers - gone, SeqCst);
        }
        self.shared.takes_us.store(u64::try_from(takes.as_micros()).unwrap_or(u64::MAX), SeqCst);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Ends when it is aborted, and its connections with it.
async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((mut stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let Ok(worker) = shared.workers.acquire().await else { return };
            sleep(Duration::from_micros(shared.takes_us.load(SeqCst))).await;
            let one_less = |surplus: usize| surplus.checked_sub(1);
            if shared.surplus.fetch_update(SeqCst, SeqCst, one_less).is_ok() {
                worker.forget();
            } else {
                drop(worker);
            }
            // Whoever has gone does not want it.
            let _ = stream.write_all(b"done\n").await;
        });
        while connections.try_join_next().is_some() {}
    }
}

pub(crate) async fn ask(server: SocketAddr) -> io::Result<()> {
    let (mut stream, mut answer) = (TcpStream::connect(server).await?, String::new());
    stream.read_to_string(&mut answer).await?;
    if answer == "done\n" { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
