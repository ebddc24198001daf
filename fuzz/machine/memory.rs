//! Lays arguments out in the memory of the pretended program.

use panthor_fake::Arena;

use crate::machine::input::{ARENA_BASE, ARENA_LEN, Input};
use crate::machine::layouts::{nested, size};

/// The most elements that an array gets.
const ELEMENTS: u8 = 8;

/// Correctness of the descriptions of arrays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Arrays {
    Honest,
    /// With any stride and count.
    Odd,
}

/// Writes a structure with all that it points to.
pub struct Writer<'a, 'b> {
    pub arena: &'a Arena,
    pub input: &'a mut Input<'b>,
    pub arrays: Arrays,
    /// Address of the next array.
    pub next: u64,
}

impl Writer<'_, '_> {
    /// Writes a structure at an address, if it fits.
    pub fn write(&mut self, mut fields: &str, mut at: u64) {
        let mut count = None;
        while let Some(field) = fields.chars().next() {
            let mut rest = &fields[1..];
            match field {
                'w' => self.put_word(&mut at, None),
                '#' => {
                    let odd = self.arrays == Arrays::Odd;
                    self.put_word(&mut at, count.filter(|_| !odd));
                }
                'q' => {
                    let value = self.input.quad();
                    self.put(&mut at, &value.to_le_bytes());
                }
                '*' => {
                    let pointer = self.text();
                    self.put(&mut at, &pointer.to_le_bytes());
                }
                '[' => {
                    let (inner, after) = nested(fields);
                    rest = after;
                    self.array(inner, &mut at);
                }
                _ => {
                    let (inner, after) = nested(fields);
                    rest = after;
                    let pointer = self.pointer(inner, &mut count);
                    self.put(&mut at, &pointer.to_le_bytes());
                }
            }
            fields = rest;
        }
    }

    fn put(&mut self, at: &mut u64, bytes: &[u8]) {
        self.arena.write(*at, bytes);
        *at = at.wrapping_add(bytes.len() as u64);
    }

    fn put_word(&mut self, at: &mut u64, known: Option<u32>) {
        let value = known.unwrap_or_else(|| self.input.word());
        self.put(at, &value.to_le_bytes());
    }

    /// Room for so many bytes. What is full starts again from the beginning.
    fn room(&mut self, bytes: usize) -> u64 {
        if self.next + bytes as u64 > ARENA_BASE + ARENA_LEN as u64 {
            self.next = ARENA_BASE;
        }
        let at = self.next;
        self.next = (at + bytes as u64).next_multiple_of(8);
        at
    }

    fn array(&mut self, inner: &str, at: &mut u64) {
        let count = self.input.byte() % ELEMENTS;
        let honest = size(inner) as u32;
        let (stride, said) = match self.arrays {
            Arrays::Honest => (honest, u32::from(count)),
            Arrays::Odd => (self.input.word(), self.input.word()),
        };
        // What is too far apart is written densely: the fake will not find it.
        let apart = if stride <= 256 { stride } else { honest };
        let start = self.elements(inner, u32::from(count), apart);
        self.put(at, &stride.to_le_bytes());
        self.put(at, &said.to_le_bytes());
        self.put(at, &start.to_le_bytes());
    }

    fn elements(&mut self, inner: &str, count: u32, apart: u32) -> u64 {
        let start = self.room(count as usize * apart as usize);
        for index in 0..count {
            self.write(inner, start + u64::from(index) * u64::from(apart));
        }
        start
    }

    /// Adds an array with a separate number of elements, which all arrays of a structure share.
    fn pointer(&mut self, inner: &str, count: &mut Option<u32>) -> u64 {
        let tag = self.input.byte();
        let elements = *count.get_or_insert(u32::from(tag % ELEMENTS));
        if tag >= 0xc0 {
            return self.input.quad();
        }
        self.elements(inner, elements, size(inner) as u32)
    }

    fn text(&mut self) -> u64 {
        let tag = self.input.byte();
        if tag >= 0xe0 {
            return self.input.quad();
        }
        let bytes = self.input.bytes(usize::from(tag));
        let start = self.room(bytes.len() + 1);
        self.arena.write(start, bytes);
        self.arena.write(start + bytes.len() as u64, &[0]);
        start
    }
}
