//! Emission of instructions, common to blocks and chains.

use super::{Defer, Problem, Target};
use crate::instruction::*;
use crate::operand::*;
use crate::{Arch, Stream};

/// A builder of a stream.
///
/// [`emit`](Self::emit) takes any instruction. The other methods are short forms, and hide
/// differences between architectures where the instruction sets allow that.
///
/// The builder keeps the first problem, ignores later instructions, and reports the problem when
/// the stream is finished.
pub trait Build: Sized {
    /// Returns the target of the stream.
    fn target(&self) -> Target;

    /// Appends an instruction.
    fn emit<I: Encode>(&mut self, instruction: I) -> &mut Self;

    /// Keeps `problem` for the end, unless there was another before.
    fn fail(&mut self, problem: Problem);

    /// Moves a 32-bit immediate into a register.
    fn move32(&mut self, dst: Reg, imm: u32) -> &mut Self {
        self.emit(Move32 { dst, imm })
    }

    /// Moves a 64-bit immediate into a register pair: one instruction below 2^48, else two.
    fn move64(&mut self, dst: RegPair, imm: u64) -> &mut Self {
        if imm < 1 << 48 {
            self.emit(Move48 { dst, imm })
        } else {
            self.move32(dst.low(), imm as u32).move32(dst.high(), (imm >> 32) as u32)
        }
    }

    /// Copies a register.
    fn copy32(&mut self, dst: Reg, src: Reg) -> &mut Self {
        self.add32(dst, src, 0)
    }

    /// Copies a register pair.
    fn copy64(&mut self, dst: RegPair, src: RegPair) -> &mut Self {
        self.add64(dst, src, 0)
    }

    /// Adds an immediate to a register.
    fn add32(&mut self, dst: Reg, src: Reg, imm: i32) -> &mut Self {
        self.emit(AddImm32 { dst, src, imm })
    }

    /// Adds an immediate to a register pair.
    fn add64(&mut self, dst: RegPair, src: RegPair, imm: i32) -> &mut Self {
        self.emit(AddImm64 { dst, src, imm })
    }

    /// Waits until scoreboard entries are zero.
    fn wait(&mut self, entries: impl Into<SbMask>) -> &mut Self {
        self.emit(Wait { mask: entries.into(), ..Wait::default() })
    }

    /// Waits until all scoreboard entries are zero.
    fn wait_all(&mut self) -> &mut Self {
        self.wait(self.target().all_entries())
    }

    /// Selects the scoreboard entries of RUN instructions, and of loads and stores.
    ///
    /// The method emits SET_SB_ENTRY on architecture 10, and two SET_STATE_IMM32 from 11 on.
    fn select_entries(&mut self, endpoint: SbEntry, other: SbEntry) -> &mut Self {
        if self.target().arch() == Arch::V10 {
            return self.emit(SetSbEntry { endpoint, other });
        }
        let value = |entry: SbEntry| entry.number().into();
        self.emit(SetStateImm32 { state: State::SB_SEL_ENDPOINT, value: value(endpoint) })
            .emit(SetStateImm32 { state: State::SB_SEL_OTHER, value: value(other) })
    }

    /// Loads a register from memory, asynchronously on the "other" scoreboard entry.
    fn load32(&mut self, dst: Reg, address: RegPair, offset: i16) -> &mut Self {
        self.load(dst, RegMask::first(1), address, offset)
    }

    /// Loads a register pair from memory, asynchronously on the "other" scoreboard entry.
    fn load64(&mut self, dst: RegPair, address: RegPair, offset: i16) -> &mut Self {
        self.load(dst.low(), RegMask::first(2), address, offset)
    }

    /// Loads the registers of a mask from memory, asynchronously on the "other" scoreboard entry.
    fn load(&mut self, base: Reg, mask: RegMask, address: RegPair, offset: i16) -> &mut Self {
        self.emit(LoadMultiple { base, mask, address, offset })
    }

    /// Stores a register to memory, asynchronously on the "other" scoreboard entry.
    fn store32(&mut self, src: Reg, address: RegPair, offset: i16) -> &mut Self {
        self.store(src, RegMask::first(1), address, offset)
    }

    /// Stores a register pair to memory, asynchronously on the "other" scoreboard entry.
    fn store64(&mut self, src: RegPair, address: RegPair, offset: i16) -> &mut Self {
        self.store(src.low(), RegMask::first(2), address, offset)
    }

    /// Stores the registers of a mask to memory, asynchronously on the "other" scoreboard entry.
    fn store(&mut self, base: Reg, mask: RegMask, address: RegPair, offset: i16) -> &mut Self {
        self.emit(StoreMultiple { base, mask, address, offset })
    }

    /// Stores the system counter to memory, as 64 bits.
    fn store_timestamp(&mut self, address: RegPair, offset: i16, defer: Defer) -> &mut Self {
        let Defer { wait, signal, indirect } = defer;
        let state = StoredState::TIMESTAMP;
        self.emit(StoreState { state, address, offset, wait, signal, indirect })
    }

    /// Cleans and invalidates all caches on scoreboard entry `signal`.
    ///
    /// `flush_id` holds a flush ID, or 0 to flush in any case.
    fn flush_caches(&mut self, flush_id: Reg, signal: SbEntry) -> &mut Self {
        self.emit(FlushCache2 {
            flush_id,
            l2: FlushMode::CLEAN_INVALIDATE,
            lsc: FlushMode::CLEAN_INVALIDATE,
            others: OtherFlushMode::INVALIDATE,
            wait: SbMask::NONE,
            signal,
            indirect: false,
        })
    }

    /// Adds to a 64-bit sync object, and clears its status.
    fn sync_add64(
        &mut self,
        scope: Scope,
        address: RegPair,
        data: RegPair,
        defer: Defer,
    ) -> &mut Self {
        let Defer { wait, signal, indirect } = defer;
        self.emit(SyncAdd64 { scope, propagate: false, address, data, wait, signal, indirect })
    }

    /// Sets a 64-bit sync object, and clears its status.
    fn sync_set64(
        &mut self,
        scope: Scope,
        address: RegPair,
        data: RegPair,
        defer: Defer,
    ) -> &mut Self {
        let Defer { wait, signal, indirect } = defer;
        self.emit(SyncSet64 { scope, propagate: false, address, data, wait, signal, indirect })
    }

    /// Blocks the queue until a 64-bit sync object meets `condition` against `data`.
    fn sync_wait64(
        &mut self,
        condition: SyncCondition,
        address: RegPair,
        data: RegPair,
    ) -> &mut Self {
        self.emit(SyncWait64 { condition, reject: false, address, data })
    }

    /// Calls a stream: moves its address and length into registers, and emits CALL.
    fn call(&mut self, address: RegPair, length: Reg, stream: Stream) -> &mut Self {
        check_stream(self, stream);
        self.move64(address, stream.va).move32(length, stream.size).emit(Call { address, length })
    }

    /// Continues with another stream: moves its address and length into registers, and emits JUMP.
    ///
    /// Only branches reach what is emitted afterward.
    fn jump(&mut self, address: RegPair, length: Reg, stream: Stream) -> &mut Self {
        check_stream(self, stream);
        self.move64(address, stream.va).move32(length, stream.size).emit(Jump { address, length })
    }
}

fn check_stream(builder: &mut impl Build, stream: Stream) {
    if stream.va % 8 != 0 || stream.va >> 48 != 0 {
        builder.fail(Problem::BadVa { va: stream.va, alignment: 8 });
    } else if stream.size % 8 != 0 {
        builder.fail(Problem::BadSize { size: stream.size });
    }
}
