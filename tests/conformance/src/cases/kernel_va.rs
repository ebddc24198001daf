//! VA ranges of the kernel's own memory in a VM: heaps and groups, created and destroyed in many
//! orders.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("kernel_va");
    equal_holes(cases);
    holes(cases);
    groups(cases);
    shuffled(cases);
}

/// Creates a heap with chunks of a size in KiB.
fn chunks(c: &mut Client<'_>, vm: u32, count: u32, size: u64) -> u32 {
    let args = drm_panthor_tiler_heap_create {
        chunk_size: (size * KIB) as u32,
        initial_chunk_count: count,
        max_chunks: count,
        ..heap(vm)
    };
    c.must(DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, args).handle
}

/// Creates a VM with that many heaps of one 128 KiB chunk. Returns the VM and the heaps' handles.
fn row(c: &mut Client<'_>, count: usize) -> (u32, Vec<u32>) {
    let vm = c.vm();
    let heaps = (0..count).map(|_| chunks(c, vm, 1, 128)).collect();
    (vm, heaps)
}

/// Frees some of a row in an order, then fills the holes.
fn equal_holes(cases: &mut Cases) {
    let orders: [(&str, &[usize]); 7] = [
        ("first_to_last", &[0, 2, 4, 6]),
        ("last_to_first", &[6, 4, 2, 0]),
        ("mixed", &[4, 0, 6, 2]),
        ("mixed_otherwise", &[2, 6, 0, 4]),
        ("with_neighbours", &[1, 2, 5, 4]),
        ("that_become_one", &[2, 4, 3]),
        ("that_join_the_end", &[7, 5, 6, 0]),
    ];
    for (name, order) in orders {
        cases.add(format!("equal_holes_{name}"), move |c| {
            let (vm, heaps) = row(c, 8);
            for &index in order {
                c.destroy_heap(heaps[index]);
            }
            for _ in 0..order.len() {
                chunks(c, vm, 1, 128);
                c.mappings();
            }
        });
    }
    cases.add("equal_holes_of_2_mib", |c| {
        let vm = c.vm();
        let heaps: Vec<_> = (0..5).map(|_| chunks(c, vm, 1, 2048)).collect();
        for index in [1, 3] {
            c.destroy_heap(heaps[index]);
        }
        chunks(c, vm, 1, 2048);
        c.mappings();
        chunks(c, vm, 1, 2048);
    });
}

fn holes(cases: &mut Cases) {
    cases.add("the_smallest_hole_that_is_large_enough", |c| {
        let vm = c.vm();
        let heaps = [512, 128, 256, 128, 1024, 128].map(|size| chunks(c, vm, 1, size));
        for index in [0, 2, 4] {
            c.destroy_heap(heaps[index]);
        }
        for size in [256, 200, 300, 128] {
            chunks(c, vm, 1, size);
            c.mappings();
        }
    });
    cases.add("holes_that_alignment_leaves", |c| {
        let vm = c.vm();
        chunks(c, vm, 1, 128);
        chunks(c, vm, 1, 2048);
        chunks(c, vm, 1, 132);
        chunks(c, vm, 1, 4096);
        chunks(c, vm, 1, 128);
        chunks(c, vm, 1, 1024);
    });
    cases.add("a_hole_that_is_large_enough_but_for_alignment", |c| {
        let vm = c.vm();
        let heaps = [128, 1024, 2048, 128].map(|size| chunks(c, vm, 1, size));
        for index in [1, 2] {
            c.destroy_heap(heaps[index]);
        }
        chunks(c, vm, 1, 3000);
        chunks(c, vm, 1, 2048);
    });
    cases.add("the_chunks_of_a_heap_go_one_by_one", |c| {
        let vm = c.vm();
        let mixed = chunks(c, vm, 2, 128);
        let small = chunks(c, vm, 1, 128);
        let other = chunks(c, vm, 2, 128);
        c.destroy_heap(small);
        let again = chunks(c, vm, 3, 128);
        c.mappings();
        c.destroy_heap(again);
        c.destroy_heap(mixed);
        chunks(c, vm, 1, 128);
        c.mappings();
        c.destroy_heap(other);
        chunks(c, vm, 4, 128);
    });
    cases.add("chunks_in_holes_leave_holes_in_their_order", |c| {
        let (vm, heaps) = row(c, 7);
        for index in [1, 3, 5] {
            c.destroy_heap(heaps[index]);
        }
        // Its chunks fill the holes, and are freed again.
        let spread = chunks(c, vm, 3, 128);
        c.mappings();
        c.destroy_heap(spread);
        chunks(c, vm, 1, 128);
    });
    cases.add("a_heap_that_fails_gives_its_chunks_back", |c| {
        let args = drm_panthor_vm_create { user_va_range: 0xffff_f000_0000, ..zeroed() };
        let vm = c.must(DRM_IOCTL_PANTHOR_VM_CREATE, args).id;
        let mut args = drm_panthor_tiler_heap_create {
            chunk_size: 8 << 20,
            initial_chunk_count: 28,
            max_chunks: 40,
            ..heap(vm)
        };
        c.call(DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, &mut args);
        args.initial_chunk_count = 5;
        c.call(DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, &mut args);
        chunks(c, vm, 2, 128);
    });
}

