//! The GPU copies one BO into another: a command stream in a BO, its flush ID, its queue.
//!
//! `cargo run --example submit`

mod common;

use std::error::Error;
use std::time::Duration;

use panthor::{
    Bo, BoMap, BoOptions, Device, GroupOptions, MapFlags, QueueOptions, Vm, VmOptions, Wait,
};
use panthor_cs::builder::{Build, BuildError, Chain, Chunk, Chunks, StoreWith, Target};
use panthor_cs::disasm::Listing;
use panthor_cs::{Arch, RegMask, Stream, entry, pair, reg};

/// Bytes to copy.
const SIZE: usize = 4096;
/// Bytes of a chunk of the stream: small, to show the jumps between chunks.
const CHUNK: usize = 1024;
const STREAM_VA: u64 = 0x10_0000;
const SOURCE_VA: u64 = 0x20_0000;
const DESTINATION_VA: u64 = 0x30_0000;

fn main() -> Result<(), Box<dyn Error>> {
    let device = common::open()?;
    let target = target(&device)?;
    let vm = device.create_vm(VmOptions::new())?;
    // The GPU fetches instructions through the VM.
    let (_stream_bo, code) = memory(&device, &vm, 16 << 10, STREAM_VA, MapFlags::READONLY)?;
    let (_source_bo, source) = memory(&device, &vm, SIZE, SOURCE_VA, MapFlags::NOEXEC)?;
    let (_copy_bo, copy) = memory(&device, &vm, SIZE, DESTINATION_VA, MapFlags::NOEXEC)?;
    for offset in (0..SIZE).step_by(4) {
        source.store(offset, 0x1000_0000 | offset as u32)?;
    }

    let stream = build(target, chunks(&code))?;
    println!("the stream starts at {stream}, its first instructions are:");
    show(target, &code, stream)?;

    let group = vm.create_group(GroupOptions::new().queue(QueueOptions::new(64 << 10)))?;
    let done = device.create_syncobj()?;
    // Read after the stream was written: no other flush of the stream is needed.
    let flush_id = device.flush_id()?;
    let mut submission = group.submit();
    submission.queue(0).stream(stream.va, stream.size).latest_flush(flush_id).signal(&done);
    submission.submit()?;
    if done.wait(Duration::from_secs(5))? != Wait::Ready {
        return Err("the job did not complete within 5 s".into());
    }

    let mut same = 0;
    for offset in (0..SIZE).step_by(4) {
        same += usize::from(copy.load::<u32>(offset)? == source.load::<u32>(offset)?);
    }
    match same * 4 {
        SIZE => println!("the GPU has copied {SIZE} bytes"),
        0 if device.fake().is_some() => println!("the job is done; this fake executes no streams"),
        bytes => return Err(format!("{bytes} of {SIZE} bytes were copied").into()),
    }
    Ok(())
}

/// Returns the architecture and the limits of a queue.
fn target(device: &Device) -> Result<Target, Box<dyn Error>> {
    let major = device.gpu_info()?.arch().major;
    let arch = Arch::new(major).ok_or_else(|| format!("architecture {major} is not known"))?;
    let csif = device.csif_info()?;
    Ok(Target::new(arch)
        .registers(csif.cs_reg_count)
        .unpreserved(csif.unpreserved_cs_reg_count)
        .scoreboard_entries(csif.scoreboard_slot_count))
}

/// Allocates a BO, maps it for the GPU at `va` and for the CPU.
fn memory(
    device: &Device,
    vm: &Vm,
    size: usize,
    va: u64,
    flags: MapFlags,
) -> panthor::Result<(Bo, BoMap)> {
    let bo = device.create_bo(BoOptions::new(size as u64).exclusive_to(vm))?;
    vm.bind().map(&bo, .., va, flags).submit()?;
    let map = bo.map()?;
    Ok((bo, map))
}

/// Returns the chunks of the stream's BO.
fn chunks(code: &BoMap) -> impl Chunks {
    let mut starts = (0..code.len()).step_by(CHUNK);
    move |_words: usize| {
        let start = starts.next()?;
        let memory = StoreWith::new(CHUNK / 8, move |index, word: u64| {
            code.store(start + 8 * index, word.to_le()).expect("a word within the chunk");
        });
        Some(Chunk { va: STREAM_VA + start as u64, memory })
    }
}

/// Builds the stream: loads 16 registers, waits, stores them, and so on.
fn build(target: Target, chunks: impl Chunks) -> Result<Stream, BuildError> {
    let (source, destination) = (pair::<40>(), pair::<42>());
    let (transfers, flush) = (entry::<0>(), entry::<1>());
    let words = RegMask::first(16);
    let mut chain = Chain::new(target, chunks);
    chain.select_entries(entry::<2>(), transfers);
    chain.move64(source, SOURCE_VA).move64(destination, DESTINATION_VA);
    for offset in (0..SIZE as i16).step_by(64) {
        chain.load(reg(0), words, source, offset).wait(transfers);
        // The registers are free again at the WAIT of the store.
        chain.store(reg(0), words, destination, offset).wait(transfers);
    }
    // The CPU sees what has left the caches.
    chain.move32(reg(0), 0).flush_caches(reg(0), flush).wait(flush);
    chain.finish()
}

/// Prints the first instructions of the stream.
fn show(target: Target, code: &BoMap, stream: Stream) -> panthor::Result<()> {
    let mut bytes = [0; CHUNK];
    code.read((stream.va - STREAM_VA) as usize, &mut bytes)?;
    let listing = Listing::new(target.arch(), &bytes[..stream.size as usize]).at(stream.va);
    for line in listing.lines().take(8) {
        println!("{line}");
    }
    Ok(())
}
