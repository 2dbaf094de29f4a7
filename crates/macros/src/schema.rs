//! `#[derive(Schema)]`.

mod serde;

use crate::paths;
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use serde::Told;
use syn::{
    Attribute, Data, DeriveInput, Error, Field, Fields, LitInt, Path, Result, Variant, ext::IdentExt,
    parse_quote, spanned::Spanned,
};

pub(crate) fn derive(input: DeriveInput) -> Result<TokenStream> {
    let own = Own::read(&input.attrs, "`version = 2` and `crate = path`")?;
    let krate = paths::redis_cache(own.krate);
    let told = Told::container(&input.attrs)?;
    let (name, mut generics) = (input.ident, input.generics);
    for param in generics.type_params_mut() {
        param.bounds.push(parse_quote!(#krate::Schema));
    }
    let outlives: Vec<_> = generics.lifetimes().map(|param| param.lifetime.clone()).collect();
    for lifetime in outlives {
        generics.make_where_clause().predicates.push(parse_quote!(#lifetime: 'static));
    }
    let mut words = vec![name.unraw().to_string()];
    words.extend(own.version.map(|version| format!("version {version}")));
    words.extend(told.words);
    let parts = match (told.stands_for, &input.data) {
        (Some(ty), _) => described(&ty, &krate),
        (None, Data::Struct(data)) => {
            let fields = fields(&data.fields, &krate)?;
            quote!(to.word("struct"); #fields)
        }
        (None, Data::Enum(data)) => {
            let variants = data.variants.iter().map(|of| variant(of, &krate)).collect::<Result<Vec<_>>>()?;
            quote!(to.word("enum"); #(#variants)* to.word("end");)
        }
        (None, Data::Union(data)) => {
            let message = "a union does not tell which of its fields is there";
            return Err(Error::new(data.union_token.span, message));
        }
    };
    // A field that serde treats by other code may not tell them.
    let types = generics.type_params().map(|param| {
        let name = &param.ident;
        quote!(<#name as #krate::Schema>::describe(to);)
    });
    let consts = generics.const_params().map(|param| {
        let name = &param.ident;
        quote!(to.word(&::std::string::ToString::to_string(&#name));)
    });
    let parameters: Vec<_> = types.chain(consts).collect();
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        #[allow(unused_qualifications)]
        impl #impl_generics #krate::Schema for #name #type_generics #where_clause {
            fn describe(to: &mut #krate::SchemaWriter) {
                to.once::<Self>(|to| {
                    #(to.word(#words);)*
                    #(#parameters)*
                    #parts
                });
            }
        }
    })
}

fn variant(Variant { ident, fields: of, attrs, .. }: &Variant, krate: &Path) -> Result<TokenStream> {
    let (name, told) = (ident.unraw().to_string(), Told::variant(attrs)?);
    Own::none(attrs, "variant")?;
    let (words, fields) = (told.words, fields(of, krate)?);
    Ok(quote!(to.word("variant"); to.word(#name); #(to.word(#words);)* #fields))
}

fn fields(fields: &Fields, krate: &Path) -> Result<TokenStream> {
    let shape = match fields {
        Fields::Named(_) => "named",
        Fields::Unnamed(_) => "unnamed",
        Fields::Unit => "unit",
    };
    let fields = fields.iter().map(|of| field(of, krate)).collect::<Result<Vec<_>>>()?;
    Ok(quote!(to.word(#shape); #(#fields)* to.word("end");))
}

fn field(field: &Field, krate: &Path) -> Result<TokenStream> {
    let told = Told::field(&field.attrs)?;
    let own = Own::read(&field.attrs, "`version = 1`")?;
    if let Some(path) = own.krate {
        return Err(Error::new_spanned(path, "stands above a type"));
    }
    let name = field.ident.as_ref().map(|name| name.unraw().to_string()).unwrap_or_default();
    let (words, text) = (told.words, serde::text(&field.ty));
    let ty = match (told.skipped, own.version) {
        (true, _) => TokenStream::new(),
        (false, Some(version)) => {
            let version = format!("version {version}");
            quote!(to.word(#text); to.word(#version);)
        }
        // A function writes it in its own way.
        (false, None) if told.by_function => quote!(to.word(#text);),
        (false, None) => described(&field.ty, krate),
    };
    Ok(quote!(to.word("field"); to.word(#name); #(to.word(#words);)* #ty))
}

fn described(ty: &syn::Type, krate: &Path) -> TokenStream {
    // Where a macro wrote the type, `to` is still ours.
    let span = ty.span().resolved_at(Span::call_site());
    quote_spanned!(span=> <#ty as #krate::Schema>::describe(to);)
}

/// `#[schema(…)]`.
#[derive(Default)]
struct Own {
    version: Option<u64>,
    krate: Option<Path>,
}

impl Own {
    fn read(attributes: &[Attribute], known: &str) -> Result<Self> {
        let mut own = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("schema")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("version") {
                    own.version = Some(meta.value()?.parse::<LitInt>()?.base10_parse()?);
                } else if meta.path.is_ident("crate") {
                    own.krate = Some(meta.value()?.parse()?);
                } else {
                    return Err(meta.error(format!("unknown here: there is {known}")));
                }
                Ok(())
            })?;
        }
        Ok(own)
    }

    fn none(attributes: &[Attribute], place: &str) -> Result<()> {
        match attributes.iter().find(|attribute| attribute.path().is_ident("schema")) {
            Some(attribute) => Err(Error::new_spanned(attribute, format!("says nothing above a {place}"))),
            None => Ok(()),
        }
    }
}
