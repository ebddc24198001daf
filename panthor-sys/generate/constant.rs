//! Values of constants as literals of the type they are given.

use proc_macro2::TokenStream;

/// Returns `value` as a literal of type `ty`, or `None` if the value does not fit.
///
/// Small numbers are decimal, others hexadecimal. C gives bit 31 of an enum the type int, so that a
/// negative value is a pattern of 32 bits.
pub(crate) fn literal(value: i128, ty: &str) -> Option<TokenStream> {
    let value = match ty {
        "u32" if value < 0 => u128::from(i32::try_from(value).ok()? as u32),
        _ => u128::try_from(value).ok()?,
    };
    let bits = match ty {
        "u8" => 8,
        "u32" => 32,
        // The only sizes in bytes are small; their type is that of an index.
        "usize" => 16,
        "u64" => 64,
        _ => return None,
    };
    if value >> bits != 0 {
        return None;
    }
    let text = match value {
        0..16 => value.to_string(),
        _ if ty == "usize" => value.to_string(),
        _ => grouped(&format!("{value:x}")),
    };
    text.parse().ok()
}

/// Hexadecimal digits in groups of four.
fn grouped(digits: &str) -> String {
    let mut text = "0x".to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 4 == 0 {
            text.push('_');
        }
        text.push(digit);
    }
    text
}
