//! Values of a program's slots, and its arguments as bytes.

use std::collections::HashMap;

use crate::uapi::memory::UserMemory;
use crate::uapi::ops::{longs, spread};
use crate::uapi::wire::Field;

use super::forbidden::ROOM;
use super::program::{Arg, Array, Fields, Slot};

/// Results of steps.
pub type Values = HashMap<Slot, u64>;

/// Returns a number, or the value of a slot. Pointers count as zero.
pub fn number(arg: &Arg, values: &Values) -> u64 {
    match arg {
        Arg::Number(number) => *number,
        Arg::Slot(slot) => values.get(slot).copied().unwrap_or(0),
        _ => 0,
    }
}

/// Fields of a structure with what they stand for.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub fields: &'a Fields,
    layout: &'static [Field],
    pub values: &'a Values,
}

impl<'a> View<'a> {
    pub fn new(fields: &'a Fields, layout: &'static [Field], values: &'a Values) -> Self {
        Self { fields, layout, values }
    }

    pub fn arg(&self, name: &str) -> Option<&'a Arg> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, arg)| arg)
    }

    /// Returns a number, truncated to the width of the field.
    pub fn number(&self, name: &str) -> u64 {
        let number = self.arg(name).map_or(0, |arg| number(arg, self.values));
        match self.layout.iter().find(|(known, ..)| *known == name) {
            Some(&(_, _, size @ ..8)) => number & ((1 << (8 * size)) - 1),
            _ => number,
        }
    }

    /// Returns the structures of an array.
    pub fn items(&self, name: &str) -> impl Iterator<Item = View<'a>> + use<'a> {
        let array = match self.arg(name) {
            Some(Arg::Array(array)) => Some(array),
            _ => None,
        };
        let values = self.values;
        array.into_iter().flat_map(move |array| {
            array.items.iter().map(move |fields| View::new(fields, array.element.layout, values))
        })
    }
}

/// The bytes of an argument, and of all that it points to.
#[derive(Default)]
pub struct Bytes {
    behind: Vec<Vec<u64>>,
    /// Places that the kernel writes numbers to.
    answers: Vec<(usize, usize)>,
}

impl Bytes {
    /// Returns the bytes of a structure. The memory behind its pointers lives as long as `self`.
    pub fn of(
        &mut self,
        fields: &Fields,
        layout: &'static [Field],
        size: usize,
        values: &Values,
        memory: &UserMemory,
    ) -> Vec<u8> {
        let mut bytes = vec![0; size];
        for (name, arg) in fields {
            let &(_, at, len) =
                layout.iter().find(|(known, ..)| known == name).expect("a field of the structure");
            let field = &mut bytes[at..at + len];
            let value = match arg {
                Arg::Array(array) => {
                    let pointer = self.array(array, values, memory);
                    field[..4].copy_from_slice(&array.stride.to_ne_bytes());
                    field[4..8].copy_from_slice(&(array.items.len() as u32).to_ne_bytes());
                    field[8..].copy_from_slice(&pointer.to_ne_bytes());
                    continue;
                }
                Arg::Words(words) => {
                    let words: Vec<_> = words.iter().map(|arg| number(arg, values)).collect();
                    let pairs = words.chunks(2);
                    let long = |pair: &[u64]| {
                        (pair[0] & 0xffff_ffff) | pair.get(1).copied().unwrap_or(0) << 32
                    };
                    self.numbers(pairs.map(long).collect())
                }
                Arg::Longs(longs) => {
                    self.numbers(longs.iter().map(|arg| number(arg, values)).collect())
                }
                Arg::Answers(count) => {
                    self.answers.push((self.behind.len(), *count));
                    self.numbers(vec![u64::MAX; *count])
                }
                Arg::Room => self.keep(vec![0; ROOM / 8]),
                Arg::Text(text) if len > 8 => {
                    let text = &text.as_bytes()[..text.len().min(len)];
                    field[..text.len()].copy_from_slice(text);
                    continue;
                }
                Arg::Text(text) => self.text(text),
                Arg::Bad(bad) => memory.address(*bad),
                Arg::Number(_) | Arg::Slot(_) => number(arg, values),
            };
            field.copy_from_slice(&value.to_ne_bytes()[..len]);
        }
        bytes
    }

    fn array(&mut self, array: &Array, values: &Values, memory: &UserMemory) -> u64 {
        let items: Vec<_> = array
            .items
            .iter()
            .map(|item| self.of(item, array.element.layout, array.element.size, values, memory))
            .collect();
        match array.bad {
            Some(bad) => memory.address(bad),
            None if items.is_empty() => 0,
            None => self.keep(spread(&items, array.stride as usize)),
        }
    }

    /// Numbers with room behind them, for counts that are a little too large.
    fn numbers(&mut self, mut numbers: Vec<u64>) -> u64 {
        numbers.resize(numbers.len() + 64, 0);
        self.keep(numbers)
    }

    fn text(&mut self, text: &str) -> u64 {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(ROOM, 0);
        self.keep(longs(&bytes))
    }

    fn keep(&mut self, mut behind: Vec<u64>) -> u64 {
        let address = behind.as_mut_ptr().expose_provenance() as u64;
        self.behind.push(behind);
        address
    }

    /// Returns the arrays of numbers that the kernel wrote.
    pub fn answers(&self) -> impl Iterator<Item = &[u64]> {
        self.answers.iter().map(|&(index, count)| &self.behind[index][..count])
    }

    /// Returns the contents of the free-form output space.
    pub fn room(&self) -> Option<&[u64]> {
        self.behind.first().map(Vec::as_slice)
    }
}
