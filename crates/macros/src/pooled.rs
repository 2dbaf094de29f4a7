//! `#[derive(Pooled)]`.

use crate::paths;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Attribute, DeriveInput, Error, Expr, Path, Result, parse_quote, spanned::Spanned};

pub(crate) fn derive(input: &DeriveInput) -> Result<TokenStream> {
    let settings = Settings::read(&input.attrs)?;
    if !input.generics.params.is_empty() {
        let message = "a generic type has no pool of its own: a `static` serves one type; put a `Pool` in a static for \
                       each type that you use";
        return Err(Error::new_spanned(&input.generics, message));
    }
    let krate = paths::mem_pool(settings.krate);
    let (name, visibility) = (&input.ident, &input.vis);
    let create: Expr =
        settings.create.unwrap_or_else(|| parse_quote!(<#name as ::core::default::Default>::default));
    let pool = quote_spanned!(create.span()=> #krate::Pool::new_const(#create));
    let about_pool = format!("The pool of every [`{name}::pooled`].");
    let about_pooled =
        format!("Takes a `{name}` from the pool, or makes one; it goes back when the guard drops.");
    Ok(quote! {
        #[automatically_derived]
        #[allow(unused_qualifications)]
        impl #name {
            #[doc = #about_pool]
            #[allow(dead_code)]
            #visibility fn pool() -> &'static #krate::Pool<#name> {
                static POOL: #krate::Pool<#name> = #pool;
                &POOL
            }

            #[doc = #about_pooled]
            #[allow(dead_code)]
            #visibility fn pooled() -> #krate::Pooled<'static, #name> {
                Self::pool().get()
            }
        }
    })
}

#[derive(Default)]
struct Settings {
    krate: Option<Path>,
    create: Option<Expr>,
}

impl Settings {
    fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut settings = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("pooled")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("crate") {
                    settings.krate = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("create") {
                    settings.create = Some(meta.value()?.parse()?);
                } else {
                    return Err(meta.error("unknown: there are `create = path` and `crate = path`"));
                }
                Ok(())
            })?;
        }
        Ok(settings)
    }
}
