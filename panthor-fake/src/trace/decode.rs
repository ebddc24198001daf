//! Decoding of an argument's bytes, and of the memory behind its pointers, to named values.

use std::borrow::Cow;

use bytemuck::Zeroable;
use panthor_sys::{self as sys, drm_panthor_obj_array};

use super::panthor_calls::{self, TIMESTAMP_FLAGS};
use super::reader::Reader;
use super::schema::{Field, Kind, Layout, Names};
use super::value::{Fields, Flags, List, Value};
use super::{drm_names, schema};

/// The side of a structure to decode.
#[derive(Clone, Copy)]
pub(super) enum Side<'a> {
    /// The caller's input.
    In,
    /// The driver's output, with the bytes before the call.
    Out {
        before: &'a [u8],
        /// After a failure, unchanged fields count as not written, and the memory behind pointers
        /// is not decoded.
        failed: bool,
    },
}

/// Decodes the fields of a structure. `bytes` may be shorter than the driver's structure; the
/// missing fields do not exist for the caller.
pub(super) fn fields(reader: &Reader<'_>, layout: &Layout, bytes: &[u8], side: Side<'_>) -> Fields {
    let mut entries = Vec::new();
    for field in layout.fields {
        if field.at + field.size > bytes.len() {
            continue;
        }
        let value = match side {
            Side::In if field.dir.is_in() => value(reader, field, bytes, side),
            Side::Out { before, failed } if field.dir.is_out() => {
                let unchanged = || raw(field, bytes) == raw(field, before);
                if (failed || field.dir.only_if_changed()) && unchanged() {
                    continue;
                }
                value(reader, field, bytes, side)
            }
            _ => continue,
        };
        if let Some(value) = value {
            entries.push((Cow::Borrowed(field.name), value));
        }
    }
    Fields { entries, style: layout.style }
}

fn raw<'a>(field: &Field, bytes: &'a [u8]) -> Option<&'a [u8]> {
    bytes.get(field.at..field.at + field.size)
}

/// Returns the number of `size` bytes at an offset. Bytes that the caller's structure lacks are
/// zero.
fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    let mut word = [0; 8];
    let known = bytes.get(at..).unwrap_or_default();
    let known = &known[..known.len().min(size)];
    let start = if cfg!(target_endian = "big") { 8 - size } else { 0 };
    word[start..start + known.len()].copy_from_slice(known);
    u64::from_ne_bytes(word)
}

fn signed(number: u64, size: usize) -> i64 {
    match size {
        4 => i64::from(number as u32 as i32),
        _ => number as i64,
    }
}

/// Returns the value of a field; `None` if there is nothing to show.
fn value(reader: &Reader<'_>, field: &Field, bytes: &[u8], side: Side<'_>) -> Option<Value> {
    let word = || number(bytes, field.at, field.size);
    let count = |bytes: &[u8], at| number(bytes, at, 4);
    Some(match field.kind {
        Kind::Number => Value::Number(word()),
        Kind::Signed => Value::Signed(signed(word(), field.size)),
        Kind::Hex => Value::Hex(word()),
        Kind::Zero(mask) => match padding(raw(field, bytes)?, mask) {
            0 => return None,
            rest => Value::Hex(rest),
        },
        Kind::Name(names) => name(names, word()),
        Kind::Flags(names) => Value::Flags(flags(names, word())),
        Kind::Numbers(size) => {
            let numbers = raw(field, bytes)?.chunks_exact(size);
            list(numbers.map(|chunk| Value::Hex(number(chunk, 0, size))).collect())
        }
        Kind::Inline => Value::Text(reader.inline_text(raw(field, bytes)?)),
        Kind::Objects(layout) => objects(reader, layout, raw(field, bytes)?),
        Kind::Count => {
            let at = std::mem::offset_of!(drm_panthor_obj_array, count);
            Value::Number(number(raw(field, bytes)?, at, 4))
        }
        Kind::Array { size, count_at } => {
            let count = count(bytes, count_at);
            array(reader, word(), count, size, |bytes| Value::Number(number(bytes, 0, size)))
        }
        Kind::Structs { layout, count_at } => {
            let Side::Out { before, .. } = side else { return None };
            let count = count(bytes, count_at).min(count(before, count_at));
            if word() == 0 || count == 0 {
                return None;
            }
            array(reader, word(), count, layout.size, |bytes| {
                let none = Side::Out { before: &[], failed: false };
                Value::Fields(fields(reader, layout, bytes, none))
            })
        }
        Kind::Text(max) => Value::Text(reader.text(word(), max)),
        Kind::Counted { len_at, len_size } => {
            let mut len = number(bytes, len_at, len_size);
            if let Side::Out { before, .. } = side {
                // The driver returns the full length and writes as many bytes as fit.
                len = len.min(number(before, len_at, len_size));
                if word() == 0 || len == 0 {
                    return None;
                }
            }
            Value::Text(reader.counted_text(word(), len))
        }
        Kind::Query => return query(reader, bytes, side),
        Kind::Capability => match number(bytes, 0, 8) {
            sys::DRM_CAP_PRIME => Value::Flags(flags(&drm_names::PRIME_CAP, word())),
            _ => Value::Number(word()),
        },
    })
}

