//! What the compiler has to be told of a body that moved into an async block.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::{ReturnType, spanned::Spanned};

/// An async block has no return type to write down; a `return` that is never reached tells the compiler, so that `?`
/// and coercions work as they do in the function.
pub(crate) fn return_hint(output: &ReturnType) -> TokenStream {
    match output {
        // A type that nobody can name.
        ReturnType::Type(_, ty) if mentions(ty.to_token_stream(), "impl") => TokenStream::new(),
        ReturnType::Type(_, ty) if matches!(**ty, syn::Type::Never(_)) => TokenStream::new(),
        ReturnType::Default => TokenStream::new(),
        ReturnType::Type(_, ty) => quote_spanned! {ty.span()=>
            #[allow(unknown_lints, unreachable_code, clippy::diverging_sub_expression, clippy::needless_return,
                    clippy::empty_loop, clippy::let_unit_value, clippy::unreachable)]
            if false {
                let __never: #ty = loop {};
                return __never;
            }
        },
    }
}

pub(crate) fn mentions(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => mentions(group.stream(), word),
        TokenTree::Ident(ident) => ident == word,
        _ => false,
    })
}
