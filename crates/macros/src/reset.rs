//! `#[derive(Reset)]`.

use crate::paths;
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Attribute, Data, DeriveInput, Error, Expr, Field, Fields, Generics, Index, Member, Path, Result, Type,
    WherePredicate, parse_quote, spanned::Spanned,
};

pub(crate) fn derive(input: DeriveInput) -> Result<TokenStream> {
    let container = Container::read(&input.attrs)?;
    let krate = paths::mem_pool(container.krate);
    let (name, mut generics) = (input.ident, input.generics);
    let body = match (&input.data, container.default) {
        (Data::Struct(_) | Data::Enum(_), true) => {
            refuse_field_attributes(&input.data)?;
            let depends = generics.type_params().next().is_some();
            let bound: Option<WherePredicate> = depends.then(|| parse_quote!(Self: ::core::default::Default));
            generics.make_where_clause().predicates.extend(bound);
            quote! {
                *self = ::core::default::Default::default();
                true
            }
        }
        (Data::Struct(data), false) => fields(&data.fields, &mut generics, &krate)?,
        (Data::Enum(data), false) => {
            let message = "an enum has no reset of its own: add `#[reset(default)]` above it and derive `Default`, or \
                           implement `Reset` by hand";
            return Err(Error::new(data.enum_token.span, message));
        }
        (Data::Union(data), _) => {
            return Err(Error::new(data.union_token.span, "a union cannot be reset field by field"));
        }
    };
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        #[allow(unused_qualifications)]
        impl #impl_generics #krate::Reset for #name #type_generics #where_clause {
            fn reset(&mut self) -> bool {
                #body
            }
        }
    })
}

/// What stands above the type.
#[derive(Default)]
struct Container {
    krate: Option<Path>,
    default: bool,
}

impl Container {
    fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut container = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("reset")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("crate") {
                    container.krate = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("default") {
                    container.default = true;
                } else {
                    return Err(meta.error("unknown here: above a type stand `default` and `crate = path`"));
                }
                Ok(())
            })?;
        }
        Ok(container)
    }
}

/// How one field is made as good as new.
enum How {
    Reset,
    Skip,
    Default,
    Clear,
    Value(Expr),
    With(Expr),
}

struct Rule {
    how: How,
    max_capacity: Option<Expr>,
}

impl Rule {
    fn read(field: &Field) -> Result<Self> {
        let (mut how, mut max_capacity): (Option<How>, _) = (None, None);
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("reset")) {
            attribute.parse_nested_meta(|meta| {
                let named = |name| meta.path.is_ident(name);
                let this = if named("skip") {
                    How::Skip
                } else if named("default") {
                    How::Default
                } else if named("clear") {
                    How::Clear
                } else if named("value") {
                    How::Value(meta.value()?.parse()?)
                } else if named("with") {
                    How::With(meta.value()?.parse()?)
                } else if named("max_capacity") {
                    max_capacity = Some(meta.value()?.parse()?);
                    return Ok(());
                } else {
                    let known = "`skip`, `default`, `clear`, `value = …`, `with = …` and `max_capacity = …`";
                    return Err(meta.error(format!("unknown: a field is reset by {known}")));
                };
                match how.replace(this) {
                    None => Ok(()),
                    Some(_) => Err(meta.error("a field is reset in one way only")),
                }
            })?;
        }
        Ok(Self { how: how.unwrap_or(How::Reset), max_capacity })
    }
}

fn fields(fields: &Fields, generics: &mut Generics, krate: &Path) -> Result<TokenStream> {
    let mut steps = TokenStream::new();
    for (index, field) in fields.iter().enumerate() {
        let rule = Rule::read(field)?;
        let member = match &field.ident {
            Some(name) => Member::Named(name.clone()),
            None => Member::Unnamed(Index {
                index: u32::try_from(index).unwrap_or(u32::MAX),
                span: Span::call_site(),
            }),
        };
        let (ty, span) = (&field.ty, field.ty.span());
        let bound: Option<Path> = match rule.how {
            How::Reset => Some(parse_quote!(#krate::Reset)),
            How::Default => Some(parse_quote!(::core::default::Default)),
            _ => None,
        };
        if let Some(bound) = bound
            && depends_on(ty, generics)
        {
            generics.make_where_clause().predicates.push(parse_quote!(#ty: #bound));
        }
        steps.extend(match rule.how {
            How::Reset => quote_spanned!(span=> keep &= #krate::Reset::reset(&mut self.#member);),
            How::Default => quote_spanned!(span=> self.#member = ::core::default::Default::default();),
            How::Clear => quote_spanned!(span=> self.#member.clear();),
            How::Value(value) => quote_spanned!(value.span()=> self.#member = #value;),
            How::With(with) => quote_spanned!(with.span()=> keep &= (#with)(&mut self.#member);),
            How::Skip => TokenStream::new(),
        });
        steps.extend(
            rule.max_capacity
                .map(|most| quote_spanned!(most.span()=> keep &= self.#member.capacity() <= #most;)),
        );
    }
    // Every field, also after one that says no: an object may be looked at once more when it is dropped.
    Ok(quote! {
        #[allow(unused_mut)]
        let mut keep = true;
        #steps
        keep
    })
}

fn depends_on(ty: &Type, generics: &Generics) -> bool {
    fn mentions(tokens: TokenStream, generics: &Generics) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Group(group) => mentions(group.stream(), generics),
            TokenTree::Ident(ident) => generics.type_params().any(|param| param.ident == ident),
            _ => false,
        })
    }
    mentions(ty.to_token_stream(), generics)
}

/// Under a `default` for the whole, a rule for a field would not be heard.
fn refuse_field_attributes(data: &Data) -> Result<()> {
    let fields: Vec<&Field> = match data {
        Data::Struct(data) => data.fields.iter().collect(),
        Data::Enum(data) => data.variants.iter().flat_map(|variant| &variant.fields).collect(),
        Data::Union(_) => Vec::new(),
    };
    let attributes = fields.iter().flat_map(|field| &field.attrs);
    match attributes.into_iter().find(|attribute| attribute.path().is_ident("reset")) {
        Some(attribute) => {
            Err(Error::new_spanned(attribute, "`#[reset(default)]` above the type resets all fields"))
        }
        None => Ok(()),
    }
}
