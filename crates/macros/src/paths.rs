//! Where the macros' crate is found: by its own name, else in the facade, else where the user says.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::Span;
use syn::{Ident, Path, parse_quote};

/// The path of `perfect21-mem-pool` in the crate that is being compiled.
pub(crate) fn mem_pool(told: Option<Path>) -> Path {
    told.unwrap_or_else(|| choose("perfect21_mem_pool", "mem_pool", |package| crate_name(package).ok()))
}

/// The path of `perfect21-smart-cache` in the crate that is being compiled.
pub(crate) fn smart_cache(told: Option<Path>) -> Path {
    told.unwrap_or_else(|| choose("perfect21_smart_cache", "smart_cache", |package| crate_name(package).ok()))
}

/// The path of `perfect21-redis-cache` in the crate that is being compiled.
pub(crate) fn redis_cache(told: Option<Path>) -> Path {
    told.unwrap_or_else(|| choose("perfect21_redis_cache", "redis_cache", |package| crate_name(package).ok()))
}

/// `crate_name` as its library is named, else the facade's `module`.
fn choose(library: &str, module: &str, find: impl Fn(&str) -> Option<FoundCrate>) -> Path {
    let ident = |name: &str| Ident::new(name, Span::call_site());
    let (own, module) = (ident(library), ident(module));
    match (find(&library.replace('_', "-")), find("perfect21")) {
        // Its own tests and examples see it by this name too.
        (Some(FoundCrate::Itself), _) => parse_quote!(::#own),
        (Some(FoundCrate::Name(name)), _) => {
            let name = ident(&name);
            parse_quote!(::#name)
        }
        (None, Some(FoundCrate::Itself)) => parse_quote!(::perfect21::#module),
        (None, Some(FoundCrate::Name(name))) => {
            let name = ident(&name);
            parse_quote!(::#name::#module)
        }
        // The compiler then says what is missing; a build without manifests may have it all the same.
        (None, None) => parse_quote!(::#own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::ToTokens;

    #[test]
    fn the_crate_itself_comes_before_the_facade_and_both_may_be_renamed() {
        use FoundCrate::{Itself, Name};
        let named = |name: &str| Some(Name(name.to_owned()));
        for (pool, facade, expected) in [
            (named("perfect21_mem_pool"), None, "::perfect21_mem_pool"),
            (named("pools"), named("perfect21"), "::pools"),
            (Some(Itself), None, "::perfect21_mem_pool"),
            (None, named("perfect21"), "::perfect21::mem_pool"),
            (None, named("fast"), "::fast::mem_pool"),
            (None, Some(Itself), "::perfect21::mem_pool"),
            (None, None, "::perfect21_mem_pool"),
        ] {
            let find = |package: &str| {
                let found = if package == "perfect21-mem-pool" { &pool } else { &facade };
                match found {
                    Some(Itself) => Some(Itself),
                    Some(Name(name)) => Some(Name(name.clone())),
                    None => None,
                }
            };
            let path = choose("perfect21_mem_pool", "mem_pool", find).to_token_stream().to_string();
            assert_eq!(path.replace(' ', ""), expected);
        }
    }
}
