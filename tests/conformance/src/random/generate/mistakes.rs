//! Mistakes: one field that is not as it should be.

use crate::uapi::memory::Bad;
use crate::uapi::wire::Field;

use super::*;

impl Maker {
    /// Changes one field of a structure, or of one in its arrays.
    pub fn make_mistake(&mut self, fields: &mut Fields, layout: &'static [Field]) {
        let arrays: Vec<_> = (0..fields.len())
            .filter(|&at| matches!(&fields[at].1, Arg::Array(array) if !array.items.is_empty()))
            .collect();
        if !arrays.is_empty() && !self.dice.one_in(4) {
            let at = arrays[self.dice.index(arrays.len())];
            let Arg::Array(array) = &mut fields[at].1 else { unreachable!("only arrays") };
            if self.dice.one_in(6) {
                return self.spoil_array(array);
            }
            let item = self.dice.index(array.items.len());
            return self.make_mistake(&mut array.items[item], array.element.layout);
        }
        let &(name, _, size) = &layout[self.dice.index(layout.len())];
        // Arrays have mistakes of their own, above.
        if size > 8 {
            return;
        }
        match fields.iter().position(|(known, _)| *known == name) {
            Some(at) => {
                let arg = std::mem::replace(&mut fields[at].1, n(0_u64));
                fields[at].1 = self.spoil(name, arg, size);
            }
            None => {
                let arg = self.spoil(name, n(0_u64), size);
                fields.push((name, arg));
            }
        }
    }

    fn spoil_array(&mut self, array: &mut Array) {
        let natural = array.element.size as u32;
        match self.dice.below(6) {
            0 => array.stride = 0,
            1 => array.stride -= self.dice.of(&[1, 4, 8]),
            2 => array.stride += self.dice.of(&[1, 8, 40]),
            3 => array.stride = natural * 2,
            4 => array.items.clear(),
            _ => array.bad = Some(self.bad()),
        }
    }

    fn bad(&mut self) -> Bad {
        self.dice.of(&[Bad::Null, Bad::Low, Bad::Kernel, Bad::Last, Bad::Unmapped, Bad::Ends(4)])
    }

    fn spoil(&mut self, name: &str, arg: Arg, size: usize) -> Arg {
        // What other numbers name depends on what the program has open.
        if is_descriptor(name) {
            return n(u64::MAX);
        }
        // Addresses may point to memory of the program. The size rules out the name of a BO.
        if size == 8
            && ["pointer", "handles", "points", "label", "name", "sync_fence_info"].contains(&name)
        {
            return Arg::Bad(self.bad());
        }
        let bits = 8 * size.min(8) as u64;
        match arg {
            Arg::Number(number) => n(match self.dice.below(8) {
                0 | 1 => number ^ 1 << self.dice.below(bits),
                2 => number.wrapping_add(1),
                3 => number.wrapping_sub(1),
                4 => number.wrapping_add(4096),
                5 => u64::MAX,
                6 => 0_u64.wrapping_sub(number),
                _ => self.dice.of(&[0, 1, 1 << 31, 1 << 32, 1 << 47, 1 << 48, 1 << 63]),
            }),
            Arg::Slot(_) => n(self.dice.of(&[0, 1, 2, 3, 5, 8, 33, 1 << 16, u64::MAX])),
            Arg::Array(array) => Arg::Array(array),
            Arg::Words(_)
            | Arg::Longs(_)
            | Arg::Answers(_)
            | Arg::Room
            | Arg::Text(_)
            | Arg::Bad(_) => Arg::Bad(self.bad()),
        }
    }
}
