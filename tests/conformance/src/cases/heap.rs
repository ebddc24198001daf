//! TILER_HEAP_CREATE and TILER_HEAP_DESTROY.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::*;

type Args = drm_panthor_tiler_heap_create;

pub fn add(cases: &mut Cases) {
    cases.group("tiler_heap_create");
    sizes(cases);
    counts(cases);
    vms(cases);
    addresses(cases);
    cases.group("tiler_heap_destroy");
    destroy(cases);
}

fn create(c: &mut Client<'_>, args: Args) -> u32 {
    let mut args = args;
    c.call(DRM_IOCTL_PANTHOR_TILER_HEAP_CREATE, &mut args);
    args.handle
}

fn sizes(cases: &mut Cases) {
    let sizes = [
        ("0", 0),
        ("1", 1),
        ("a_page", PAGE),
        ("64_kib", 64 * KIB),
        ("a_page_less_than_the_least", 128 * KIB - PAGE),
        ("a_byte_less_than_the_least", 128 * KIB - 1),
        ("the_least", 128 * KIB),
        ("a_byte_more_than_the_least", 128 * KIB + 1),
        ("half_a_page_more_than_the_least", 128 * KIB + 2 * KIB),
        ("a_page_more_than_the_least", 128 * KIB + PAGE),
        ("a_page_less_than_2_mib", 2 * MIB - PAGE),
        ("2_mib", 2 * MIB),
        ("a_page_more_than_2_mib", 2 * MIB + PAGE),
        ("the_largest", 8 * MIB),
        ("a_page_too_much", 8 * MIB + PAGE),
        ("16_mib", 16 * MIB),
        ("all_bits", 0xffff_ffff),
        ("all_pages", 0xffff_f000),
    ];
    for (name, size) in sizes {
        cases.add(format!("chunk_size_{name}"), move |c| {
            let vm = c.vm();
            create(c, Args { chunk_size: size as u32, ..heap(vm) });
        });
    }
}

fn counts(cases: &mut Cases) {
    for (initial, max) in
        [(0, 0), (0, 4), (1, 0), (1, 1), (2, 1), (4, 4), (5, 4), (1, u32::MAX), (u32::MAX, 4)]
    {
        cases.add(format!("{initial}_chunks_of_at_most_{max}"), move |c| {
            let vm = c.vm();
            create(c, Args { initial_chunk_count: initial, max_chunks: max, ..heap(vm) });
        });
    }
    for target in [0, 1, 65535, 65536, u32::MAX] {
        cases.add(format!("target_in_flight_{target}"), move |c| {
            let vm = c.vm();
            create(c, Args { target_in_flight: target, ..heap(vm) });
        });
    }
}

fn vms(cases: &mut Cases) {
    for vm in [0, 1, 33, u32::MAX] {
        cases.add(format!("unknown_vm_{vm}"), move |c| {
            create(c, heap(vm));
        });
    }
    cases.add("destroyed_vm", |c| {
        let vm = c.vm();
        c.destroy_vm(vm);
        create(c, heap(vm));
    });
    cases.add("vm_of_another_file", |c| {
        let vm = c.vm();
        c.open();
        create(c, heap(vm));
    });
    cases.add("a_failure_leaves_the_pool", |c| {
        let vm = c.vm();
        create(c, Args { initial_chunk_count: 0, ..heap(vm) });
    });
    cases.add("outputs_stay_when_it_fails", |c| {
        let vm = c.vm();
        let given = Args {
            initial_chunk_count: 0,
            handle: 7,
            tiler_heap_ctx_gpu_va: 8,
            first_heap_chunk_gpu_va: 9,
            ..heap(vm)
        };
        create(c, given);
    });
    cases.add("outputs_are_only_outputs", |c| {
        let vm = c.vm();
        let given =
            Args { handle: 7, tiler_heap_ctx_gpu_va: 8, first_heap_chunk_gpu_va: 9, ..heap(vm) };
        create(c, given);
    });
    for (name, user_va_range) in [
        ("the_least", 1),
        ("three_quarters", 3 << 46),
        ("all_but_1_gib", (1 << 48) - GIB),
        ("the_most", 0xffff_f000_0000),
    ] {
        cases.add(format!("in_a_vm_with_a_user_range_of_{name}"), move |c| {
            let args = drm_panthor_vm_create { user_va_range, ..zeroed() };
            let vm = c.must(DRM_IOCTL_PANTHOR_VM_CREATE, args).id;
            create(c, Args { initial_chunk_count: 2, ..heap(vm) });
        });
    }
}

