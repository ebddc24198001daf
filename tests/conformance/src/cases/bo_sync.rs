//! BO_SYNC and BO_QUERY_INFO.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

const FLUSH: u32 = DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH;
const INVALIDATE: u32 = DRM_PANTHOR_BO_SYNC_CPU_CACHE_FLUSH_AND_INVALIDATE;

pub fn add(cases: &mut Cases) {
    cases.group("bo_sync");
    ranges(cases);
    objects(cases);
    arrays(cases);
    cases.group("bo_query_info");
    info(cases);
}

fn op(handle: u32, type_: u32, offset: u64, size: u64) -> drm_panthor_bo_sync_op {
    drm_panthor_bo_sync_op { handle, type_, offset, size }
}

fn sync(c: &mut Client<'_>, ops: &[drm_panthor_bo_sync_op]) {
    c.show("op", ops);
    let mut args = drm_panthor_bo_sync { ops: array(ops) };
    c.call(DRM_IOCTL_PANTHOR_BO_SYNC, &mut args);
}

/// Creates a BO of 1 MiB with allocated pages, CPU-cached where the kernel supports that.
fn cached(c: &mut Client<'_>) -> u32 {
    let flags = DRM_PANTHOR_BO_WB_MMAP;
    let mut args = drm_panthor_bo_create { size: MIB, flags, ..zeroed() };
    if c.call(DRM_IOCTL_PANTHOR_BO_CREATE, &mut args) != 0 {
        return c.bo(MIB);
    }
    c.cpu_map(args.handle, MIB).store(0, 1);
    args.handle
}

fn ranges(cases: &mut Cases) {
    let ranges = [
        ("nothing", 0, 0),
        ("all", 0, MIB),
        ("a_byte", 5, 1),
        ("the_last_byte", MIB - 1, 1),
        ("a_byte_too_much", 0, MIB + 1),
        ("a_byte_behind_it", MIB, 1),
        ("nothing_at_its_end", MIB, 0),
        ("nothing_behind_its_end", MIB + 1, 0),
        ("that_wraps_around", u64::MAX, 2),
        ("that_wraps_around_to_its_start", PAGE.wrapping_neg(), 2 * PAGE),
        ("of_the_largest_size", 0, u64::MAX),
        ("at_the_largest_offset", u64::MAX, 0),
    ];
    for (name, offset, size) in ranges {
        cases.add(format!("range_{name}"), move |c| {
            let bo = cached(c);
            sync(c, &[op(bo, FLUSH, offset, size)]);
            sync(c, &[op(bo, INVALIDATE, offset, size)]);
        });
    }
    for type_ in [2, 3, 1 << 31, u32::MAX] {
        cases.add(format!("unknown_type_{type_}"), move |c| {
            let bo = cached(c);
            sync(c, &[op(bo, type_, 0, MIB)]);
            sync(c, &[op(bo, type_, 0, 0)]);
        });
    }
}

fn objects(cases: &mut Cases) {
    cases.add("of_a_bo_without_cached_pages", |c| {
        let bo = c.bo(MIB);
        sync(c, &[op(bo, FLUSH, 0, MIB), op(bo, INVALIDATE, PAGE, PAGE)]);
        sync(c, &[op(bo, FLUSH, 0, MIB + 1)]);
    });
    cases.add("of_a_bo_without_pages", |c| {
        let flags = DRM_PANTHOR_BO_WB_MMAP;
        let mut args = drm_panthor_bo_create { size: MIB, flags, ..zeroed() };
        c.call(DRM_IOCTL_PANTHOR_BO_CREATE, &mut args);
        sync(c, &[op(args.handle, FLUSH, 0, MIB)]);
    });
    cases.add("of_a_bo_that_must_not_be_mapped", |c| {
        let args = drm_panthor_bo_create { size: MIB, flags: DRM_PANTHOR_BO_NO_MMAP, ..zeroed() };
        let bo = c.must(DRM_IOCTL_PANTHOR_BO_CREATE, args).handle;
        sync(c, &[op(bo, FLUSH, 0, MIB)]);
    });
    cases.add("of_a_bo_that_a_vm_has_mapped", |c| {
        let (vm, bo) = (c.vm(), cached(c));
        c.bind(vm, &[map(bo, 0, MIB, MIB, 0)]);
        sync(c, &[op(bo, FLUSH, 0, MIB)]);
        sync(c, &[op(bo, INVALIDATE, 64 * KIB, 3)]);
    });
    for handle in [0, 1, u32::MAX] {
        cases.add(format!("unknown_handle_{handle}"), move |c| {
            sync(c, &[op(handle, FLUSH, 0, 0)]);
        });
    }
    cases.add("unknown_handle_and_a_wrong_range", |c| {
        sync(c, &[op(1, FLUSH, u64::MAX, 9)]);
    });
    cases.add("several_and_the_last_is_wrong", |c| {
        let (one, two) = (cached(c), cached(c));
        sync(c, &[op(one, FLUSH, 0, MIB), op(two, INVALIDATE, 0, MIB), op(77, FLUSH, 0, 0)]);
        sync(c, &[op(one, FLUSH, 0, MIB), op(two, INVALIDATE, 0, MIB)]);
    });
}

