//! `#[track_memory]`.

use crate::{
    hint::{mentions, return_hint},
    paths,
};
use perfect21_core::Bytes;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, ItemFn, LitStr, Path, Result, ReturnType, meta::ParseNestedMeta, parse::Parser};

/// The guide's: more than ten megabytes of growth warn.
const DEFAULT_OVER: Bytes = Bytes::new(10_000_000);

pub(crate) struct Settings {
    krate: Option<Path>,
    name: Option<LitStr>,
    over: Bytes,
}

impl Settings {
    fn read(arguments: TokenStream) -> Result<Self> {
        let mut settings = Self { krate: None, name: None, over: DEFAULT_OVER };
        syn::meta::parser(|meta| settings.set(&meta)).parse2(arguments)?;
        Ok(settings)
    }

    fn set(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("over") {
            let over: LitStr = meta.value()?.parse()?;
            self.over = over.value().parse().map_err(|error| Error::new_spanned(over, error))?;
        } else if meta.path.is_ident("name") {
            self.name = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("crate") {
            self.krate = Some(meta.value()?.parse()?);
        } else {
            return Err(meta.error("unknown: there are `over = \"10MB\"`, `name = \"…\"` and `crate = path`"));
        }
        Ok(())
    }
}

pub(crate) fn expand(arguments: TokenStream, function: TokenStream) -> Result<TokenStream> {
    let settings = Settings::read(arguments)?;
    let ItemFn { attrs, vis, sig, block, .. } = syn::parse2(function).map_err(|error| {
        Error::new(error.span(), format!("`#[track_memory]` stands above a function: {error}"))
    })?;
    if let Some(token) = sig.constness {
        return Err(Error::new_spanned(token, "a `const fn` may run where there is no allocator to count"));
    }
    if sig.asyncness.is_none()
        && let ReturnType::Type(_, ty) = &sig.output
        && mentions(ty.to_token_stream(), "Future")
    {
        let message = "only making the future would be counted: write an `async fn`, or call `Alarm::track_async` inside";
        return Err(Error::new_spanned(ty, message));
    }
    let krate = paths::mem_pool(settings.krate);
    let name = match settings.name {
        Some(name) => quote!(#name),
        None => {
            let name = sig.ident.to_string();
            quote!(::core::concat!(::core::module_path!(), "::", #name))
        }
    };
    let over = settings.over.get();
    let body = match sig.asyncness {
        None => quote! {
            let __guard = __ALARM.enter();
            #block
        },
        Some(_) => {
            let hint = return_hint(&sig.output);
            quote!(__ALARM.track_async(async move { #hint #block }).await)
        }
    };
    Ok(quote! {
        #(#attrs)*
        #vis #sig {
            #[allow(unused_qualifications)]
            static __ALARM: #krate::track::Alarm =
                #krate::track::Alarm::new(#name, #krate::track::Bytes::new(#over));
            #body
        }
    })
}
