//! Decoded values of arguments.

use std::borrow::Cow;

/// A decoded value.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A decimal number: an ID, a handle or a size.
    Number(u64),
    /// A number that may be negative.
    Signed(i64),
    /// A hexadecimal number: an address, an offset or a mask.
    Hex(u64),
    /// A constant, by its name without the prefix.
    Name(Cow<'static, str>),
    /// Flags.
    Flags(Flags),
    /// A string.
    Text(Text),
    /// An array.
    List(List),
    /// A structure.
    Fields(Fields),
}

/// The bits of a field.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// The names of the known bits, without the prefix.
    pub names: Vec<Cow<'static, str>>,
    /// The unknown bits.
    pub unknown: u64,
}

/// A string in the caller's memory.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Text {
    /// The bytes that were read, without the NUL.
    pub bytes: Vec<u8>,
    /// Set if the string continues after `bytes`.
    pub cut: bool,
    /// The first unreadable address.
    pub fault: Option<u64>,
    /// Set if the pointer was null.
    pub null: bool,
}

/// An array in the caller's memory.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct List {
    /// The elements that were read.
    pub items: Vec<Value>,
    /// The element count that the caller passed.
    pub count: u64,
    /// The first unreadable address.
    pub fault: Option<u64>,
    /// The stride in bytes, if it differs from the element's size.
    pub stride: Option<u32>,
}

/// The fields of a structure, in declaration order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fields {
    pub(super) entries: Vec<(Cow<'static, str>, Value)>,
    pub(super) style: Style,
}

/// The text format of a structure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Style {
    /// `{name=value, ...}`
    #[default]
    Plain,
    /// The format of a VM_BIND operation.
    BindOp,
    /// The format of a sync operation.
    SyncOp,
}

impl Fields {
    /// Creates fields with these names.
    pub(crate) fn plain(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let entries = entries.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Self { entries, style: Style::Plain }
    }

    /// Returns the value of a field, by its uAPI name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entries.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Returns all fields.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(name, value)| (&**name, value))
    }

    /// Returns whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(Value::as_number)
    }

    pub(super) fn has_flag(&self, name: &str, flag: &str) -> bool {
        matches!(self.get(name), Some(Value::Flags(flags)) if flags.names.iter().any(|it| it == flag))
    }
}

impl Value {
    /// Creates flags from names.
    pub(crate) fn names(names: impl Iterator<Item = &'static str>) -> Self {
        Self::Flags(Flags { names: names.map(Cow::Borrowed).collect(), unknown: 0 })
    }

    /// Returns the value as a number; `None` for another kind or a negative number.
    pub fn as_number(&self) -> Option<u64> {
        match *self {
            Self::Number(number) | Self::Hex(number) => Some(number),
            Self::Signed(number) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    /// Returns the value as an array; `None` for another kind.
    pub fn as_list(&self) -> Option<&List> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// Returns the value as a structure; `None` for another kind.
    pub fn as_fields(&self) -> Option<&Fields> {
        if let Self::Fields(fields) = self { Some(fields) } else { None }
    }

    /// Returns the value as a name; `None` for another kind.
    pub fn as_name(&self) -> Option<&str> {
        if let Self::Name(name) = self { Some(name) } else { None }
    }
}

impl Text {
    /// Returns the text of a null pointer.
    pub(super) fn null() -> Self {
        Self { null: true, ..Self::default() }
    }
}
