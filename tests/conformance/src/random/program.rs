//! Programs as data: so that they can be made up, changed and printed.

use crate::uapi::memory::Bad;

use super::requests::{Element, Request};

/// Stands for what a step gives: a handle, an id, a descriptor.
pub type Slot = u32;

/// An open file. File 0 is open to begin with.
pub type FileId = u32;

/// Steps in the order in which they are taken.
#[derive(Clone, PartialEq, Debug)]
pub struct Program {
    pub steps: Vec<Step>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Opens the node once more.
    Open(FileId),
    /// Opens the primary node.
    OpenPrimary(FileId),
    CloseFile(FileId),
    Call(Call),
    /// Makes an eventfd.
    Eventfd(Slot),
    /// Looks whether an eventfd was signalled.
    ReadEventfd(Slot),
    CloseFd(Slot),
    /// Looks whether a descriptor can be read.
    Poll(Slot),
    SetName(SetName),
    /// Asks for the name on the bus, with room for so many bytes.
    Unique(FileId, usize),
    Plain(Plain),
    /// Maps the node, and unmaps it.
    MapNode(MapNode),
    /// Looks at all mappings of all VMs.
    Look,
}

/// An ioctl.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    pub file: FileId,
    /// The descriptor that is asked, if it is not the file itself.
    pub on: Option<Slot>,
    pub request: &'static Request,
    pub fields: Fields,
    /// Slot of the result.
    pub gives: Option<Slot>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct MapNode {
    pub file: FileId,
    pub len: u64,
    pub writable: bool,
    pub offset: Arg,
}

/// Gives a dma-buf a name of so many bytes.
#[derive(Clone, PartialEq, Debug)]
pub struct SetName {
    pub file: FileId,
    pub on: Slot,
    pub len: usize,
}

/// Ioctl with a raw number and an argument of this length, filled with one byte.
#[derive(Clone, PartialEq, Debug)]
pub struct Plain {
    pub file: FileId,
    pub request: u32,
    pub len: usize,
    pub byte: u8,
}

/// Fields by name. Those that are not there are zero.
pub type Fields = Vec<(&'static str, Arg)>;

/// Value of a field.
#[derive(Clone, PartialEq, Debug)]
pub enum Arg {
    Number(u64),
    /// Result of an earlier step, or zero.
    Slot(Slot),
    /// A pointer to numbers of 32 bits.
    Words(Vec<Arg>),
    /// A pointer to numbers of 64 bits.
    Longs(Vec<Arg>),
    /// A pointer to space for so many numbers of 64 bits, which are looked at afterwards.
    Answers(usize),
    /// A pointer to space for anything.
    Room,
    /// A pointer to text with a zero behind it, or the text itself in a field for it.
    Text(String),
    /// A pointer that leads nowhere.
    Bad(Bad),
    /// Stride, count and pointer of structures.
    Array(Array),
}

#[derive(Clone, PartialEq, Debug)]
pub struct Array {
    pub element: &'static Element,
    pub items: Vec<Fields>,
    /// Larger than the structures: there are zeros between them.
    pub stride: u32,
    pub bad: Option<Bad>,
}

impl Array {
    pub fn of(element: &'static Element, items: Vec<Fields>) -> Self {
        Self { element, items, stride: element.size as u32, bad: None }
    }
}
