//! Pages that depend on products: one small write makes all pages of a product out of date, and no others.
//!
//! `cargo run --release --example tags -- [--redis[=URL]]`

use perfect21_examples::redis::{Place, USAGE};
use perfect21_redis_cache::{Cache, LoadError, Loaded};
use std::{
    convert::Infallible,
    error::Error,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

const PAGES: u64 = 10_000;
const PRODUCTS: u64 = 500;

/// Pages of a shop, each with the products that stand on it.
#[derive(Clone)]
struct Pages {
    kept: Cache<u64, String>,
    rendered: Arc<AtomicU64>,
}

impl Pages {
    fn products(page: u64) -> [u64; 3] {
        [page % PRODUCTS, page * 7 % PRODUCTS, page * 31 % PRODUCTS]
    }

    async fn get(&self, page: u64) -> Result<String, LoadError<Infallible>> {
        let rendered = Arc::clone(&self.rendered);
        let render = move || async move {
            rendered.fetch_add(1, Relaxed);
            let products = Self::products(page);
            // Only who renders the page knows what is on it.
            let tags = products.map(|product| format!("product:{product}"));
            Ok(Loaded::new(format!("<h1>page {page}</h1>{products:?}")).tags(tags))
        };
        self.kept.get_or_load(&page, render).await
    }

    /// Asks for all pages; how many of them had to be rendered.
    async fn all(&self) -> Result<u64, LoadError<Infallible>> {
        for page in 0..PAGES {
            self.get(page).await?;
        }
        Ok(self.rendered.swap(0, Relaxed))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout();
    let Some(place) = Place::of_arguments()? else {
        writeln!(out, "tags [--redis[=URL]]\n{USAGE}")?;
        return Ok(());
    };
    // Two processes, as far as there is a server between them.
    let (redis, other) = (place.connect(None).await?, place.connect(None).await?);
    let pages = Pages { kept: redis.typed("page").build()?, rendered: Arc::default() };
    pages.kept.clear().await?;
    writeln!(out, "the cache is {}\n", place.kind())?;

    writeln!(out, "{} of {PAGES} pages were rendered at first", pages.all().await?)?;
    writeln!(out, "{} the second time", pages.all().await?)?;

    let writer = if place.is_server() { &other } else { &redis };
    let touched = (0..PAGES).filter(|page| Pages::products(*page).contains(&7)).count();
    step(&mut out, "product 7 changed", writer.invalidate(["product:7"])).await?;
    let rendered = pages.all().await?;
    writeln!(out, "  {rendered} pages were rendered anew; {touched} have it")?;
    if rendered != touched as u64 {
        return Err("a page too many or too few".into());
    }

    step(&mut out, "all pages are out of date", pages.kept.clear()).await?;
    writeln!(out, "  {} pages were rendered anew", pages.all().await?)?;

    // A new version of the pages: what stands under the old name is to give its memory back.
    step(&mut out, "the old pages are removed", sweep(&pages.kept)).await?;
    Ok(place.clean(&redis).await?)
}

async fn step(
    out: &mut impl Write,
    what: &str,
    work: impl Future<Output = Result<(), perfect21_redis_cache::Error>>,
) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    work.await?;
    writeln!(out, "{what}: {:.2?}", began.elapsed())?;
    Ok(())
}

async fn sweep(pages: &Cache<u64, String>) -> Result<(), perfect21_redis_cache::Error> {
    pages.sweep().all().run().await.map(drop)
}
