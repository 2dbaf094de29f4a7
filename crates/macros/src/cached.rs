//! `#[cached]`.

use crate::{duration::duration, memoize::name_of, paths};
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{
    Error, Expr, ExprLit, FnArg, GenericArgument, Ident, ItemFn, Lit, Pat, PatIdent, PatType, Path,
    PathArguments, PathSegment, Receiver, ReceiverKind, Result, ReturnType, Signature, Type, TypeReference,
    meta::ParseNestedMeta, parse::Parser, parse_quote,
};

#[derive(Default)]
struct Settings {
    krate: Option<Path>,
    cache: Option<Expr>,
    key: Option<Expr>,
    ttl: Option<Expr>,
    tags: Option<Expr>,
}

const KNOWN: &str = "unknown: there are `cache = expression`, `key = expression`, `ttl = \"60s\"`, \
    `tags = [expression, …]` and `crate = path`";

impl Settings {
    fn read(arguments: TokenStream) -> Result<Self> {
        let mut settings = Self::default();
        syn::meta::parser(|meta| settings.set(&meta)).parse2(arguments)?;
        Ok(settings)
    }

    fn set(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let is = |name| meta.path.is_ident(name);
        if is("cache") {
            self.cache = Some(meta.value()?.parse()?);
        } else if is("key") {
            self.key = Some(meta.value()?.parse()?);
        } else if is("ttl") {
            self.ttl = Some(span(meta.value()?.parse()?)?);
        } else if is("tags") {
            self.tags = Some(meta.value()?.parse()?);
        } else if is("crate") {
            self.krate = Some(meta.value()?.parse()?);
        } else {
            return Err(meta.error(KNOWN));
        }
        Ok(())
    }

