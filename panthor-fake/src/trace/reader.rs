//! Copies of the caller's memory for a trace.
//!
//! As in `strace`, these copies are separate from those of the ioctl itself. A concurrent write by
//! the caller may appear in one copy only. The reader trusts no number and no address of the
//! caller.

use std::cell::Cell;

use crate::call::uaccess::UserMemory;

use super::value::Text;

/// The maximum number of array elements read per call, including those of nested arrays.
pub(super) const MOST_ELEMENTS: usize = 1 << 18;

/// The maximum number of string bytes read.
const MOST_TEXT: usize = 1 << 16;

/// The bytes per step of a long copy.
const STEP: usize = 1 << 16;

/// The largest stride at which one copy reads many elements.
const BULK_STRIDE: usize = 4096;

/// The length limits of decoded values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The maximum number of array elements.
    pub(crate) elements: usize,
    /// The maximum number of string bytes.
    pub(crate) text: usize,
}

/// A reader of a caller's memory.
pub(super) struct Reader<'a> {
    user: UserMemory<'a>,
    limits: Limits,
    /// The number of elements that this call may still read.
    left: Cell<usize>,
}

/// The elements of an array, and the first unreadable address.
pub(super) struct Elements {
    pub(super) bytes: Vec<Vec<u8>>,
    pub(super) fault: Option<u64>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(user: UserMemory<'a>, limits: Limits) -> Self {
        Self { user, limits, left: Cell::new(MOST_ELEMENTS) }
    }

    /// Returns `len` bytes; `None` if they are unreadable.
    pub(super) fn bytes(&self, addr: u64, len: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.user.read(addr, &mut bytes).ok()?;
        Some(bytes)
    }

    /// Returns the first elements of an array: the first `size` bytes of each `stride`.
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

    /// Returns a string of at most `max` bytes, including its NUL.
    pub(super) fn text(&self, addr: u64, max: usize) -> Text {
        if addr == 0 {
            return Text::null();
        }
        let mut text = Text::default();
        // Reads one byte more than the limit, to detect a longer string.
        let most = max.min(self.limits.text.min(MOST_TEXT) + 1);
        while text.bytes.len() < most {
            let start = text.bytes.len();
            let at = addr.wrapping_add(start as u64);
            // The page after the string's last page may be unreadable.
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

    /// Returns a string of a known length.
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

    /// Returns a string inside a structure, up to its NUL or its end.
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
