use std::fmt;

/// Sizes of types, as [`size_report!`](crate::size_report!) takes them; prints as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SizeReport {
    /// In the order of the list.
    pub types: Vec<TypeSize>,
}

impl SizeReport {
    /// Puts types together.
    #[must_use]
    pub fn new(types: impl IntoIterator<Item = TypeSize>) -> Self {
        Self { types: types.into_iter().collect() }
    }
}

/// How much room a type takes, without what it owns on the heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypeSize {
    /// As it was written.
    pub name: &'static str,
    /// Bytes, padding included.
    pub size: usize,
    /// Its addresses are multiples of this.
    pub align: usize,
    /// Bytes of an `Option` of it.
    pub option_size: usize,
    /// Bytes that no field uses; `None` where the fields were not listed.
    pub padding: Option<usize>,
}

impl TypeSize {
    /// Measures a type.
    ///
    /// ```
    /// use perfect21_mem_pool::TypeSize;
    ///
    /// let boxed = TypeSize::of::<Box<u64>>("Box<u64>");
    /// assert!(boxed.has_niche());
    /// assert!(!TypeSize::of::<u64>("u64").has_niche());
    /// ```
    #[must_use]
    pub const fn of<T>(name: &'static str) -> Self {
        Self {
            name,
            size: size_of::<T>(),
            align: align_of::<T>(),
            option_size: size_of::<Option<T>>(),
            padding: None,
        }
    }

    /// Also tells the padding, from the sizes of all its fields.
    #[must_use]
    pub fn with_fields(self, sizes: impl IntoIterator<Item = usize>) -> Self {
        let used: usize = sizes.into_iter().sum();
        Self { padding: Some(self.size.saturating_sub(used)), ..self }
    }

    /// Whether an `Option` of it is no larger than itself.
    #[must_use]
    pub const fn has_niche(&self) -> bool {
        self.option_size == self.size
    }
}

impl fmt::Display for SizeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.types.iter().map(|ty| ty.name.chars().count()).max().unwrap_or(0).max(4);
        writeln!(f, "{:<width$}  {:>6}  {:>5}  {:>7}  {:>6}", "type", "size", "align", "padding", "Option")?;
        for ty in &self.types {
            let padding = ty.padding.map_or_else(|| "?".to_owned(), |padding| padding.to_string());
            writeln!(
                f,
                "{:<width$}  {:>6}  {:>5}  {padding:>7}  {:>6}",
                ty.name, ty.size, ty.align, ty.option_size
            )?;
        }
        Ok(())
    }
}

/// Reports how much room types take, and of structs with their fields listed how much of it is padding.
///
/// Where a field is left out it does not compile. [`TypeSize::of`] does the same for one type; to hold a size,
/// `const _: () = assert!(size_of::<Point>() <= 16);` needs no macro.
///
/// ```
/// use perfect21_mem_pool::size_report;
///
/// #[repr(C)] // Rust itself would order the fields so that 16 bytes do
/// struct Wide {
///     seen: bool,
///     id: u64,
///     kind: u8,
/// }
///
/// let report = size_report!(Wide { seen, id, kind }, Option<u32>, Vec<u8>);
/// assert_eq!((report.types[0].size, report.types[0].padding), (24, Some(14)));
/// println!("{report}");
/// // type           size  align  padding  Option
/// // Wide             24      8       14      24
/// // Option<u32>       8      4        ?       8
/// // Vec<u8>          24      8        ?      24
/// # assert_eq!(report.to_string().lines().nth(1), Some("Wide             24      8       14      24"));
/// # let wide = Wide { seen: true, id: 1, kind: 2 };
/// # let _ = (wide.seen, wide.id, wide.kind);
/// ```
///
/// ```compile_fail,E0027
/// # use perfect21_mem_pool::size_report;
/// struct Wide {
///     seen: bool,
///     id: u64,
/// }
///
/// size_report!(Wide { seen }); // pattern does not mention field `id`
/// ```
#[macro_export]
macro_rules! size_report {
    ($($type:ty $({ $($field:ident),* $(,)? })?),* $(,)?) => {
        $crate::SizeReport::new([$($crate::size_report!(@type $type $({ $($field),* })?)),*])
    };
    (@type $type:ty) => {
        $crate::TypeSize::of::<$type>(::core::stringify!($type))
    };
    (@type $type:ty { $($field:ident),* }) => {{
        type Type = $type;
        // A list that lacks a field would call it padding.
        let _ = |whole: &Type| {
            let Type { $($field: _),* } = whole;
        };
        const fn size_of_field<T, F>(_: fn(&T) -> &F) -> usize {
            ::core::mem::size_of::<F>()
        }
        $crate::TypeSize::of::<Type>(::core::stringify!($type))
            .with_fields([$(size_of_field(|whole: &Type| &whole.$field)),*])
    }};
}
