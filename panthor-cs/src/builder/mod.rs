//! Builders of streams.
//!
//! - [`Block`] writes a contiguous stream to a slice, with labels and structured control flow.
//! - [`Chain`] writes a stream of any length to chunks of GPU memory, and jumps from chunk to
//!   chunk.
//!
//! Both implement [`Build`]. The builder allocates nothing.
//!
//! The same source builds for each architecture, as far as the instruction sets allow:
//!
//! ```
//! use panthor_cs::builder::{Block, Build, Defer, Target};
//! use panthor_cs::{Arch, RegMask, Scope, entry, pair, reg};
//!
//! for arch in [Arch::V10, Arch::V13] {
//!     let mut words = [0; 32];
//!     let mut block = Block::new(Target::new(arch), &mut words);
//!     // Copies 64 bytes, waits, and signals a sync object.
//!     block
//!         .select_entries(entry::<2>(), entry::<0>())
//!         .move64(pair::<40>(), 0x10_0000)
//!         .move64(pair::<42>(), 0x20_0000)
//!         .load(reg(0), RegMask::first(16), pair::<40>(), 0)
//!         .wait(entry::<0>())
//!         .store(reg(0), RegMask::first(16), pair::<42>(), 0)
//!         .wait(entry::<0>())
//!         .move64(pair::<44>(), 0x30_0000)
//!         .move64(pair::<46>(), 1)
//!         .sync_add64(Scope::SYSTEM, pair::<44>(), pair::<46>(), Defer::NONE);
//!     block.finish()?;
//! }
//! # Ok::<(), panthor_cs::builder::BuildError>(())
//! ```
//!
//! What the target lacks is refused by name when the stream is finished:
//!
//! ```
//! use panthor_cs::builder::{Block, Build, Target};
//! use panthor_cs::instruction::Add32;
//! use panthor_cs::{Arch, reg};
//!
//! let mut words = [0; 8];
//! let mut block = Block::new(Target::new(Arch::V12), &mut words);
//! block.move32(reg(0), 1).emit(Add32 { dst: reg(0), src0: reg(0), src1: reg(1) });
//! let error = block.finish().unwrap_err();
//! assert_eq!(error.to_string(), "instruction 1: ADD32: no such instruction (v12, v13-v15 only)");
//! ```

mod block;
mod build;
mod chain;
mod check;
mod chunk;
mod control;
mod defer;
mod error;
mod label;
mod target;

pub use block::Block;
pub use build::Build;
pub use chain::Chain;
pub use chunk::{Chunk, Chunks, StoreWith, Words};
pub use defer::Defer;
pub use error::{BuildError, Problem};
pub use label::Label;
pub use target::Target;
