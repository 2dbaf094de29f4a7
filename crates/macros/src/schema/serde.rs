//! What `#[serde(…)]` says, as far as the bytes of binary codecs depend on it.

use quote::ToTokens;
use syn::{Attribute, Error, LitStr, Meta, Result, Token, Type, punctuated::Punctuated, spanned::Spanned};

/// What serde is told of a type, a variant or a field.
#[derive(Default)]
pub(super) struct Told {
    /// All of it, for the hash.
    pub(super) words: Vec<String>,
    /// The field is neither written nor read.
    pub(super) skipped: bool,
    /// A function writes it or reads it.
    pub(super) by_function: bool,
    /// The type that is written in place of the whole.
    pub(super) stands_for: Option<Type>,
}

const TAGGED: &str = "binary codecs write no names: an enum with `tag` or `untagged` needs the codec `Json`";

impl Told {
    pub(super) fn container(attributes: &[Attribute]) -> Result<Self> {
        let metas = metas(attributes)?;
        refuse(&metas, &["tag", "untagged", "content"], TAGGED)?;
        let mut told = Self { words: words(&metas), ..Self::default() };
        let into = named_type(&metas, &["into"])?;
        let from = named_type(&metas, &["from", "try_from"])?;
        told.stands_for = match (into, from) {
            (None, None) => None,
            (Some(into), Some(from)) if text(&into) == text(&from) => Some(into),
            (Some(one), _) | (None, Some(one)) => {
                let message = "is to be the same in `into` and in `from` or `try_from`: binary codecs read what they wrote";
                return Err(Error::new(one.span(), message));
            }
        };
        Ok(told)
    }

    pub(super) fn variant(attributes: &[Attribute]) -> Result<Self> {
        let metas = metas(attributes)?;
        refuse(&metas, &["untagged"], TAGGED)?;
        let message = "binary codecs number the variants: one that is left out shifts those after it";
        refuse(&metas, &["skip", "skip_serializing", "skip_deserializing"], message)?;
        let message = "variants have no functions here: put them above a field, or use the codec `Json`";
        refuse(&metas, &["with", "serialize_with", "deserialize_with"], message)?;
        Ok(Self { words: words(&metas), ..Self::default() })
    }

    pub(super) fn field(attributes: &[Attribute]) -> Result<Self> {
        let metas = metas(attributes)?;
        refuse(&metas, &["flatten"], "binary codecs write no names: `flatten` needs the codec `Json`")?;
        let message =
            "binary codecs read what stands next: a field that is sometimes left out needs the codec `Json`";
        refuse(&metas, &["skip_serializing_if"], message)?;
        let has = |name: &str| metas.iter().any(|meta| meta.path().is_ident(name));
        let skipped = match (has("skip"), has("skip_serializing"), has("skip_deserializing")) {
            (true, ..) | (false, true, true) => true,
            (false, false, false) => false,
            _ => {
                let message = "binary codecs read what they wrote: left out in one direction only, it needs the codec `Json`";
                refuse(&metas, &["skip_serializing", "skip_deserializing"], message)?;
                false
            }
        };
        let by_function = has("with") || has("serialize_with") || has("deserialize_with");
        Ok(Self { words: words(&metas), skipped, by_function, stands_for: None })
    }
}

fn metas(attributes: &[Attribute]) -> Result<Vec<Meta>> {
    let mut metas = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        metas.extend(attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)?);
    }
    Ok(metas)
}

fn refuse(metas: &[Meta], names: &[&str], why: &str) -> Result<()> {
    match metas.iter().find(|meta| names.iter().any(|name| meta.path().is_ident(name))) {
        Some(meta) => Err(Error::new(meta.path().span(), why)),
        None => Ok(()),
    }
}

fn named_type(metas: &[Meta], names: &[&str]) -> Result<Option<Type>> {
    for meta in metas {
        if let Meta::NameValue(pair) = meta
            && names.iter().any(|name| pair.path.is_ident(name))
        {
            let literal: LitStr = syn::parse2(pair.value.to_token_stream())?;
            return literal.parse().map(Some);
        }
    }
    Ok(None)
}

fn words(metas: &[Meta]) -> Vec<String> {
    metas.iter().map(text).collect()
}

/// Without the spaces, which are the compiler's choice.
pub(super) fn text(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string().split_whitespace().collect()
}
