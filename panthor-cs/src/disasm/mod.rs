//! Disassembly of instructions and streams.
//!
//! ```
//! use panthor_cs::{Arch, disasm::Listing};
//!
//! let words: [u64; 4] = [
//!     0x0128_0000_0001_0000, // the address
//!     0x022a_0000_0000_0080, // the length
//!     0x0300_0000_0001_0000,
//!     0x2000_282a_0000_0000,
//! ];
//! let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
//!
//! let text = Listing::new(Arch::V10, &bytes).to_string();
//! let lines: Vec<&str> = text.lines().map(str::trim).collect();
//! assert_eq!(lines, [
//!     "0  MOVE48 d40, #0x10000",
//!     "8  MOVE32 r42, #0x80",
//!     "10  WAIT sb{0}",
//!     "18  CALL [d40], r42    ; 0x10000, 128 bytes",
//! ]);
//! ```

mod comment;
mod constants;
mod line;
mod listing;

pub use comment::{Comment, Registers};
pub use constants::Constants;
pub use listing::{Line, Lines, Listing};

pub(crate) use line::write_instruction;
