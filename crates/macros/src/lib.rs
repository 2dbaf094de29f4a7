//! The derive and attribute macros of Perfect21, re-exported by the crates they belong to.
//!
//! They find their crate by the name it has in the `Cargo.toml` of the crate being compiled, else as a module of the
//! facade `perfect21`; where neither is right, `crate = path` says it. Each has a plain function that does the same.
#![forbid(unsafe_code)]

mod cached;
mod duration;
mod hint;
mod memoize;
mod paths;
mod pooled;
mod reset;
mod schema;
mod track_memory;
mod weigh;

use proc_macro::TokenStream;
use syn::{DeriveInput, Error, parse_macro_input};

/// Implements `Reset` field by field.
///
/// Every field is reset, in order, and the object may be kept if none says no. A field without an attribute is reset by
/// its own `Reset`: collections and strings are emptied and keep their memory, numbers go to zero, options to `None`.
///
/// | `#[reset(…)]` on a field | |
/// |---|---|
/// | `skip` | stays as it is: what does not change from use to use |
/// | `default` | becomes `Default::default()` |
/// | `clear` | `.clear()`, for types of others that have no `Reset` |
/// | `value = expression` | becomes that |
/// | `with = function` | `function(&mut field) -> bool` resets it and says whether the object may be kept |
/// | `max_capacity = expression` | beside one of those: the object is not kept when `.capacity()` is more, so that one large use does not hold its memory for ever |
///
/// `#[reset(default)]` above the type makes the whole its default, and is the way for enums. By hand the same is
/// `impl Reset for …`.
///
/// ```
/// use perfect21_mem_pool::Reset;
///
/// #[derive(Reset)]
/// struct Request {
///     path: String,
///     #[reset(max_capacity = 64 * 1024)]
///     body: Vec<u8>,
///     #[reset(value = 200)]
///     status: u16,
///     #[reset(skip)]
///     server: &'static str,
/// }
///
/// let mut request = Request { path: "/a".into(), body: vec![1; 100], status: 404, server: "s" };
/// assert!(request.reset());
/// assert_eq!((request.path.as_str(), request.body.len(), request.status), ("", 0, 200));
/// assert!(request.body.capacity() >= 100);
///
/// request.body.reserve(1 << 20);
/// assert!(!request.reset());
/// # let _ = request.server;
/// ```
#[proc_macro_derive(Reset, attributes(reset))]
pub fn derive_reset(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    reset::derive(input).unwrap_or_else(Error::into_compile_error).into()
}

/// Gives a type a pool of its own in a `static`: `T::pooled()` takes one, `T::pool()` is the pool.
///
/// The type needs `Reset`, and `Default` or `#[pooled(create = function)]`. By hand the same is
/// `static POOL: Pool<T> = Pool::new_const(T::default)`.
///
/// ```
/// use perfect21_mem_pool::{Pooled, Reset};
///
/// #[derive(Default, Reset, Pooled)]
/// struct Reply {
///     body: Vec<u8>,
/// }
///
/// let mut reply = Reply::pooled();
/// reply.body.extend_from_slice(b"hello");
/// drop(reply); // emptied, and back in the pool
/// assert!(Reply::pooled().body.is_empty());
/// ```
#[proc_macro_derive(Pooled, attributes(pooled))]
pub fn derive_pooled(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    pooled::derive(&input).unwrap_or_else(Error::into_compile_error).into()
}

