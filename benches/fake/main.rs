//! What the fake costs: VM_BIND of single pages with many mappings alive, memory per mapping,
//! sparse maps of any size, descriptors while others are open, two threads on two VMs.
//!
//! `cargo bench --bench fake` prints a table; with `-- --check` it fails when a goal is missed
//! that does not depend on how fast the machine is. Run as a test, it only goes through the
//! motions.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use panthor_fake::{Config, Device, File};
use panthor_sys::*;

use scaling::Scaling;

const PAGE: u64 = 4096;
const BATCH: usize = 1024;
const BASE: u64 = 1 << 30;

mod scaling;
mod sharing;

/// The system's allocator, counting what a thread takes while it asks for that: elsewhere the
/// counter would be in the way of what is measured.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTED.get() {
            IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        }
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        if COUNTED.get() {
            IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        }
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How much is measured.
#[derive(Clone, Copy)]
struct Effort {
    /// The argument that asks for it.
    flag: Option<&'static str>,
    sizes: &'static [usize],
    rounds: usize,
    /// Batches per round.
    batches: usize,
}

const FULL: Effort = Effort {
    flag: Some("--bench"),
    sizes: &[1_000, 10_000, 100_000, 1_000_000],
    rounds: 7,
    batches: 64,
};
const MOTIONS: Effort = Effort { flag: None, sizes: &[1_000, 10_000], rounds: 2, batches: 4 };

/// The address of the page that is mapped as the `index`-th.
type Order = fn(u64) -> u64;

fn ascending(index: u64) -> u64 {
    BASE + index * PAGE
}

/// All pages of 16 TiB, each once, in no order that a tree or a cache could use.
fn random(index: u64) -> u64 {
    let mut page = (index as u32).wrapping_mul(0x9e37_79b1);
    page ^= page >> 15;
    page = page.wrapping_mul(0x85eb_ca77);
    page ^= page >> 13;
    BASE + u64::from(page) * PAGE
}

fn ioctl<T>(file: &File, request: u32, arg: &mut T) {
    // SAFETY: `arg` and the arrays in it are ours and outlive the call.
    let result = unsafe { file.ioctl(request, (&raw mut *arg).cast()) };
    assert_eq!(result, 0, "ioctl {request:#x}");
}

fn new_vm(file: &File) -> u32 {
    let mut args = drm_panthor_vm_create { flags: 0, id: 0, user_va_range: 0 };
    ioctl(file, DRM_IOCTL_PANTHOR_VM_CREATE, &mut args);
    args.id
}

fn new_bo(file: &File) -> u32 {
    let mut args =
        drm_panthor_bo_create { size: PAGE, flags: 0, exclusive_vm_id: 0, handle: 0, pad: 0 };
    ioctl(file, DRM_IOCTL_PANTHOR_BO_CREATE, &mut args);
    args.handle
}

/// A VM whose mappings move through the addresses: the oldest go as new ones come.
struct Window {
    file: File,
    vm: u32,
    bo: u32,
    order: Order,
    first: u64,
    next: u64,
    ops: Vec<drm_panthor_vm_bind_op>,
}

impl Window {
    fn new(file: &File, order: Order) -> Self {
        let (vm, bo) = (new_vm(file), new_bo(file));
        let ops = Vec::with_capacity(BATCH);
        Self { file: file.clone(), vm, bo, order, first: 0, next: 0, ops }
    }

    fn submit(&mut self) {
        let ops = drm_panthor_obj_array {
            stride: size_of::<drm_panthor_vm_bind_op>() as u32,
            count: self.ops.len() as u32,
            array: self.ops.as_ptr() as u64,
        };
        let mut args = drm_panthor_vm_bind { vm_id: self.vm, flags: 0, ops };
        ioctl(&self.file, DRM_IOCTL_PANTHOR_VM_BIND, &mut args);
    }

