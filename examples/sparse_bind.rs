//! A sparse resource of 100e6 bytes: what it costs to bind, and what is there.
//!
//! `cargo run --example sparse_bind`

mod common;

use std::time::{Duration, Instant};

use panthor::{
    BindBuffer, BindReport, Bo, BoOptions, Device, Features, MapFlags, SparseMode, Vm, VmOptions,
};

/// Bytes of the resource, rounded up to the MMU's pages.
const SIZE: u64 = 100_000_000_u64.next_multiple_of(PAGE);
const PAGE: u64 = 4096;
/// Address of the sparse range.
const VA: u64 = 4 << 30;
/// Start and size of the resident part.
const MIDDLE: u64 = VA + (SIZE / 2).next_multiple_of(2 << 20);
const RESIDENT: u64 = 64 << 10;

fn main() -> panthor::Result<()> {
    let device = common::open()?;
    let vm = device.create_vm(VmOptions::new())?;
    println!("\nbinding a sparse resource of {SIZE} bytes ({} pages)\n", SIZE / PAGE);
    println!("{:<14} {:>12} {:>8} {:>12}", "", "operations", "ioctls", "time");

    print_row("page by page", bind_page_by_page(&vm)?);
    unbind(&vm)?;
    let emulated =
        timed(|| vm.bind().sparse_mode(SparseMode::Emulated).map_sparse(VA..VA + SIZE).submit())?;
    print_row("emulated", emulated);
    unbind(&vm)?;
    if device.features().contains(Features::SPARSE) {
        let native =
            timed(|| vm.bind().sparse_mode(SparseMode::Native).map_sparse(VA..VA + SIZE).submit())?;
        print_row("native", native);
    } else {
        println!("{:<14} needs Panthor {}", "native", Features::SPARSE.since());
    }

    unbind(&vm)?;
    vm.bind().map_sparse(VA..VA + SIZE).submit()?;
    make_resident(&device, &vm)?;
    unbind(&vm)?;
    check_unbound(&device, &vm);
    println!("\nunbound: {VA:#x}..{:#x}, VM {:?}", VA + SIZE, vm.state()?);
    Ok(())
}

/// Binds each page by its own operation, all to the same BO page, as a naive driver does.
fn bind_page_by_page(vm: &Vm) -> panthor::Result<(BindReport, Duration)> {
    let page = vm.device().create_bo(BoOptions::new(PAGE).no_mmap().exclusive_to(vm))?;
    let mut buffer = BindBuffer::with_capacity((SIZE / PAGE) as usize);
    timed(|| {
        let mut batch = vm.bind_with(&mut buffer);
        for va in (VA..VA + SIZE).step_by(PAGE as usize) {
            batch.map(&page, 0..PAGE, va, MapFlags::NOEXEC);
        }
        batch.submit()
    })
}

/// Leaves nothing for the next way to replace.
fn unbind(vm: &Vm) -> panthor::Result<()> {
    vm.bind().unmap(VA..VA + SIZE).submit()?;
    Ok(())
}

/// Binds memory into the middle and proves that it is there, and that the rest is still sparse.
fn make_resident(device: &Device, vm: &Vm) -> panthor::Result<()> {
    let bo = device.create_bo(BoOptions::new(RESIDENT))?;
    let pattern: Vec<u8> = (0..RESIDENT).map(|i| (i % 251) as u8).collect();
    bo.map()?.write(0, &pattern)?;
    let report = vm.bind().map(&bo, 0..RESIDENT, MIDDLE, MapFlags::NOEXEC).submit()?;
    println!("\nresident: {RESIDENT} bytes at {MIDDLE:#x} ({} operation)", report.operations);

    let Some(gpu) = device.fake().and_then(|file| file.gpu(vm.id())) else {
        println!("          (the GPU's eyes are the fake's: a Mali would need a job to look)");
        return Ok(());
    };
    let mut seen = vec![0; RESIDENT as usize];
    gpu.read(MIDDLE, &mut seen).expect("memory is bound here");
    assert_eq!(seen, pattern, "the GPU reads what the CPU wrote");
    println!("          the GPU reads there what the CPU wrote");
    for va in [VA, MIDDLE - PAGE, MIDDLE + RESIDENT, VA + SIZE - PAGE] {
        gpu.write(va, b"lost").expect("a sparse page takes writes");
        let mut seen = [0; 4];
        gpu.read(va, &mut seen).expect("a sparse page gives something");
    }
    gpu.read(MIDDLE, &mut seen).expect("memory is bound here");
    assert_eq!(seen, pattern, "writes to sparse pages do not reach memory");
    println!("          around it, GPU reads and writes neither fault nor reach memory");
    show_mappings(&gpu, &bo);
    Ok(())
}

/// Prints what is mapped, and proves that it is the resource as a whole, sparse but for the memory.
fn show_mappings(gpu: &panthor::fake::GpuView, bo: &Bo) {
    let mut runs: Vec<(u64, u64, bool)> = Vec::new();
    for mapping in gpu.mappings() {
        let resident = mapping.bo_handle() == Some(bo.handle());
        match runs.last_mut() {
            // Emulated, a sparse range is many mappings.
            Some((_, end, was)) if *end == mapping.va && *was == resident => *end += mapping.size,
            _ => runs.push((mapping.va, mapping.va + mapping.size, resident)),
        }
    }
    for &(start, end, resident) in &runs {
        let kind = if resident { "memory" } else { "sparse" };
        println!("          {start:#011x}..{end:#011x} {kind}");
    }
    let end = MIDDLE + RESIDENT;
    assert_eq!(runs, [(VA, MIDDLE, false), (MIDDLE, end, true), (end, VA + SIZE, false)]);
}

/// Proves that nothing is left.
fn check_unbound(device: &Device, vm: &Vm) {
    if let Some(gpu) = device.fake().and_then(|file| file.gpu(vm.id())) {
        for va in [VA, MIDDLE, VA + SIZE - PAGE] {
            gpu.read(va, &mut [0]).expect_err("nothing is mapped here");
        }
        assert!(gpu.mappings().is_empty());
    }
}

fn timed(
    bind: impl FnOnce() -> panthor::Result<BindReport>,
) -> panthor::Result<(BindReport, Duration)> {
    let start = Instant::now();
    Ok((bind()?, start.elapsed()))
}

fn print_row(name: &str, (report, time): (BindReport, Duration)) {
    let micros = time.as_nanos() as f64 / 1e3;
    println!("{name:<14} {:>12} {:>8} {micros:>9.0} µs", report.operations, report.ioctls);
}
