//! `#[memoize]`.

use crate::{duration::duration, hint::return_hint, paths};
use perfect21_core::Bytes;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use std::time::Duration;
use syn::{
    Error, Expr, FnArg, GenericArgument, GenericParam, Ident, ItemFn, LitInt, LitStr, Pat, Path,
    PathArguments, Result, ReturnType, Signature, Type, meta::ParseNestedMeta, parse::Parser, parse_quote,
};

#[derive(Default)]
struct Settings {
    krate: Option<Path>,
    name: Option<LitStr>,
    max_entries: Option<LitInt>,
    max_bytes: Option<(Bytes, LitStr)>,
    weigh: Option<Expr>,
    ttl: Option<Duration>,
    key: Option<Expr>,
    cache: Option<Path>,
    store: Option<Expr>,
    errors: bool,
}

const KNOWN: &str = "unknown: there are `max_entries = 1000`, `max_bytes = \"10MB\"`, `weigh = |key, value| …`, \
    `ttl = \"60s\"`, `key = expression`, `cache = STATIC`, `store = expression`, `name = \"…\"`, `errors` and `crate = path`";

impl Settings {
    fn read(arguments: TokenStream) -> Result<Self> {
        let mut settings = Self::default();
        syn::meta::parser(|meta| settings.set(&meta)).parse2(arguments)?;
        if let (Some((_, given)), None) = (&settings.max_bytes, &settings.weigh) {
            let message = "needs `weigh = |key, value| bytes` too, or it would bound nothing";
            return Err(Error::new_spanned(given, message));
        }
        settings.check_store()?;
        Ok(settings)
    }

    /// A store has its own bounds.
    fn check_store(&self) -> Result<()> {
        let bounds = self.max_entries.is_some() || self.weigh.is_some() || self.ttl.is_some();
        match &self.store {
            Some(store) if bounds => {
                let message = "`max_entries`, `max_bytes`, `weigh` and `ttl` do nothing beside `store`: set them where \
                               the store is made";
                Err(Error::new_spanned(store, message))
            }
            _ => Ok(()),
        }
    }

    fn set(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let is = |name| meta.path.is_ident(name);
        if is("max_entries") {
            let given: LitInt = meta.value()?.parse()?;
            if given.base10_parse::<usize>()? == 0 {
                return Err(Error::new_spanned(given, "must be at least 1"));
            }
            self.max_entries = Some(given);
        } else if is("max_bytes") {
            let given: LitStr = meta.value()?.parse()?;
            let bytes: Bytes = given.value().parse().map_err(|error| Error::new_spanned(&given, error))?;
            if bytes.get() == 0 {
                return Err(Error::new_spanned(given, "must be at least 1 B"));
            }
            self.max_bytes = Some((bytes, given));
        } else if is("ttl") {
            let given: LitStr = meta.value()?.parse()?;
            self.ttl = Some(duration(&given)?);
        } else if is("weigh") {
            self.weigh = Some(meta.value()?.parse()?);
        } else if is("key") {
            self.key = Some(meta.value()?.parse()?);
        } else if is("cache") {
            self.cache = Some(meta.value()?.parse()?);
        } else if is("store") {
            self.store = Some(meta.value()?.parse()?);
        } else if is("name") {
            self.name = Some(meta.value()?.parse()?);
        } else if is("crate") {
            self.krate = Some(meta.value()?.parse()?);
        } else if is("errors") {
            self.errors = true;
        } else {
            return Err(meta.error(KNOWN));
        }
        Ok(())
    }