fn addresses(cases: &mut Cases) {
    cases.add("several_chunks", |c| {
        let vm = c.vm();
        create(c, Args { initial_chunk_count: 4, ..heap(vm) });
    });
    cases.add("several_chunks_of_2_mib", |c| {
        let vm = c.vm();
        create(c, Args { initial_chunk_count: 3, chunk_size: 2 << 20, ..heap(vm) });
    });
    cases.add("several_of_many_sizes", |c| {
        let vm = c.vm();
        for size in [128 * KIB, 132 * KIB, MIB, 2 * MIB, 8 * MIB, MIB, 128 * KIB] {
            create(c, Args { chunk_size: size as u32, ..heap(vm) });
        }
    });
    cases.add("in_two_vms", |c| {
        let (one, two) = (c.vm(), c.vm());
        for vm in [one, two, one] {
            create(c, heap(vm));
        }
    });
    cases.add("in_vms_of_two_files", |c| {
        let vm = c.vm();
        create(c, heap(vm));
        c.open();
        let vm = c.vm();
        create(c, heap(vm));
    });
    cases.add("as_many_as_there_can_be", |c| {
        let vm = c.vm();
        let small = Args { chunk_size: 128 << 10, ..heap(vm) };
        c.quietly(|c| {
            for _ in 0..126 {
                create(c, small);
            }
        });
        for _ in 0..3 {
            create(c, small);
        }
        c.destroy_heap(vm << 16 | 5);
        c.destroy_heap(vm << 16 | 100);
        for _ in 0..3 {
            create(c, small);
        }
    });
    // 256 MiB, of which the last page is never taken.
    cases.add("until_the_range_is_full", |c| {
        let args = drm_panthor_vm_create { user_va_range: 0xffff_f000_0000, ..zeroed() };
        let vm = c.must(DRM_IOCTL_PANTHOR_VM_CREATE, args).id;
        let most = Args { chunk_size: 8 << 20, max_chunks: 40, ..heap(vm) };
        create(c, Args { initial_chunk_count: 30, ..most });
        create(c, most);
        create(c, Args { chunk_size: 2 << 20, initial_chunk_count: 4, ..heap(vm) });
        create(c, Args { chunk_size: 2 << 20, initial_chunk_count: 3, ..heap(vm) });
        create(c, Args { chunk_size: (2 << 20) - 4096, ..heap(vm) });
        create(c, Args { chunk_size: 1 << 20, ..heap(vm) });
    });
}

fn destroy(cases: &mut Cases) {
    cases.add("twice", |c| {
        let vm = c.vm();
        let heap = c.heap(vm).handle;
        c.destroy_heap(heap);
        c.destroy_heap(heap);
    });
    for pad in [1, 1 << 31] {
        cases.add(format!("padding_{pad}"), move |c| {
            let vm = c.vm();
            let handle = c.heap(vm).handle;
            let mut args = drm_panthor_tiler_heap_destroy { handle, pad };
            c.call(DRM_IOCTL_PANTHOR_TILER_HEAP_DESTROY, &mut args);
        });
    }
    for handle in [0, 1, 0x1_0000, 0x2_0000, u32::MAX] {
        cases.add(format!("unknown_handle_{handle:#x}"), move |c| {
            c.destroy_heap(handle);
        });
    }
    cases.add("in_a_vm_without_heaps", |c| {
        let vm = c.vm();
        c.destroy_heap(vm << 16);
    });
    cases.add("unknown_index", |c| {
        let vm = c.vm();
        c.heap(vm);
        for index in [1, 127, 128, 0xffff] {
            c.destroy_heap(vm << 16 | index);
        }
    });
    cases.add("of_another_file", |c| {
        let vm = c.vm();
        let heap = c.heap(vm).handle;
        c.open();
        c.destroy_heap(heap);
        c.vm();
        c.destroy_heap(heap);
    });
    cases.add("after_its_vm", |c| {
        let vm = c.vm();
        let heap = c.heap(vm).handle;
        c.destroy_vm(vm);
        c.destroy_heap(heap);
        c.vm();
        c.destroy_heap(heap);
    });
    cases.add("indices_are_used_again", |c| {
        let vm = c.vm();
        for _ in 0..4 {
            c.heap(vm);
        }
        c.destroy_heap(vm << 16 | 2);
        c.destroy_heap(vm << 16 | 1);
        for _ in 0..3 {
            c.heap(vm);
        }
    });
    cases.add("the_pool_stays", |c| {
        let vm = c.vm();
        let heap = c.heap(vm).handle;
        c.destroy_heap(heap);
        c.mappings();
        c.heap(vm);
    });
}
