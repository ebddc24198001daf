//! What arguments of ioctls look like, as tables.

use super::value::Style;

/// A request with its argument.
pub(crate) struct Request {
    pub(crate) request: u32,
    pub(crate) name: &'static str,
    pub(crate) argument: Argument,
}

/// What the third parameter of an ioctl is.
pub(crate) enum Argument {
    /// Nothing.
    None,
    /// The address of a structure.
    Struct(&'static Layout),
    /// The address of a string that takes so many bytes with its NUL.
    Text(usize),
    /// The address of something that nobody decodes.
    Opaque,
}

/// A structure.
pub(crate) struct Layout {
    /// Its name in the uAPI.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares it with the uAPI"))]
    pub(crate) name: &'static str,
    pub(crate) size: usize,
    pub(crate) style: Style,
    pub(crate) fields: &'static [Field],
}

/// A field of a structure, or a part of one.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) at: usize,
    pub(crate) size: usize,
    pub(crate) dir: Dir,
    pub(crate) kind: Kind,
}

/// Who writes a field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dir {
    In,
    Out,
    InOut,
    /// The caller, and sometimes the driver: the answer is shown when it differs.
    InChanged,
    /// The driver sometimes.
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

/// What a field means.
pub(crate) enum Kind {
    /// A number.
    Number,
    /// A number that may be negative.
    Signed,
    /// An address, an offset, a mask.
    Hex,
    /// What is zero as a rule, and not shown then: padding, and bits without a meaning.
    Zero(u64),
    /// One of several things.
    Name(&'static Names),
    /// Bits.
    Flags(&'static Names),
    /// So many numbers in the structure itself.
    Numbers(usize),
    /// A string in the structure itself.
    Inline,
    /// A `drm_panthor_obj_array`.
    Objects(&'static Layout),
    /// The `count` of a `drm_panthor_obj_array`.
    Count,
    /// The address of numbers of that many bytes, as many as the word at that offset says.
    Array { size: usize, count_at: usize },
    /// The address of structures, as many as the word at that offset says before and after.
    Structs { layout: &'static Layout, count_at: usize },
    /// The address of a string that takes so many bytes with its NUL.
    Text(usize),
    /// The address of a string whose length is at that offset, and has that many bytes itself.
    Counted { len_at: usize, len_size: usize },
    /// What a `drm_panthor_dev_query` points to.
    Query,
    /// The answer about a capability.
    Capability,
}

/// The constants that go into a field.
pub(crate) struct Names {
    /// What the names of all begin with.
    pub(crate) prefix: &'static str,
    /// The bits of the field that they are about.
    pub(crate) mask: u64,
    pub(crate) entries: &'static [Entry],
}

/// A constant.
pub(crate) struct Entry {
    /// Its whole name.
    pub(crate) constant: &'static str,
    pub(crate) value: u64,
    /// The bits that it is about.
    pub(crate) mask: u64,
}

impl Names {
    /// A constant's name without the prefix.
    pub(crate) fn short(&self, entry: &Entry) -> &'static str {
        entry.constant.strip_prefix(self.prefix).unwrap_or(entry.constant)
    }

    /// The name of a value.
    pub(crate) fn find(&self, value: u64) -> Option<&'static str> {
        self.entries.iter().find(|entry| entry.value == value).map(|entry| self.short(entry))
    }
}

/// The size of a field.
pub(crate) const fn size_of_field<T, F>(_: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

/// `layout!(structure, style, [direction field: kind, ...])`; a field that shall have another name than in
/// Rust, or that has several parts, is followed by its name.
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

/// `names!(prefix, mask, [constant, constant in mask, ...])`; without a mask of its own a constant is its own
/// mask.
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

/// `request!(constant, argument)`
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