    /// What is said to the builder of the cache.
    fn builder(&self, name: &TokenStream) -> TokenStream {
        let max_entries = self.max_entries.as_ref().map(|entries| quote!(.max_entries(#entries)));
        let max_bytes = self.max_bytes.as_ref().map(|(bytes, _)| {
            let bytes = bytes.get();
            quote!(.max_bytes(#bytes))
        });
        let weigh = self.weigh.as_ref().map(|weigh| quote!(.weigher(#weigh)));
        let ttl = self.ttl.map(|ttl| {
            let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
            quote!(.ttl(::core::time::Duration::from_millis(#millis)))
        });
        quote!(__builder.name(#name) #max_entries #max_bytes #weigh #ttl)
    }
}

pub(crate) fn expand(arguments: TokenStream, function: TokenStream) -> Result<TokenStream> {
    let settings = Settings::read(arguments)?;
    let ItemFn { attrs, vis, sig, block, .. } = syn::parse2(function).map_err(|error| {
        Error::new(error.span(), format!("`#[memoize]` stands above a function: {error}"))
    })?;
    check(&sig)?;
    let key = match &settings.key {
        Some(key) => key.to_token_stream(),
        None => all_arguments(&sig)?,
    };
    let krate = paths::smart_cache(settings.krate.clone());
    let name = match &settings.name {
        Some(name) => quote!(#name),
        None => {
            let name = sig.ident.to_string();
            quote!(::core::concat!(::core::module_path!(), "::", #name))
        }
    };
    let builder = settings.builder(&name);
    let returned = match &sig.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, ty) => (**ty).clone(),
    };
    let ok = if settings.errors { None } else { ok_of(&returned) };
    let value = ok.clone().unwrap_or_else(|| returned.clone());
    let (memo, its) = match &settings.cache {
        Some(cache) => (quote!(), quote!(#cache)),
        None => (quote!(static __MEMO: #krate::memo::Memo = #krate::memo::Memo::new();), quote!(__MEMO)),
    };
    let cache = match &settings.store {
        Some(store) => quote!(#its.backed_of_key::<_, #value, _>(&__key, #name, || #store)),
        None => quote!(#its.cache_of_key::<_, #value>(&__key, |__builder| #builder)),
    };
    let call = call(&sig, &block.to_token_stream(), &returned, ok.is_some());
    Ok(quote! {
        #(#attrs)*
        #vis #sig {
            #[allow(unused_qualifications)]
            #memo
            let __key = #key;
            let __cache = #cache;
            #call
        }
    })
}

/// Asks the cache, and lets the body of the function run where it has nothing.
fn call(sig: &Signature, block: &TokenStream, returned: &Type, fallible: bool) -> TokenStream {
    let error = quote!(::core::convert::Infallible);
    let never = quote! {
        match __answer {
            ::core::result::Result::Ok(__value) => __value,
            ::core::result::Result::Err(__never) => match __never {},
        }
    };
    match (sig.asyncness.is_some(), fallible) {
        (false, true) => quote!(__cache.try_get_or_load_blocking(__key, move || -> #returned #block)),
        (false, false) => quote! {
            let __answer = __cache.try_get_or_load_blocking(__key, move || {
                #[allow(unknown_lints, clippy::redundant_closure_call)]
                ::core::result::Result::<_, #error>::Ok((move || -> #returned #block)())
            });
            #never
        },
        (true, fallible) => {
            let hint = return_hint(&sig.output);
            let body = quote!(async move { #hint #block });
            if fallible {
                quote!(__cache.try_get_or_load(__key, move || #body).await)
            } else {
                quote! {
                    let __load = move || async move { ::core::result::Result::<_, #error>::Ok(#body.await) };
                    let __answer = __cache.try_get_or_load(__key, __load).await;
                    #never
                }
            }
        }
    }
}

fn check(sig: &Signature) -> Result<()> {
    if let Some(token) = sig.constness {
        return Err(Error::new_spanned(token, "a `const fn` has no cache to look into"));
    }
    let generic = |param: &&GenericParam| !matches!(param, GenericParam::Lifetime(_));
    if let Some(param) = sig.generics.params.iter().find(generic) {
        let message = "one function has one cache, so its types must be known: wrap this call in functions without \
                       generic parameters";
        return Err(Error::new_spanned(param, message));
    }
    for (ty, what) in
        sig.inputs.iter().filter_map(argument_type).map(|ty| (ty, "an argument")).chain(
            if let ReturnType::Type(_, ty) = &sig.output { Some((&**ty, "what is kept")) } else { None },
        )
    {
        if matches!(ty, Type::ImplTrait(_)) {
            return Err(Error::new_spanned(ty, format!("{what} must have a type with a name")));
        }
    }
    Ok(())
}

fn argument_type(argument: &FnArg) -> Option<&Type> {
    match argument {
        FnArg::Typed(argument) => Some(&argument.ty),
        FnArg::Receiver(_) => None,
    }
}

/// A key of all arguments, each its owned form.
fn all_arguments(sig: &Signature) -> Result<TokenStream> {
    let mut parts = Vec::new();
    for argument in &sig.inputs {
        let argument = match argument {
            FnArg::Typed(argument) => argument,
            FnArg::Receiver(this) => {
                let message = "say what of `self` and the arguments tells one result from another: \
                               `#[memoize(key = (self.id, name.to_owned()))]`";
                return Err(Error::new_spanned(this, message));
            }
        };
        let Some(name) = name_of(&argument.pat) else {
            let message = "give the argument a name, or say `#[memoize(key = …)]`";
            return Err(Error::new_spanned(&argument.pat, message));
        };
        parts.push(match &*argument.ty {
            Type::Reference(reference) if reference.mutability.is_some() => {
                let message =
                    "what a function changes is not kept: take it by value, or say `#[memoize(key = …)]`";
                return Err(Error::new_spanned(reference, message));
            }
            Type::Reference(_) => quote!(::std::borrow::ToOwned::to_owned(#name)),
            _ => quote!(::core::clone::Clone::clone(&#name)),
        });
    }
    Ok(match &parts[..] {
        [one] => one.clone(),
        _ => quote!((#(#parts,)*)),
    })
}

pub(crate) fn name_of(pattern: &Pat) -> Option<&Ident> {
    match pattern {
        Pat::Ident(pattern) if pattern.subpat.is_none() => Some(&pattern.ident),
        _ => None,
    }
}

/// The first type of what is written as a `Result`.
fn ok_of(returned: &Type) -> Option<Type> {
    let Type::Path(path) = returned else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    })
}
