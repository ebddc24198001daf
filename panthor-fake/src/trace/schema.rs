//! Table types that describe ioctl arguments.

use super::value::Style;

/// A request with its argument.
pub(crate) struct Request {
    pub(crate) request: u32,
    pub(crate) name: &'static str,
    pub(crate) argument: Argument,
}

/// The type of an ioctl's third parameter.
pub(crate) enum Argument {
    /// Unused.
    None,
    /// The address of a structure.
    Struct(&'static Layout),
    /// The address of a string of at most that many bytes, including its NUL.
    Text(usize),
    /// An address without a decoder.
    Opaque,
}

/// The description of a structure.
pub(crate) struct Layout {
    /// The name of the structure in the uAPI.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares it with the uAPI"))]
    pub(crate) name: &'static str,
    pub(crate) size: usize,
    pub(crate) style: Style,
    pub(crate) fields: &'static [Field],
}

/// A field of a structure, or a part of a field.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) at: usize,
    pub(crate) size: usize,
    pub(crate) dir: Dir,
    pub(crate) kind: Kind,
}

/// The direction of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dir {
    In,
    Out,
    InOut,
    /// Input that the driver may overwrite. The output is shown if it differs.
    InChanged,
    /// Output that the driver writes in some cases only.
    Changed,
}

impl Dir {
    pub(crate) fn is_in(self) -> bool {
        matches!(self, Self::In | Self::InOut | Self::InChanged)
    }

    pub(crate) fn is_out(self) -> bool {
        self != Self::In
    }

    pub(crate) fn only_if_changed(self) -> bool {
        matches!(self, Self::InChanged | Self::Changed)
    }
}

/// The meaning of a field.
pub(crate) enum Kind {
    /// A decimal number.
    Number,
    /// A number that may be negative.
    Signed,
    /// A hexadecimal number: an address, an offset or a mask.
    Hex,
    /// Bits that are normally zero, shown only if nonzero: padding and undefined bits.
    Zero(u64),
    /// One of several constants.
    Name(&'static Names),
    /// Flags.
    Flags(&'static Names),
    /// An array of that many numbers inside the structure.
    Numbers(usize),
    /// A string inside the structure.
    Inline,
    /// A `drm_panthor_obj_array`.
    Objects(&'static Layout),
    /// The `count` of a `drm_panthor_obj_array`.
    Count,
    /// The address of numbers of `size` bytes, as many as the word at `count_at` counts.
    Array { size: usize, count_at: usize },
    /// The address of structures, as many as the word at `count_at` counts before and after the
    /// call.
    Structs { layout: &'static Layout, count_at: usize },
    /// The address of a string of at most that many bytes, including its NUL.
    Text(usize),
    /// The address of a string, with its length in the `len_size` bytes at `len_at`.
    Counted { len_at: usize, len_size: usize },
    /// The address in a `drm_panthor_dev_query`.
    Query,
    /// The value of a capability.
    Capability,
}

/// The constants of a field.
pub(crate) struct Names {
    /// The common prefix of the names.
    pub(crate) prefix: &'static str,
    /// The bits of the field that the constants cover.
    pub(crate) mask: u64,
    pub(crate) entries: &'static [Entry],
}

/// A named constant.
pub(crate) struct Entry {
    /// The full name.
    pub(crate) constant: &'static str,
    pub(crate) value: u64,
    /// The bits that the constant covers.
    pub(crate) mask: u64,
}

impl Names {
    /// Returns the name of a constant without the prefix.
    pub(crate) fn short(&self, entry: &Entry) -> &'static str {
        entry.constant.strip_prefix(self.prefix).unwrap_or(entry.constant)
    }

    /// Returns the name of a value.
    pub(crate) fn find(&self, value: u64) -> Option<&'static str> {
        self.entries.iter().find(|entry| entry.value == value).map(|entry| self.short(entry))
    }
}

/// Returns the size of a field.
pub(crate) const fn size_of_field<T, F>(_: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

/// Builds a [`Layout`]: `layout!(structure, style, [direction field: kind, ...])`. A literal after
/// the field replaces its Rust name; a field with several parts needs one for each part.
macro_rules! layout {
    ($of:ident, $style:ident, [$($dir:ident $field:ident $($name:literal)?: $kind:expr),* $(,)?]) => {
        $crate::trace::schema::Layout {
            name: stringify!($of),
            size: size_of::<panthor_sys::$of>(),
            style: $crate::trace::value::Style::$style,
            fields: &[$($crate::trace::schema::Field {
                name: $crate::trace::schema::layout!(@name $field $($name)?),
                at: std::mem::offset_of!(panthor_sys::$of, $field),
                size: $crate::trace::schema::size_of_field(|it: &panthor_sys::$of| &it.$field),
                dir: $crate::trace::schema::Dir::$dir,
                kind: $kind,
            }),*],
        }
    };
    (@name $field:ident $name:literal) => { $name };
    (@name $field:ident) => { stringify!($field) };
}

/// Builds [`Names`]: `names!(prefix, mask, [constant, constant in mask, ...])`. A constant without
/// `in` is its own mask.
macro_rules! names {
    ($prefix:literal, $mask:expr, [$($constant:ident $(in $of:ident)?),* $(,)?]) => {
        $crate::trace::schema::Names {
            prefix: $prefix,
            mask: $mask as u64,
            entries: &[$($crate::trace::schema::Entry {
                constant: stringify!($constant),
                value: panthor_sys::$constant as u64,
                mask: $crate::trace::schema::names!(@mask $constant $($of)?),
            }),*],
        }
    };
    (@mask $constant:ident $of:ident) => { panthor_sys::$of as u64 };
    (@mask $constant:ident) => { panthor_sys::$constant as u64 };
}

/// Builds a [`Request`]: `request!(constant, argument)`.
macro_rules! request {
    ($constant:ident, $argument:expr) => {
        $crate::trace::schema::Request {
            request: panthor_sys::$constant,
            name: stringify!($constant),
            argument: $argument,
        }
    };
}

pub(crate) use {layout, names, request};