/// Returns the masked bits that should be zero.
fn padding(bytes: &[u8], mask: u64) -> u64 {
    bytes.chunks(8).fold(0, |all, chunk| all | number(chunk, 0, chunk.len())) & mask
}

fn name(names: &'static Names, word: u64) -> Value {
    let word = word & names.mask;
    names.find(word).map_or(Value::Hex(word), |name| Value::Name(Cow::Borrowed(name)))
}

fn flags(names: &'static Names, word: u64) -> Flags {
    let mut unknown = word & names.mask;
    let mut found = Vec::new();
    for entry in names.entries {
        if word & entry.mask == entry.value {
            found.push(Cow::Borrowed(names.short(entry)));
            unknown &= !entry.mask;
        }
    }
    Flags { names: found, unknown }
}

fn list(items: Vec<Value>) -> Value {
    Value::List(List { count: items.len() as u64, items, ..List::default() })
}

/// Decodes the elements of a `drm_panthor_obj_array`.
fn objects(reader: &Reader<'_>, layout: &'static Layout, bytes: &[u8]) -> Value {
    let mut described = drm_panthor_obj_array::zeroed();
    bytemuck::bytes_of_mut(&mut described).copy_from_slice(bytes);
    let (count, stride) = (u64::from(described.count), described.stride as usize);
    let found = reader.elements(described.array, count, stride, layout.size);
    let decode = |bytes: &Vec<u8>| Value::Fields(fields(reader, layout, bytes, Side::In));
    Value::List(List {
        items: found.bytes.iter().map(decode).collect(),
        count,
        fault: found.fault,
        stride: (stride != layout.size && count != 0).then_some(described.stride),
    })
}

fn array(
    reader: &Reader<'_>,
    addr: u64,
    count: u64,
    size: usize,
    decode: impl Fn(&[u8]) -> Value,
) -> Value {
    let found = reader.elements(addr, count, size, size);
    let items = found.bytes.iter().map(|bytes| decode(bytes)).collect();
    Value::List(List { items, count, fault: found.fault, stride: None })
}

/// Decodes the input or the output structure of a query.
fn query(reader: &Reader<'_>, bytes: &[u8], side: Side<'_>) -> Option<Value> {
    let mut query = sys::drm_panthor_dev_query::zeroed();
    let whole = bytes.get(..size_of::<sys::drm_panthor_dev_query>())?;
    bytemuck::bytes_of_mut(&mut query).copy_from_slice(whole);
    let layout: &schema::Layout = panthor_calls::query(query.type_)?;
    let size = layout.size.min(query.size as usize);
    let asks = query.type_ == sys::DRM_PANTHOR_DEV_QUERY_TIMESTAMP_INFO && size > TIMESTAMP_FLAGS;
    if query.pointer == 0 || (matches!(side, Side::In) && !asks) {
        return None;
    }
    let side = match side {
        Side::In => Side::In,
        Side::Out { .. } => Side::Out { before: &[], failed: false },
    };
    let info = reader.bytes(query.pointer, size)?;
    Some(Value::Fields(fields(reader, layout, &info, side)))
}