fn arrays(cases: &mut Cases) {
    let size = size_of::<drm_panthor_bo_sync_op>() as u32;
    for (name, stride) in [
        ("0", 0),
        ("1", 1),
        ("a_byte_short", size - 1),
        ("a_byte_longer", size + 1),
        ("a_word_longer", size + 8),
        ("twice_as_long", size * 2),
        ("largest", u32::MAX),
    ] {
        cases.add(format!("stride_{name}"), move |c| {
            let bo = cached(c);
            let array = c.at_end(&[op(bo, FLUSH, 0, MIB), zeroed(), zeroed()]);
            let ops = drm_panthor_obj_array { stride, count: 1, array };
            c.call(DRM_IOCTL_PANTHOR_BO_SYNC, &mut drm_panthor_bo_sync { ops });
        });
    }
    cases.add("something_between_the_elements", move |c| {
        let bo = cached(c);
        let ops = [op(bo, FLUSH, 0, MIB), op(0, 0, 0, 1)];
        let ops = drm_panthor_obj_array { stride: 2 * size, count: 1, ..array(&ops) };
        c.call(DRM_IOCTL_PANTHOR_BO_SYNC, &mut drm_panthor_bo_sync { ops });
    });
    cases.add("none_at_a_bad_address", |c| {
        let array = c.memory.address(Bad::Unmapped);
        for stride in [0, 24] {
            let ops = drm_panthor_obj_array { stride, count: 0, array };
            c.call(DRM_IOCTL_PANTHOR_BO_SYNC, &mut drm_panthor_bo_sync { ops });
        }
    });
    for bad in [Bad::Null, Bad::Kernel, Bad::Unmapped, Bad::Ends(23)] {
        cases.add(format!("one_at_{}", bad.name()), move |c| {
            let array = c.memory.address(bad);
            let ops = drm_panthor_obj_array { stride: size, count: 1, array };
            c.call(DRM_IOCTL_PANTHOR_BO_SYNC, &mut drm_panthor_bo_sync { ops });
        });
    }
}

fn query(c: &mut Client<'_>, handle: u32) {
    let mut args = drm_panthor_bo_query_info { handle, ..zeroed() };
    c.call(DRM_IOCTL_PANTHOR_BO_QUERY_INFO, &mut args);
}

fn info(cases: &mut Cases) {
    for (name, flags) in [
        ("without_flags", 0),
        ("not_to_be_mapped", DRM_PANTHOR_BO_NO_MMAP),
        ("with_cached_pages", DRM_PANTHOR_BO_WB_MMAP),
    ] {
        cases.add(name, move |c| {
            let mut args = drm_panthor_bo_create { size: PAGE, flags, ..zeroed() };
            c.call(DRM_IOCTL_PANTHOR_BO_CREATE, &mut args);
            query(c, args.handle);
        });
    }
    cases.add("all_but_the_handle_is_an_output", |c| {
        let handle = c.bo(PAGE);
        let mut args =
            drm_panthor_bo_query_info { handle, extra_flags: 7, create_flags: 7, pad: 7 };
        c.call(DRM_IOCTL_PANTHOR_BO_QUERY_INFO, &mut args);
    });
    for handle in [0, 1, u32::MAX] {
        cases.add(format!("unknown_handle_{handle}"), move |c| query(c, handle));
    }
    cases.add("of_an_exclusive_bo", |c| {
        let vm = c.vm();
        let bo = c.exclusive_bo(PAGE, vm);
        query(c, bo);
    });
    cases.add("of_an_exported_bo", |c| {
        let bo = c.bo(PAGE);
        let fd = c.export(bo);
        query(c, bo);
        c.open();
        let (_, other) = c.import(std::os::fd::AsRawFd::as_raw_fd(&fd));
        query(c, other);
    });
    cases.add("of_a_closed_bo", |c| {
        let bo = c.bo(PAGE);
        c.close_bo(bo);
        query(c, bo);
    });
}