    /// Maps a batch of pages.
    fn map(&mut self, count: usize) {
        self.ops.clear();
        for _ in 0..count {
            let va = (self.order)(self.next);
            self.next += 1;
            self.ops.push(op(DRM_PANTHOR_VM_BIND_OP_TYPE_MAP, self.bo, va, PAGE));
        }
        self.submit();
    }

    /// Unmaps a batch of the oldest pages.
    fn unmap(&mut self, count: usize) {
        self.ops.clear();
        for _ in 0..count {
            let va = (self.order)(self.first);
            self.first += 1;
            self.ops.push(op(DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP, 0, va, PAGE));
        }
        self.submit();
    }

    fn fill(&mut self, alive: usize) {
        while self.alive() < alive {
            self.map(BATCH.min(alive - self.alive()));
        }
        assert_eq!(self.file.gpu(self.vm).map(|gpu| gpu.mapping_count()), Some(alive));
    }

    fn alive(&self) -> usize {
        (self.next - self.first) as usize
    }

    /// The time of so many batches of maps, and of unmaps.
    fn round(&mut self, batches: usize) -> (Duration, Duration) {
        let (mut maps, mut unmaps) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..batches {
            let start = Instant::now();
            self.map(BATCH);
            let middle = Instant::now();
            self.unmap(BATCH);
            maps += middle - start;
            unmaps += middle.elapsed();
        }
        (maps, unmaps)
    }
}

fn op(flags: u32, bo_handle: u32, va: u64, size: u64) -> drm_panthor_vm_bind_op {
    let syncs = drm_panthor_obj_array { stride: 0, count: 0, array: 0 };
    drm_panthor_vm_bind_op { flags, bo_handle, bo_offset: 0, va, size, syncs }
}

fn device() -> Device {
    Device::new(Config::default()).expect("a fake device")
}

struct Row {
    alive: usize,
    /// Operations a second.
    maps: f64,
    unmaps: f64,
    bytes: f64,
}

/// One row per size. Rounds of all sizes take turns, and the best counts: what else the machine
/// does then hits all of them alike.
fn table(effort: Effort, order: Order) -> Vec<Row> {
    let device = device();
    let file = device.open();
    let mut windows = Vec::new();
    for &alive in effort.sizes {
        let mut window = Window::new(&file, order);
        let before = IN_USE.load(Ordering::Relaxed);
        COUNTED.set(true);
        window.fill(alive);
        COUNTED.set(false);
        let bytes = (IN_USE.load(Ordering::Relaxed) - before) as f64 / alive as f64;
        windows.push((window, Duration::MAX, Duration::MAX, bytes));
    }
    for _ in 0..effort.rounds {
        for (window, best_map, best_unmap, _) in &mut windows {
            let (map, unmap) = window.round(effort.batches);
            *best_map = map.min(*best_map);
            *best_unmap = unmap.min(*best_unmap);
        }
    }
    let ops = (effort.batches * BATCH) as f64;
    let row = |(window, map, unmap, bytes): (Window, Duration, Duration, f64)| Row {
        alive: window.alive(),
        maps: ops / map.as_secs_f64(),
        unmaps: ops / unmap.as_secs_f64(),
        bytes,
    };
    windows.into_iter().map(row).collect()
}

