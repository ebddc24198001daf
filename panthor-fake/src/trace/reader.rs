//! Copies of the caller's memory for a trace.
//!
//! They are made beside those of the ioctl itself, as `strace` does it: what another thread of the caller
//! writes meanwhile is in one of them or in both. Nothing here trusts a number or an address of the caller.

use std::cell::Cell;

use crate::call::uaccess::UserMemory;

use super::value::Text;

/// Elements of arrays that are read for one call at most, those in arrays of arrays included.
pub(super) const MOST_ELEMENTS: usize = 1 << 18;

/// Bytes of a string that are read at most.
const MOST_TEXT: usize = 1 << 16;

/// How much one step of a long copy moves.
const STEP: usize = 1 << 16;

/// Strides up to this are copied many elements at a time.
const BULK_STRIDE: usize = 4096;

/// How much is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Elements of an array.
    pub(crate) elements: usize,
    /// Bytes of a string.
    pub(crate) text: usize,
}

/// Reads the memory of a caller.
pub(super) struct Reader<'a> {
    user: UserMemory<'a>,
    limits: Limits,
    /// How many elements may still be read.
    left: Cell<usize>,
}

/// Elements of an array, and where it could not be read on.
pub(super) struct Elements {
    pub(super) bytes: Vec<Vec<u8>>,
    pub(super) fault: Option<u64>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(user: UserMemory<'a>, limits: Limits) -> Self {
        Self { user, limits, left: Cell::new(MOST_ELEMENTS) }
    }

    /// So many bytes; `None` if they cannot be read.
    pub(super) fn bytes(&self, addr: u64, len: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.user.read(addr, &mut bytes).ok()?;
        Some(bytes)
    }

    /// The first elements of an array: the first `size` bytes of each `stride`.
    pub(super) fn elements(&self, addr: u64, count: u64, stride: usize, size: usize) -> Elements {
        let mut found = Elements { bytes: Vec::new(), fault: None };
        if stride == 0 {
            return found;
        }
        let wanted = count.min(self.limits.elements.min(self.left.get()) as u64) as usize;
        let size = size.min(stride);
        while found.bytes.len() < wanted {
            let at = addr.wrapping_add((found.bytes.len() as u64).wrapping_mul(stride as u64));
            let batch = (STEP / stride).clamp(1, wanted - found.bytes.len());
            let bulk = if stride <= BULK_STRIDE { self.bytes(at, batch * stride) } else { None };
            if let Some(bulk) = bulk {
                found.bytes.extend(bulk.chunks_exact(stride).map(|chunk| chunk[..size].to_vec()));
            } else if let Some(one) = self.bytes(at, size) {
                found.bytes.push(one);
            } else {
                found.fault = Some(at);
                break;
            }
        }
        self.left.set(self.left.get() - found.bytes.len());
        found
    }

    /// A string that takes at most `max` bytes with its NUL.
    pub(super) fn text(&self, addr: u64, max: usize) -> Text {
        if addr == 0 {
            return Text::null();
        }
        let mut text = Text::default();
        // One more than is shown, to know whether that is all.
        let most = max.min(self.limits.text.min(MOST_TEXT) + 1);
        while text.bytes.len() < most {
            let start = text.bytes.len();
            let at = addr.wrapping_add(start as u64);
            // What follows the page of its end may not be readable.
            let step = (4096 - (at % 4096) as usize).min(most - start);
            let Some(more) = self.bytes(at, step) else {
                text.fault = Some(at);
                break;
            };
            text.bytes.extend(more);
            if let Some(nul) = text.bytes[start..].iter().position(|&byte| byte == 0) {
                text.bytes.truncate(start + nul);
                self.shorten(&mut text);
                return text;
            }
        }
        text.cut = text.fault.is_none();
        self.shorten(&mut text);
        text
    }

    /// A string of that length.
    pub(super) fn counted_text(&self, addr: u64, len: u64) -> Text {
        if addr == 0 {
            return Text::null();
        }
        let shown = len.min(self.limits.text.min(MOST_TEXT) as u64) as usize;
        match self.bytes(addr, shown) {
            Some(bytes) => Text { bytes, cut: (shown as u64) < len, ..Text::default() },
            None => Text { fault: Some(addr), ..Text::default() },
        }
    }

    /// A string in a structure, up to its NUL if it has one.
    pub(super) fn inline_text(&self, bytes: &[u8]) -> Text {
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        let mut text = Text { bytes: bytes[..end].to_vec(), ..Text::default() };
        self.shorten(&mut text);
        text
    }

    fn shorten(&self, text: &mut Text) {
        if text.bytes.len() > self.limits.text {
            text.bytes.truncate(self.limits.text);
            text.cut = true;
        }
    }
}