/// Warns when a call of the function leaves more memory allocated than it found.
///
/// `over` is the growth above which to warn (`"10MB"` unless set), `name` what the log calls the function (its path
/// unless set). An `async fn` is counted only while it is polled. By hand the same is `track::Alarm`, which tells what
/// is counted, and what it costs.
///
/// ```
/// use perfect21_mem_pool::{track::Counting, track_memory};
///
/// #[global_allocator]
/// static ALLOCATOR: Counting = Counting::system();
///
/// #[track_memory(over = "10MB")]
/// fn load(rows: usize) -> Vec<[u64; 16]> {
///     vec![[0; 16]; rows]
/// }
///
/// #[track_memory(over = "64 KiB", name = "render")]
/// async fn render(rows: &[[u64; 16]]) -> Result<String, std::fmt::Error> {
///     let mut page = String::new();
///     for row in rows {
///         std::fmt::Write::write_fmt(&mut page, format_args!("{row:?}"))?;
///     }
///     Ok(page)
/// }
///
/// let rows = load(100_000); // warns: it grew by 12.2 MiB
/// # let _ = render(&rows);
/// ```
#[proc_macro_attribute]
pub fn track_memory(arguments: TokenStream, function: TokenStream) -> TokenStream {
    track_memory::expand(arguments.into(), function.into()).unwrap_or_else(Error::into_compile_error).into()
}

/// Keeps what a function returned, and returns it again for the same arguments.
///
/// Of callers that ask for the same at once, one runs the body, and the others wait for it. Arguments are cloned into the
/// key (`&str` becomes `String`), what is kept is cloned out; so both must be `Clone + Send + Sync + 'static`, and the key
/// `Hash + Eq`. Of a `Result` only `Ok` is kept. A function that calls itself, with other arguments or the same, comes to
/// the same end as without. By hand the same is `memo::Memo` with `Cache::try_get_or_load_blocking`, or `try_get_or_load` where
/// the function is async.
///
/// | argument | default |
/// |---|---|
/// | `max_entries = 1000` | 1000 |
/// | `max_bytes = "10MB"`, with `weigh = \|key, value\| …` | the size of key and value themselves, 100 MiB in all |
/// | `ttl = "60s"` (`ms`, `s`, `m`, `h`) | for ever |
/// | `key = expression` | all arguments; a method must say what of `self` counts |
/// | `errors` | errors are not kept |
/// | `cache = STATIC` | a `static NAME: Memo` to clear it or read its statistics by |
/// | `store = expression`, evaluated at the first call | our own cache; a store has its own bounds and TTL |
/// | `name = "…"` | the function's path, in metrics |
///
/// ```
/// use perfect21_smart_cache::{memo::Memo, memoize};
///
/// #[memoize(max_entries = 100)]
/// fn fibonacci(n: u32) -> u64 {
///     if n < 2 { n.into() } else { fibonacci(n - 1) + fibonacci(n - 2) }
/// }
///
/// static PAGES: Memo = Memo::new();
///
/// #[memoize(cache = PAGES, ttl = "60s", max_bytes = "10MB", weigh = |path, page| (path.len() + page.len()) as u64)]
/// async fn page(path: &str) -> std::io::Result<String> {
///     Ok(format!("<h1>{path}</h1>"))
/// }
///
/// assert_eq!(fibonacci(90), 2_880_067_194_370_816_120);
/// # let _ = page("/");
/// ```
#[proc_macro_attribute]
pub fn memoize(arguments: TokenStream, function: TokenStream) -> TokenStream {
    memoize::expand(arguments.into(), function.into()).unwrap_or_else(Error::into_compile_error).into()
}

/// Sums up what the fields of a type own on the heap.
///
/// | `#[weigh(…)]` on a field | |
/// |---|---|
/// | `skip` | counts for nothing: what is owned elsewhere too |
/// | `with = function` | `function(&field) -> usize`, for types of others that have no `Weigh` |
///
/// By hand the same is `impl Weigh for …`.
///
/// ```
/// use perfect21_smart_cache::Weigh;
/// use std::sync::Arc;
///
/// #[derive(Weigh)]
/// enum Answer {
///     Text { body: String, #[weigh(skip)] config: Arc<Vec<u8>> },
///     Blob(#[weigh(with = Vec::capacity)] Vec<u8>),
///     Nothing,
/// }
///
/// let config = Arc::new(vec![0; 1000]);
/// assert_eq!(Answer::Text { body: "hello".to_owned(), config }.heap_size(), 5);
/// assert_eq!(Answer::Blob(vec![0; 64]).heap_size() + Answer::Nothing.heap_size(), 64);
/// ```
#[proc_macro_derive(Weigh, attributes(weigh))]
pub fn derive_weigh(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    weigh::derive(input).unwrap_or_else(Error::into_compile_error).into()
}