    /// What is brought, on its own terms.
    fn terms(&self) -> Option<TokenStream> {
        if self.ttl.is_none() && self.tags.is_none() {
            return None;
        }
        let krate = paths::redis_cache(self.krate.clone());
        let ttl = self.ttl.as_ref().map(|_| quote!(.ttl(__ttl)));
        let tags = self.tags.as_ref().map(|_| quote!(.tags(__tags)));
        Some(quote!(.map(|__value| #krate::Loaded::new(__value) #ttl #tags)))
    }
}

/// A duration as text, or any expression of one.
fn span(given: Expr) -> Result<Expr> {
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &given else { return Ok(given) };
    let millis = u64::try_from(duration(text)?.as_millis()).unwrap_or(u64::MAX);
    Ok(parse_quote!(::core::time::Duration::from_millis(#millis)))
}

pub(crate) fn expand(arguments: TokenStream, function: TokenStream) -> Result<TokenStream> {
    let settings = Settings::read(arguments)?;
    let function: ItemFn = syn::parse2(function).map_err(|error| {
        Error::new(error.span(), format!("`#[cached]` stands above an `async fn`: {error}"))
    })?;
    let sig = &function.sig;
    if sig.asyncness.is_none() {
        let message = "must be an `async fn`, since it asks a server; for others there is `#[memoize]`";
        return Err(Error::new_spanned(sig.fn_token, message));
    }
    let Some(cache) = &settings.cache else {
        let message = "say where it is kept: `#[cached(cache = products)]`";
        return Err(Error::new_spanned(&sig.ident, message));
    };
    let returned = Returned::of(sig)?;
    let (this, arguments) = Argument::all(sig)?;
    // An argument that is taken by value goes into the body.
    let goes = arguments.iter().any(|argument| argument.referred.is_none() && is_name(cache, argument.name));
    let cache = if goes { quote!(::core::clone::Clone::clone(&#cache)) } else { cache.to_token_stream() };
    let key = match &settings.key {
        Some(key) => key.to_token_stream(),
        None => key_of(this, &arguments)?,
    };
    let body_name = match this {
        Some(_) => format_ident!("__{}_uncached", sig.ident),
        None => format_ident!("__body"),
    };
    let body = body(&function, &body_name, &returned);
    let (inside, beside) = if this.is_some() { (None, Some(body)) } else { (Some(body), None) };
    let own_this = this.map(own_receiver).transpose()?;
    let own = arguments.iter().filter_map(Argument::own);
    let load = load(&settings, this, &arguments, &body_name);
    let get = if returned.may_be_absent { quote!(get_or_find) } else { quote!(get_or_load) };
    let error = (!returned.tells_of_load).then(|| quote!(.map_err(::core::convert::From::from)));
    let ItemFn { attrs, vis, .. } = &function;
    let mut sig = sig.clone();
    sig.inputs.iter_mut().for_each(without_mut);
    Ok(quote! {
        #(#attrs)*
        #vis #sig {
            #inside
            let __cache = &#cache;
            let __key = #key;
            #own_this
            #(#own)*
            let __load = #load;
            __cache.#get(::core::borrow::Borrow::borrow(&__key), __load).await #error
        }

        #beside
    })
}

/// The function as it was written, under a name of its own.
fn body(function: &ItemFn, name: &Ident, returned: &Returned) -> TokenStream {
    let ItemFn { attrs, sig, block, .. } = function;
    let lints = attrs.iter().filter(|attr| !attr.path().is_ident("doc"));
    let sig = Signature { ident: name.clone(), output: returned.of_body.clone(), ..sig.clone() };
    quote!(#(#lints)* #sig #block)
}

/// Runs the body with what it owns, and says on which terms its value is kept.
fn load(
    settings: &Settings,
    this: Option<&Receiver>,
    arguments: &[Argument<'_>],
    body: &Ident,
) -> TokenStream {
    let lend = arguments.iter().filter_map(Argument::lend);
    let names = arguments.iter().map(|argument| argument.name);
    let call = match this {
        Some(_) => quote!(__this.#body(#(#names),*)),
        None => quote!(#body(#(#names),*)),
    };
    let ttl = settings.ttl.as_ref().map(|ttl| quote!(let __ttl = #ttl;));
    let tags = settings.tags.as_ref().map(|tags| quote!(let __tags = #tags;));
    let terms = settings.terms();
    quote! {
        move || async move {
            #(#lend)*
            #ttl
            #tags
            #call.await #terms
        }
    }
}

/// What a function gives to its callers, and what its body does.
struct Returned {
    of_body: ReturnType,
    /// Callers are told whether the load failed or the cache.
    tells_of_load: bool,
    may_be_absent: bool,
}

impl Returned {
    fn of(sig: &Signature) -> Result<Self> {
        let refuse = || {
            let message = "must return `Result<V, LoadError<E>>`, where its body returns `Result<V, E>`; or `Result<V, E>` \
                           of an `E` that is made of a `LoadError<E>`";
            match &sig.output {
                ReturnType::Default => Error::new_spanned(&sig.ident, message),
                ReturnType::Type(_, ty) => Error::new_spanned(ty, message),
            }
        };
        let ReturnType::Type(_, ty) = &sig.output else { return Err(refuse()) };
        let types = last_of(ty).filter(|last| last.ident == "Result").map(types_of).unwrap_or_default();
        let Some(value) = types.first() else { return Err(refuse()) };
        let may_be_absent = last_of(value).is_some_and(|last| last.ident == "Option");
        let load_error =
            types.get(1).and_then(|error| last_of(error)).filter(|last| last.ident == "LoadError");
        let Some(load_error) = load_error else {
            return Ok(Self { of_body: sig.output.clone(), tells_of_load: false, may_be_absent });
        };
        let errors = types_of(load_error);
        let error = errors.first().ok_or_else(refuse)?;
        let of_body = parse_quote!(-> ::core::result::Result<#value, #error>);
        Ok(Self { of_body, tells_of_load: true, may_be_absent })
    }
}

fn last_of(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

fn types_of(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return Vec::new() };
    arguments
        .args
        .iter()
        .filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        })
        .collect()
}

struct Argument<'a> {
    name: &'a Ident,
    /// What it refers to, where it is a reference.
    referred: Option<&'a Type>,
}

impl<'a> Argument<'a> {
    fn all(sig: &'a Signature) -> Result<(Option<&'a Receiver>, Vec<Self>)> {
        let (mut this, mut arguments) = (None, Vec::new());
        for argument in &sig.inputs {
            match argument {
                FnArg::Receiver(receiver) => this = Some(receiver),
                FnArg::Typed(argument) => arguments.push(Self::of(argument)?),
            }
        }
        Ok((this, arguments))
    }

    fn of(argument: &'a PatType) -> Result<Self> {
        let Some(name) = name_of(&argument.pat) else {
            return Err(Error::new_spanned(&argument.pat, "give the argument a name"));
        };
        let referred = match &*argument.ty {
            Type::Reference(TypeReference { mutability: Some(_), .. }) => {
                let message = "what a function changes is not kept: take it by value";
                return Err(Error::new_spanned(&argument.ty, message));
            }
            Type::Reference(reference) => Some(&*reference.elem),
            _ => None,
        };
        Ok(Self { name, referred })
    }

    /// The load outlives its callers, so it takes nothing from them by reference.
    fn own(&self) -> Option<TokenStream> {
        let name = self.name;
        let owned = format_ident!("__{name}");
        self.referred.map(|_| quote!(let #owned = ::std::borrow::ToOwned::to_owned(#name);))
    }

    fn lend(&self) -> Option<TokenStream> {
        let name = self.name;
        let owned = format_ident!("__{name}");
        self.referred.map(|ty| quote!(let #name: &#ty = ::core::borrow::Borrow::borrow(&#owned);))
    }
}

fn own_receiver(this: &Receiver) -> Result<TokenStream> {
    let (by_reference, changes) = match &this.kind {
        ReceiverKind::Reference(_, _, mutability) => (true, mutability.is_some()),
        ReceiverKind::Typed(_, ty) => match &**ty {
            Type::Reference(reference) => (true, reference.mutability.is_some()),
            _ => (false, false),
        },
        _ => (false, false),
    };
    if changes {
        let message = "the body may run for other callers too, so it cannot change `self`: take `&self`";
        return Err(Error::new_spanned(this, message));
    }
    let this = if by_reference { quote!(self) } else { quote!(&self) };
    Ok(quote!(let __this = ::core::clone::Clone::clone(#this);))
}

/// The only argument as it is, or all of them, each in its owned form.
fn key_of(this: Option<&Receiver>, arguments: &[Argument<'_>]) -> Result<TokenStream> {
    if let Some(this) = this {
        let message =
            "say what of `self` and the arguments tells one result from another: `#[cached(key = id, …)]`";
        return Err(Error::new_spanned(this, message));
    }
    if let [Argument { name, referred: Some(_) }] = arguments {
        return Ok(name.to_token_stream());
    }
    let parts = arguments.iter().map(|Argument { name, referred }| match referred {
        Some(_) => quote!(::std::borrow::ToOwned::to_owned(#name)),
        None => quote!(::core::clone::Clone::clone(&#name)),
    });
    Ok(if arguments.len() == 1 { quote!(#(#parts)*) } else { quote!((#(#parts,)*)) })
}

fn is_name(expression: &Expr, name: &Ident) -> bool {
    matches!(expression, Expr::Path(path) if path.path.is_ident(name))
}

/// It is the body that changes an argument.
fn without_mut(argument: &mut FnArg) {
    if let FnArg::Typed(PatType { pat, .. }) = argument
        && let Pat::Ident(PatIdent { mutability, .. }) = &mut **pat
    {
        *mutability = None;
    }
}
