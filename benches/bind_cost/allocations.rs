//! Counting what a batch takes from the heap.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use panthor::BindBuffer;

use crate::cases::Bench;

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed on to the system's allocator as it comes.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.load(Ordering::Relaxed);
    work();
    COUNT.load(Ordering::Relaxed) - before
}

/// Prints the table; whether the goals are met.
pub fn check() -> bool {
    let bench = Bench::new();
    let mut reused = BindBuffer::new();
    bench.maps(&mut reused, 24415);
    let rows = [
        ("1 map", allocations(|| bench.few_maps(1)), 0),
        ("1 map, asynchronous, 2 syncs", allocations(|| bench.map_async()), 0),
        ("1 sparse map of 100e6 bytes", allocations(|| bench.sparse()), 0),
        ("16 maps", allocations(|| bench.few_maps(16)), 0),
        (
            "24415 maps, count given",
            allocations(|| bench.maps(&mut BindBuffer::with_capacity(24415), 24415)),
            1,
        ),
        ("24415 maps, buffer reused", allocations(|| bench.maps(&mut reused, 24415)), 0),
        ("8 queue submits, 8 syncs each", allocations(|| bench.queue_submits(8)), 0),
    ];
    println!("\nheap allocations of one batch or submission\n");
    let mut met = true;
    for (batch, count, goal) in rows {
        let verdict = if count <= goal { "met" } else { "MISSED" };
        println!("{batch:<34} {count:>10}   at most {goal}: {verdict}");
        met &= count <= goal;
    }
    met
}
