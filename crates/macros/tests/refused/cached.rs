use perfect21_redis_cache::{Cache, LoadError, cached};

struct Shop {
    names: Cache<u64, String>,
}

impl Shop {
    #[cached(cache = self.names)]
    async fn keyless(&self, id: u64) -> Result<String, LoadError<String>> {
        Ok(id.to_string())
    }

    #[cached(cache = self.names, key = id)]
    async fn changes_itself(&mut self, id: u64) -> Result<String, LoadError<String>> {
        Ok(id.to_string())
    }
}

#[cached(cache = cache, key = id)]
fn waits(cache: &Cache<u64, u64>, id: u64) -> Result<u64, LoadError<String>> {
    Ok(id)
}

#[cached(key = id)]
async fn nowhere(id: u64) -> Result<u64, LoadError<String>> {
    Ok(id)
}

#[cached(cache = cache, key = id)]
async fn never_fails(cache: &Cache<u64, u64>, id: u64) -> u64 {
    id
}

#[cached(cache = cache, key = id, ttl = "1 day")]
async fn too_long(cache: &Cache<u64, u64>, id: u64) -> Result<u64, LoadError<String>> {
    Ok(id)
}

#[cached(cache = cache, key = id)]
async fn changes(cache: &Cache<u64, u64>, id: &mut u64) -> Result<u64, LoadError<String>> {
    Ok(*id)
}

#[cached(cache = cache, key = one)]
async fn nameless(cache: &Cache<u64, u64>, (one, other): (u64, u64)) -> Result<u64, LoadError<String>> {
    Ok(one + other)
}

#[cached(cache = cache, size = 5)]
async fn unknown(cache: &Cache<u64, u64>) -> Result<u64, LoadError<String>> {
    Ok(5)
}

#[cached(cache = cache)]
struct NoFunction;

fn main() {
    let _: Option<LoadError<String>> = None;
}
