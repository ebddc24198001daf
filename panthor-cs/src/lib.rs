//! Command streams of Arm Mali CSF GPUs: the contract between a driver and the command stream
//! frontend.
//!
//! A queue of a panthor group executes streams of 64-bit instructions. This crate knows the
//! instructions of architectures 10 (Mali-G310, G610, G710) to 15:
//!
//! - [`table`]: one table with opcode, architectures and fields of each instruction. The structs in
//!   [`instruction`], the encoder, the decoder and the disassembler are generated from its rows.
//! - [`operand`]: registers, scoreboard entries, conditions and modes as types.
//! - [`builder`]: streams in memory of the caller, with labels and in chunks.
//! - [`disasm`]: listings with branch targets and decoded addresses.
//! - [`exec`]: an engine that executes streams against any memory.
//! - [`kernel`]: the instructions that the panthor driver puts around a submitted stream.
//!
//! ```
//! use panthor_cs::instruction::{Instruction, SyncAdd64};
//! use panthor_cs::{Arch, Scope, pair};
//!
//! let signal = SyncAdd64 {
//!     scope: Scope::GROUP,
//!     address: pair::<40>(),
//!     data: pair::<42>(),
//!     ..SyncAdd64::default()
//! };
//! let word = signal.encode(Arch::V10)?;
//! assert_eq!(word, 0x3300_282a_0000_0004);
//!
//! let decoded = Instruction::decode(Arch::V10, word)?;
//! assert_eq!(decoded.instruction, signal.into());
//! assert_eq!(decoded.instruction.to_string(), "SYNC_ADD64.group [d40], d42");
//! # Ok::<(), panthor_cs::Error>(())
//! ```
//!
//! An instruction or a field that an architecture lacks is refused by name:
//!
//! ```
//! use panthor_cs::{Arch, SbMask, instruction::Wait};
//!
//! let wait = Wait { mask: SbMask::NONE, indirect: true, progress: false };
//! let error = wait.encode(Arch::V10).unwrap_err();
//! assert_eq!(error.to_string(), "WAIT indirect: no such field (v10, v11-v15 only)");
//! ```
//!
//! The crate is `no_std`, allocates nothing and has no dependencies. Encodings come from Mesa's
//! descriptions of the command stream (genxml); names follow Mesa.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_debug_implementations)]

#[cfg(test)]
extern crate std;

mod arch;
pub mod builder;
pub mod disasm;
mod error;
pub mod exec;
pub mod instruction;
pub mod kernel;
pub mod operand;
mod stream;
pub mod table;

pub use arch::{Arch, Archs};
pub use error::Error;
pub use instruction::{Decoded, Instruction};
pub use operand::*;
pub use stream::Stream;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
const _README: () = ();
