//! An echo service under load, with a new buffer for each request and with pooled ones, in turn.
//!
//! `cargo run --release --example pooled_buffers`
//!
//! It counts what the service itself allocates for a request, not what its clients in the same process do, and shows
//! the resident memory each second.

use perfect21_mem_pool::{
    BufferPool,
    track::{Counting, track_async},
    watch::{Bytes, Pressure, Watch},
};
use std::{
    error::Error,
    io::{self, Write as _},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, interval_at},
};

#[global_allocator]
static ALLOCATOR: Counting = Counting::system();

const CONNECTIONS: u64 = 32;
const LOAD: Duration = Duration::from_secs(4);
const LARGEST: usize = 256 << 10;

/// Where the service takes its buffers.
#[derive(Clone)]
enum Buffers {
    New,
    Pooled(BufferPool),
}

/// What the service did.
#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    allocations: AtomicU64,
    bytes: AtomicU64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Room for all that is in use at once.
    let pool = BufferPool::builder().max_buffer(2 * LARGEST).max_idle_bytes(Bytes::mib(128)).build()?;
    let watch = Watch::new();
    watch.register(&pool);
    let running = watch.run()?;

    let mut text = format!(
        "{CONNECTIONS} connections, requests of 100 B to 12.5 KiB and one in a hundred of 256 KiB, {LOAD:?} each\n\n\
         {:8} {:>10} {:>12} {:>13}  resident memory each second\n",
        "buffers", "requests/s", "allocations", "bytes"
    );
    // In turn, since other work on the machine changes the requests/s from one second to the next.
    for turn in 0..4 {
        let (name, buffers) = match turn % 2 {
            0 => ("new", Buffers::New),
            _ => ("pooled", Buffers::Pooled(pool.clone())),
        };
        let (counts, resident) = measure(buffers, &watch).await?;
        let per_request =
            |count: &AtomicU64| count.load(Relaxed) as f64 / counts.requests.load(Relaxed).max(1) as f64;
        text += &format!(
            "{name:8} {:>10.0} {:>12.2} {:>13.0}  {}\n",
            counts.requests.load(Relaxed) as f64 / LOAD.as_secs_f64(),
            per_request(&counts.allocations),
            per_request(&counts.bytes),
            resident.join(", "),
        );
    }
    text += "\nAllocations and bytes are those of the service, per request.\n";
    let stats = pool.stats();
    text += &format!(
        "The pool made {} buffers for {} uses; {} lie idle with {}.\n",
        stats.made,
        stats.made + stats.hits,
        stats.idle,
        Bytes::new(stats.idle_bytes)
    );
    let cleanup = watch.clean_up(Pressure::Critical);
    text += &format!("Under pressure it gives back {}.\n", Bytes::new(cleanup.trimmed().bytes));
    drop(running);
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// Runs the service and its clients for a while; reads the resident memory each second.
async fn measure(buffers: Buffers, watch: &Watch) -> Result<(Arc<Counts>, Vec<String>), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, counts) = (listener.local_addr()?, Arc::new(Counts::default()));
    let service = tokio::spawn(serve(listener, buffers, Arc::clone(&counts)));

    let end = Instant::now() + LOAD;
    let mut clients = JoinSet::new();
    for seed in 0..CONNECTIONS {
        clients.spawn(client(address, seed, end));
    }
    let (second, mut resident) = (Duration::from_secs(1), Vec::new());
    let mut seconds = interval_at(Instant::now() + second, second);
    while Instant::now() + second * 3 / 2 < end {
        seconds.tick().await;
        resident.push(match watch.tick().readings.rss {
            Ok(rss) => format!("{:.0} MiB", rss.as_mib()),
            Err(error) => format!("no data: {error}"),
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    service.abort();
    Ok((counts, resident))
}

async fn serve(listener: TcpListener, buffers: Buffers, counts: Arc<Counts>) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, buffers.clone(), Arc::clone(&counts)));
    }
}

/// Ends with its client.
async fn connection(mut stream: TcpStream, buffers: Buffers, counts: Arc<Counts>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let length = stream.read_u32().await? as usize;
        if length > LARGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let (echoed, growth) = match &buffers {
            Buffers::New => track_async(echo_new(&mut stream, length)).await,
            Buffers::Pooled(pool) => track_async(echo_pooled(&mut stream, length, pool)).await,
        };
        echoed?;
        let heap = growth.heap.unwrap_or_default();
        counts.requests.fetch_add(1, Relaxed);
        counts.allocations.fetch_add(heap.allocations, Relaxed);
        counts.bytes.fetch_add(heap.allocated.get(), Relaxed);
    }
}

async fn echo_new(stream: &mut TcpStream, length: usize) -> io::Result<()> {
    let mut request = Vec::with_capacity(length);
    while request.len() < length {
        let missing = (length - request.len()) as u64;
        if (&mut *stream).take(missing).read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut answer = Vec::with_capacity(4 + length);
    answer.extend_from_slice(&(length as u32).to_be_bytes());
    answer.extend_from_slice(&request);
    stream.write_all(&answer).await
}

/// The same with the buffers of a pool: they are what a `Vec` is, and go back when they are dropped.
async fn echo_pooled(stream: &mut TcpStream, length: usize, pool: &BufferPool) -> io::Result<()> {
    let mut request = pool.get_with(length);
    while request.len() < length {
        let missing = (length - request.len()) as u64;
        if (&mut *stream).take(missing).read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut answer = pool.get_with(4 + length);
    answer.extend_from_slice(&(length as u32).to_be_bytes());
    answer.extend_from_slice(&request);
    stream.write_all(&answer).await
}

/// Sends one request after the other, and compares what comes back.
async fn client(address: SocketAddr, seed: u64, end: Instant) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    // Written now, so that they are resident from the beginning.
    let (mut request, mut answer) = (vec![1; 4 + LARGEST], vec![1; 4 + LARGEST]);
    let mut random = seed;
    while Instant::now() < end {
        // Knuth's MMIX generator; its upper half is good enough for sizes.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let number = (random >> 33) as usize;
        let length = if number.is_multiple_of(100) { LARGEST } else { 100 << (number % 8) };
        let (request, answer) = (&mut request[..4 + length], &mut answer[..4 + length]);
        request[..4].copy_from_slice(&(length as u32).to_be_bytes());
        request[4..12].copy_from_slice(&random.to_be_bytes());
        // What is larger than the sockets' buffers has to be read while it is written.
        let (mut reader, mut writer) = stream.split();
        tokio::try_join!(writer.write_all(request), reader.read_exact(answer))?;
        if request != answer {
            return Err(io::Error::other("the echo is not what was sent"));
        }
    }
    Ok(())
}