fn groups(cases: &mut Cases) {
    for count in [1, 2, 8] {
        cases.add(format!("a_group_of_{count}_queues"), move |c| {
            let vm = c.vm();
            c.group(vm, count);
        });
    }
    for size in [4, 8, 16, 32, 64] {
        cases.add(format!("a_group_with_a_ring_of_{size}_kib"), move |c| {
            let vm = c.vm();
            let queues = [queue(size * KIB)];
            c.must(DRM_IOCTL_PANTHOR_GROUP_CREATE, group(vm, &queues));
        });
    }
    cases.add("groups_and_heaps", |c| {
        let vm = c.vm();
        c.group(vm, 1);
        chunks(c, vm, 1, 128);
        c.group(vm, 2);
        chunks(c, vm, 2, 256);
    });
    cases.add("a_group_is_made_where_one_was", |c| {
        let vm = c.vm();
        let one = c.group(vm, 2);
        c.group(vm, 1);
        c.destroy_group(one);
        c.until_mapped(3);
        chunks(c, vm, 1, 128);
        c.group(vm, 2);
    });
    cases.add("the_rings_of_a_group_go_one_by_one", |c| {
        let vm = c.vm();
        let queues = [16, 4, 16, 4].map(|size| queue(size * KIB));
        let many = c.must(DRM_IOCTL_PANTHOR_GROUP_CREATE, group(vm, &queues)).group_handle;
        c.group(vm, 1);
        c.destroy_group(many);
        c.until_mapped(3);
        for _ in 0..2 {
            c.group(vm, 1);
            c.mappings();
        }
        let queues = [queue(16 * KIB)];
        c.must(DRM_IOCTL_PANTHOR_GROUP_CREATE, group(vm, &queues));
    });
    cases.add("heaps_between_groups", |c| {
        let vm = c.vm();
        let groups: Vec<_> = (0..4).map(|_| c.group(vm, 1)).collect();
        for (left, index) in [(9, 2), (6, 0)] {
            c.destroy_group(groups[index]);
            c.until_mapped(left);
        }
        chunks(c, vm, 1, 128);
        c.group(vm, 1);
        c.mappings();
        c.group(vm, 1);
    });
    cases.add("a_group_that_fails_gives_its_memory_back", |c| {
        let vm = c.vm();
        c.group(vm, 1);
        let queues = [queue(4 * KIB), queue(64 * KIB), queue(2 * KIB)];
        c.call(DRM_IOCTL_PANTHOR_GROUP_CREATE, &mut group(vm, &queues));
        c.until_mapped(3);
        c.group(vm, 2);
    });
}

/// Heaps of a few sizes, made and destroyed in an order that is the same each time.
fn shuffled(cases: &mut Cases) {
    for seed in 1..=8_u64 {
        cases.add(format!("shuffled_{seed}"), move |c| {
            let vm = c.vm();
            let (mut heaps, mut state) = (Vec::new(), seed);
            for _ in 0..60 {
                // The generator of Knuth's MMIX.
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let pick = (state >> 33) as usize;
                if heaps.len() > 12 || (pick % 5 < 2 && !heaps.is_empty()) {
                    let gone = heaps.remove(pick / 5 % heaps.len());
                    c.destroy_heap(gone);
                } else {
                    let size = [128, 128, 256, 132, 2048][pick / 5 % 5];
                    heaps.push(chunks(c, vm, 1 + (pick / 25 % 3) as u32, size));
                }
            }
        });
    }
}
