//! Layouts of arguments: one letter for each field.
//!
//! - `w` is a word of 32 bits, `q` one of 64.
//! - `[…]` is a `drm_panthor_obj_array` of elements of that layout.
//! - `(…)` is a pointer to elements of that layout; `#` is the word with their number.
//! - `*` is a pointer to bytes.

use panthor_sys::*;

/// A request with the layout of its argument.
pub struct Layout {
    pub request: u32,
    pub fields: &'static str,
}

const fn of(request: u32, fields: &'static str) -> Layout {
    Layout { request, fields }
}

/// All that the fake answers with more than an error number. Their places are in the inputs of the
/// corpus: what is new goes to the end.
pub const LAYOUTS: &[Layout] = &[
    of(DRM_IOCTL_PANTHOR_DEV_QUERY, "ww*"),
    of(DRM_IOCTL_PANTHOR_VM_CREATE, "wwq"),
    of(DRM_IOCTL_PANTHOR_VM_DESTROY, "ww"),
    of(DRM_IOCTL_PANTHOR_VM_BIND, "ww[wwqqq[wwq]]"),
    of(DRM_IOCTL_PANTHOR_VM_GET_STATE, "ww"),
    of(DRM_IOCTL_PANTHOR_BO_CREATE, "qwwww"),
    of(DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, "wwq"),
    of(DRM_IOCTL_PANTHOR_GROUP_CREATE, "[ww]wwqqqww"),
    of(DRM_IOCTL_PANTHOR_GROUP_DESTROY, "ww"),
    of(DRM_IOCTL_PANTHOR_GROUP_SUBMIT, "ww[wwqww[wwq]]"),
    of(DRM_IOCTL_PANTHOR_GROUP_GET_STATE, "wwww"),
    of(DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, "wwwwwwqq"),
    of(DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY, "ww"),
    of(DRM_IOCTL_PANTHOR_BO_SET_LABEL, "ww*"),
    of(DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET, "q"),
    of(DRM_IOCTL_PANTHOR_BO_SYNC, "[wwqq]"),
    of(DRM_IOCTL_PANTHOR_BO_QUERY_INFO, "wwww"),
    of(DRM_IOCTL_VERSION, "wwwwq*q*q*"),
    of(DRM_IOCTL_GET_CAP, "qq"),
    of(DRM_IOCTL_SET_CLIENT_CAP, "qq"),
    of(DRM_IOCTL_SET_CLIENT_NAME, "q*"),
    of(DRM_IOCTL_GEM_CLOSE, "ww"),
    of(DRM_IOCTL_GEM_FLINK, "ww"),
    of(DRM_IOCTL_GEM_OPEN, "wwq"),
    of(DRM_IOCTL_PRIME_HANDLE_TO_FD, "www"),
    of(DRM_IOCTL_PRIME_FD_TO_HANDLE, "www"),
    of(DRM_IOCTL_SYNCOBJ_CREATE, "ww"),
    of(DRM_IOCTL_SYNCOBJ_DESTROY, "ww"),
    of(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, "wwwwq"),
    of(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, "wwwwq"),
    of(DRM_IOCTL_SYNCOBJ_WAIT, "(w)q#wwwq"),
    of(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, "(w)(q)q#wwwq"),
    of(DRM_IOCTL_SYNCOBJ_RESET, "(w)#w"),
    of(DRM_IOCTL_SYNCOBJ_SIGNAL, "(w)#w"),
    of(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, "(w)(q)#w"),
    of(DRM_IOCTL_SYNCOBJ_QUERY, "(w)(q)#w"),
    of(DRM_IOCTL_SYNCOBJ_TRANSFER, "wwqqww"),
    of(DRM_IOCTL_SYNCOBJ_EVENTFD, "wwqww"),
    of(DRM_IOCTL_GET_UNIQUE, "q*"),
    of(DRM_IOCTL_GET_MAGIC, "w"),
    of(DRM_IOCTL_AUTH_MAGIC, "w"),
    of(DRM_IOCTL_SET_VERSION, "wwww"),
    of(DRM_IOCTL_SET_MASTER, ""),
    of(DRM_IOCTL_DROP_MASTER, ""),
    // DRM_IOCTL_GET_CLIENT, DRM_IOCTL_GET_STATS.
    of(0xc028_6405, "wwqqqq"),
    of(0x80f8_6406, ""),
];

/// Returns the inner layout at the start of `fields`, which begins with its opening bracket, and
/// the rest after the closing one.
pub fn nested(fields: &str) -> (&str, &str) {
    let mut depth = 0;
    for (at, field) in fields.char_indices() {
        match field {
            '[' | '(' => depth += 1,
            ']' | ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&fields[1..at], &fields[at + 1..]);
        }
    }
    panic!("no bracket closes: {fields}");
}

/// Returns the size of a layout in bytes.
pub fn size(mut fields: &str) -> usize {
    let mut size = 0;
    while let Some(field) = fields.chars().next() {
        let rest = if matches!(field, '[' | '(') { nested(fields).1 } else { &fields[1..] };
        size += match field {
            'w' | '#' => 4,
            '[' => 16,
            _ => 8,
        };
        fields = rest;
    }
    size
}
