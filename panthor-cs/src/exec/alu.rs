//! Arithmetic on values.

/// Operations on values of one width.
pub(super) trait Word: Copy {
    /// Shifts left by `amount` modulo the width.
    fn shift_left(self, amount: Self) -> Self;
    /// Shifts right by `amount` modulo the width, filling with zeros.
    fn shift_right_unsigned(self, amount: Self) -> Self;
    /// Shifts right by `amount` modulo the width, filling with the sign.
    fn shift_right_signed(self, amount: Self) -> Self;
    /// Returns the field of `width` bits from `position` on, zero-extended.
    ///
    /// Bits behind the word are no part of the field.
    fn extract_unsigned(self, position: u8, width: u8) -> Self;
    /// Returns the field of `width` bits from `position` on, sign-extended from its highest bit.
    ///
    /// Bits behind the word are no part of the field.
    fn extract_signed(self, position: u8, width: u8) -> Self;
    /// Replaces the field of `width` bits from `position` on by the low bits of `value`.
    ///
    /// Bits behind the word are dropped.
    fn insert(self, position: u8, width: u8, value: Self) -> Self;
}

macro_rules! word {
    ($unsigned:ty, $signed:ty) => {
        impl Word for $unsigned {
            #[inline(always)]
            fn shift_left(self, amount: Self) -> Self {
                self.wrapping_shl(amount as u32)
            }

            #[inline(always)]
            fn shift_right_unsigned(self, amount: Self) -> Self {
                self.wrapping_shr(amount as u32)
            }

            #[inline(always)]
            fn shift_right_signed(self, amount: Self) -> Self {
                (self as $signed).wrapping_shr(amount as u32) as $unsigned
            }

            fn extract_unsigned(self, position: u8, width: u8) -> Self {
                self.checked_shr(position.into()).unwrap_or(0) & low_bits(width) as $unsigned
            }

            fn extract_signed(self, position: u8, width: u8) -> Self {
                let width = u32::from(width).min(<$unsigned>::BITS.saturating_sub(position.into()));
                if width == 0 {
                    return 0;
                }
                let unused = <$unsigned>::BITS - width;
                let field = self.extract_unsigned(position, width as u8);
                (((field << unused) as $signed) >> unused) as $unsigned
            }

            fn insert(self, position: u8, width: u8, value: Self) -> Self {
                let field = low_bits(width) as $unsigned;
                let mask = field.checked_shl(position.into()).unwrap_or(0);
                let value = value.checked_shl(position.into()).unwrap_or(0);
                self & !mask | value & mask
            }
        }
    };
}
word!(u32, i32);
word!(u64, i64);

/// Returns a mask of `width` bits, at most 64.
fn low_bits(width: u8) -> u64 {
    if width >= 64 { u64::MAX } else { (1 << width) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns bit `i` of a value of `bits` bits, 0 behind the value.
    fn bit(value: u64, i: u32, bits: u32) -> u64 {
        if i < bits { value >> i & 1 } else { 0 }
    }

    /// Values of interest, and a few others.
    fn values() -> impl Iterator<Item = u64> {
        let mut random = crate::exec::random::Random(7);
        [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 63, u64::MAX]
            .into_iter()
            .chain((0..20).map(move |_| random.up_to(u32::MAX) << 32 | random.up_to(u32::MAX)))
    }

    #[test]
    fn fields_are_as_bit_by_bit() {
        for value in values() {
            for position in 0..80u8 {
                for width in 0..80u8 {
                    for bits in [32, 64] {
                        let (mut unsigned, mut sign) = (0, 0);
                        for i in 0..u32::from(width) {
                            if u32::from(position) + i < bits {
                                sign = bit(value, u32::from(position) + i, bits);
                                unsigned |= sign << i;
                            }
                        }
                        let real = u32::from(width).min(bits.saturating_sub(position.into()));
                        let ones = u64::MAX.checked_shl(real).unwrap_or(0);
                        let signed = if sign == 1 { unsigned | ones } else { unsigned };
                        if bits == 32 {
                            let value = value as u32;
                            assert_eq!(
                                u64::from(value.extract_unsigned(position, width)),
                                unsigned
                            );
                            assert_eq!(value.extract_signed(position, width), signed as u32);
                        } else {
                            assert_eq!(value.extract_unsigned(position, width), unsigned);
                            assert_eq!(value.extract_signed(position, width), signed);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn inserted_fields_are_as_bit_by_bit() {
        for (value, field) in values().zip(values().skip(3)) {
            for position in 0..80u8 {
                for width in 0..80u8 {
                    let mut wanted = value;
                    for i in 0..u32::from(width) {
                        let at = u32::from(position) + i;
                        if at < 64 {
                            wanted = wanted & !(1 << at) | bit(field, i, 64) << at;
                        }
                    }
                    assert_eq!(value.insert(position, width, field), wanted);
                    let low = (wanted & 0xffff_ffff) as u32;
                    assert_eq!((value as u32).insert(position, width, field as u32), {
                        // A field that crosses bit 32 takes the same low bits.
                        low
                    });
                }
            }
        }
    }
}
