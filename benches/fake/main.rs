//! Cost of the fake: VM_BIND of single pages with many mappings alive, memory per mapping, sparse
//! maps of any size, descriptors while others are open, two threads on two VMs.
//!
//! `cargo bench --bench fake` prints a table; with `-- --check` it fails when a goal that does not
//! depend on the speed of the machine is missed. Run as a test, the program runs each benchmark
//! briefly and judges nothing.

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use panthor_fake::{Config, Device, File};
use panthor_sys::*;

use allocator::{COUNTED, IN_USE};
use scaling::Scaling;
use window::{Order, Window, ascending, ioctl, new_vm, op, random};

const PAGE: u64 = 4096;
const BATCH: usize = 1024;
const BASE: u64 = 1 << 30;

mod allocator;
mod scaling;
mod sharing;
mod window;

/// Amount of measuring.
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

/// Returns one row per size. Rounds of all sizes take turns, and the best counts: other load on the
/// machine then affects all sizes alike.
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

/// Returns the time of a sparse map and its unmap, for both sizes in turns.
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
            // If even the processes fall short, the CPUs share a core or serve other guests too.
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