/// The time of a sparse map and its unmap, for both sizes in turns.
fn sparse(effort: Effort) -> [Duration; 2] {
    const SIZES: [u64; 2] = [PAGE, 512 << 30];
    let device = device();
    let file = device.open();
    let vm = new_vm(&file);
    let flags = DRM_PANTHOR_VM_BIND_OP_TYPE_MAP
        | DRM_PANTHOR_VM_BIND_OP_MAP_SPARSE
        | DRM_PANTHOR_VM_BIND_OP_MAP_NOEXEC;
    let mut best = [Duration::MAX; 2];
    for _ in 0..effort.rounds * effort.batches {
        for (size, best) in SIZES.into_iter().zip(&mut best) {
            let pair = [
                op(flags, 0, 1 << 40, size),
                op(DRM_PANTHOR_VM_BIND_OP_TYPE_UNMAP, 0, 1 << 40, size),
            ];
            let all = pair.repeat(BATCH / 2);
            let ops = drm_panthor_obj_array {
                stride: size_of::<drm_panthor_vm_bind_op>() as u32,
                count: all.len() as u32,
                array: all.as_ptr() as u64,
            };
            let mut args = drm_panthor_vm_bind { vm_id: vm, flags: 0, ops };
            let start = Instant::now();
            ioctl(&file, DRM_IOCTL_PANTHOR_VM_BIND, &mut args);
            *best = start.elapsed().min(*best);
        }
    }
    best.map(|time| time / (BATCH as u32 / 2))
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let asked = |name: &str| args.contains(&name);
    let effort = if asked("--bench") { FULL } else { MOTIONS };
    if let [_, scaling::WORKER, cpu, ..] = &args[..] {
        scaling::work(effort, cpu.parse().expect("the number of a CPU"));
        return ExitCode::SUCCESS;
    }
    let mut missed = Vec::new();
    let mut judge = |what: String, fulfilled: bool| {
        println!("{what}{}", if fulfilled { "" } else { "   MISSED" });
        if !fulfilled {
            missed.push(what);
        }
    };

    println!("VM_BIND of single pages through the ioctl, {BATCH} operations a call");
    println!(
        "{:<10} {:>9} {:>12} {:>12} {:>14}",
        "addresses", "alive", "maps/s", "unmaps/s", "bytes/mapping"
    );
    for (name, order, most) in [("ascending", ascending as Order, 2.0), ("random", random, 6.0)] {
        let rows = table(effort, order);
        for row in &rows {
            let Row { alive, maps, unmaps, bytes } = row;
            println!("{name:<10} {alive:>9} {maps:>12.0} {unmaps:>12.0} {bytes:>14.1}");
        }
        let (first, last) = (&rows[0], &rows[rows.len() - 1]);
        let slower = first.maps / last.maps;
        let what = format!("{name}: {slower:.2} times slower at {} (at most {most})", last.alive);
        judge(what, slower <= most);
        let bytes = rows.iter().map(|row| row.bytes).fold(0.0, f64::max);
        judge(format!("{name}: {bytes:.1} bytes a mapping (at most 120)"), bytes <= 120.0);
        if name == "ascending" {
            let least = rows.iter().map(|row| row.maps).fold(f64::MAX, f64::min);
            println!("ascending: at least {least:.0} maps a second (goal 1000000)");
        }
    }

    let [small, large] = sparse(effort);
    let ratio = large.as_secs_f64() / small.as_secs_f64();
    let what = format!(
        "sparse map and unmap: 4 KiB {small:?}, 512 GiB {large:?}: {ratio:.2} (at most 1.25)"
    );
    judge(what, ratio <= 1.25);

    let shares =
        [("a sync file", sharing::sync_file as fn(&File) -> _), ("a dma-buf", sharing::dma_buf)];
    for (name, share) in shares {
        let [few, many] = sharing::measure(effort, share);
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        let [at_few, at_many] = sharing::OPEN;
        let what = format!(
            "{name}: {few:?} with {at_few} others open, {many:?} with {at_many}: {ratio:.2} (at most 2)"
        );
        judge(what, ratio <= 2.0);
    }

    match scaling::measure(effort) {
        Some(Scaling { threads, processes }) => {
            println!("two processes that share nothing: {processes:.2} times one");
            // Where even they fall short, the CPUs share a core or belong to somebody else too.
            let least = if processes >= 1.9 { 1.7 } else { 0.85 * processes };
            let what =
                format!("two threads on two VMs: {threads:.2} times one (at least {least:.2})");
            judge(what, threads >= least);
        }
        None => println!("two threads on two VMs: not measured, there is one CPU"),
    }

    if asked("--check") && !missed.is_empty() {
        eprintln!("{} missed", missed.len());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
