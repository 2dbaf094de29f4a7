//! `#[derive(Weigh)]`.

use crate::paths;
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{
    Attribute, Data, DeriveInput, Error, Field, Fields, Index, Member, Path, Result, Variant, parse_quote,
    spanned::Spanned,
};

/// How a field is weighed.
enum How {
    Weigh,
    Skip,
    With(Path),
}

impl How {
    fn read(field: &Field) -> Result<Self> {
        let mut how = Self::Weigh;
        for attribute in of_ours(&field.attrs) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("skip") {
                    how = Self::Skip;
                } else if meta.path.is_ident("with") {
                    how = Self::With(meta.value()?.parse()?);
                } else {
                    return Err(meta.error("unknown here: above a field stand `skip` and `with = function`"));
                }
                Ok(())
            })?;
        }
        Ok(how)
    }
}

fn of_ours(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("weigh"))
}

pub(crate) fn derive(input: DeriveInput) -> Result<TokenStream> {
    let mut krate = None;
    for attribute in of_ours(&input.attrs) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("unknown here: above a type stands `crate = path`"));
            }
            krate = Some(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    let krate = paths::smart_cache(krate);
    let (name, mut generics) = (input.ident, input.generics);
    for param in generics.type_params_mut() {
        param.bounds.push(parse_quote!(#krate::Weigh));
    }
    let arms = match &input.data {
        Data::Struct(data) => vec![arm(&quote!(Self), &data.fields, &krate)?],
        Data::Enum(data) => {
            let of_variant =
                |Variant { ident, fields, .. }: &Variant| arm(&quote!(Self::#ident), fields, &krate);
            data.variants.iter().map(of_variant).collect::<Result<_>>()?
        }
        Data::Union(data) => {
            return Err(Error::new(
                data.union_token.span,
                "a union does not tell which of its fields is there",
            ));
        }
    };
    let body = if arms.is_empty() { quote!(match *self {}) } else { quote!(match self { #(#arms)* }) };
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        #[allow(unused_qualifications)]
        impl #impl_generics #krate::Weigh for #name #type_generics #where_clause {
            fn heap_size(&self) -> usize {
                #body
            }
        }
    })
}

/// `Self::Variant { 0: __field0, .. } => 0 + …,`
fn arm(path: &TokenStream, fields: &Fields, krate: &Path) -> Result<TokenStream> {
    let (mut bindings, mut sum) = (Vec::new(), quote!(0));
    for (nth, field) in fields.iter().enumerate() {
        let member = field.ident.clone().map_or_else(|| Member::Unnamed(Index::from(nth)), Member::Named);
        let (binding, ty) = (format_ident!("__field{nth}"), &field.ty);
        let weight = match How::read(field)? {
            How::Skip => continue,
            How::Weigh => quote_spanned!(ty.span()=> <#ty as #krate::Weigh>::heap_size(#binding)),
            How::With(function) => quote_spanned!(function.span()=> #function(#binding)),
        };
        bindings.push(quote!(#member: #binding,));
        sum = quote!(#sum + #weight);
    }
    Ok(quote!(#path { #(#bindings)* .. } => #sum,))
}
