//! What a decoded argument is made of.

use std::borrow::Cow;

/// A value of an argument, decoded.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A number that is read in decimal: an id, a handle, a size.
    Number(u64),
    /// A number that may be negative.
    Signed(i64),
    /// A number that is read in hexadecimal: an address, an offset, a mask.
    Hex(u64),
    /// One of several things that a field can say, by the name of its constant without the prefix.
    Name(Cow<'static, str>),
    /// Bits.
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
    /// Those with a name: the names of their constants without the prefix.
    pub names: Vec<Cow<'static, str>>,
    /// The others.
    pub unknown: u64,
}

/// A string in the caller's memory.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Text {
    /// What was read of it, without the NUL.
    pub bytes: Vec<u8>,
    /// Whether there is more of it.
    pub cut: bool,
    /// The address from which on it cannot be read.
    pub fault: Option<u64>,
    /// Whether the pointer was null.
    pub null: bool,
}

/// An array in the caller's memory.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct List {
    /// What was read of it.
    pub items: Vec<Value>,
    /// How many elements the caller says it has.
    pub count: u64,
    /// The address from which on it cannot be read.
    pub fault: Option<u64>,
    /// The bytes from an element to the next, if that is not the element's size.
    pub stride: Option<u32>,
}

/// The fields of a structure, in its order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fields {
    pub(super) entries: Vec<(Cow<'static, str>, Value)>,
    pub(super) style: Style,
}

/// How a structure is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Style {
    /// `{name=value, ...}`
    #[default]
    Plain,
    /// As an operation of VM_BIND.
    BindOp,
    /// As an operation on a sync object.
    SyncOp,
}

impl Fields {
    /// Makes fields with these names.
    pub(crate) fn plain(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let entries = entries.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Self { entries, style: Style::Plain }
    }

    /// The value of a field, by its name in the uAPI.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entries.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(name, value)| (&**name, value))
    }

    /// Whether there are none.
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
    /// Makes flags that all have names.
    pub(crate) fn names(names: impl Iterator<Item = &'static str>) -> Self {
        Self::Flags(Flags { names: names.map(Cow::Borrowed).collect(), unknown: 0 })
    }

    /// It as a number; `None` if it is none, or negative.
    pub fn as_number(&self) -> Option<u64> {
        match *self {
            Self::Number(number) | Self::Hex(number) => Some(number),
            Self::Signed(number) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    /// It as an array; `None` if it is none.
    pub fn as_list(&self) -> Option<&List> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// It as a structure; `None` if it is none.
    pub fn as_fields(&self) -> Option<&Fields> {
        if let Self::Fields(fields) = self { Some(fields) } else { None }
    }

    /// It as a name; `None` if it is none.
    pub fn as_name(&self) -> Option<&str> {
        if let Self::Name(name) = self { Some(name) } else { None }
    }
}

impl Text {
    /// The null pointer.
    pub(super) fn null() -> Self {
        Self { null: true, ..Self::default() }
    }
}