/// Describes what the bytes of a type depend on, as the codecs need that write no names.
///
/// Hashed are the type's name, the names and types of its fields and variants in their order, and what stands in
/// `#[serde(…)]`. When any of that changes, entries from before are a miss. What such codecs cannot write and read again
/// is a compile error: `tag`, `untagged`, `flatten`, `skip_serializing_if`, fields left out in one direction only, variants
/// left out.
///
/// | `#[schema(…)]` | |
/// |---|---|
/// | `version = 2` above a type | another number makes all entries from before a miss: where serde is told of a function that changed |
/// | `version = 1` above a field | the field's type has no `Schema`, being another's: its name and the number stand for it |
///
/// Code that serde runs, in `with = "…"` or hand-written, is not seen; nor is the inside of a type behind `version`. By
/// hand the same is `impl Schema for …`.
///
/// ```
/// use perfect21_redis_cache::{Bincode, Codec, Schema};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Schema)]
/// struct User {
///     name: String,
///     friends: Vec<User>,
///     state: State,
///     #[serde(skip)]
///     seen: bool,
/// }
///
/// #[derive(Serialize, Deserialize, Schema)]
/// #[schema(version = 2)]
/// enum State {
///     Active,
///     Locked { by: String },
/// }
///
/// assert_ne!(Codec::<User>::schema(&Bincode), Codec::<State>::schema(&Bincode));
/// ```
#[proc_macro_derive(Schema, attributes(schema))]
pub fn derive_schema(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    schema::derive(input).unwrap_or_else(Error::into_compile_error).into()
}

/// Answers from a cache over Redis, and runs the body of an `async fn` only where there is nothing.
///
/// The body is the load of `Cache::get_or_load`: it runs once however many callers wait, in this process and in others, as a
/// task of its own. So arguments must be `'static`: what is taken by reference, `self` too, is cloned at each call.
///
/// | argument | default |
/// |---|---|
/// | `cache = expression` | must be there: a `Cache`, or a reference to one |
/// | `key = expression` | the argument, or a tuple of all; a method must say what of `self` counts |
/// | `ttl = "60s"` (`ms`, `s`, `m`, `h`), or an expression of type `Duration` | that of the cache |
/// | `tags = [expression, …]`, anything whose items are text | those that the cache gives |
///
/// What the function returns says what becomes of errors:
/// - `Result<V, LoadError<E>>`: the body returns `Result<V, E>`, and callers see whether the load or the cache failed.
/// - `Result<V, E>` of another `E`: the body returns the same, and `E` is made of a `LoadError<E>` by `From`.
///
/// Where `V` is an `Option`, it is `Cache::get_or_find` of a cache of what is in it: `None` is remembered too. `key` and
/// `tags` are looked at before the body runs; tags that only the value tells are for `Loaded`, with `get_or_load` by hand.
///
/// ```
/// use perfect21_redis_cache::{Cache, LoadError, cached};
/// use std::io;
///
/// #[derive(Clone)]
/// struct Shop {
///     names: Cache<u64, String>,
/// }
///
/// impl Shop {
///     #[cached(cache = self.names, key = id, ttl = "60s", tags = [format!("product:{id}")])]
///     async fn name(&self, id: u64) -> Result<String, LoadError<io::Error>> {
///         Ok(format!("product {id}")) // read from its source
///     }
/// }
/// # let _ = Shop::name;
/// ```
#[proc_macro_attribute]
pub fn cached(arguments: TokenStream, function: TokenStream) -> TokenStream {
    cached::expand(arguments.into(), function.into()).unwrap_or_else(Error::into_compile_error).into()
}
