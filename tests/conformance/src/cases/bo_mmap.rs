//! BO_MMAP_OFFSET, mmap of BOs, SET_USER_MMIO_OFFSET and mmap of the registers.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::*;

const MMIO_32: u64 = DRM_PANTHOR_USER_MMIO_OFFSET_32BIT;
const MMIO_64: u64 = DRM_PANTHOR_USER_MMIO_OFFSET_64BIT;

pub fn add(cases: &mut Cases) {
    cases.group("bo_mmap_offset");
    offsets(cases);
    cases.group("mmap");
    lengths(cases);
    not_there(cases);
    contents(cases);
    cases.group("user_mmio");
    registers(cases);
    moved(cases);
}

fn offset_of(c: &mut Client<'_>, handle: u32) -> u64 {
    let mut args = drm_panthor_bo_mmap_offset { handle, ..zeroed() };
    c.call(DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, &mut args);
    args.offset
}

fn with_flags(c: &mut Client<'_>, flags: u32) -> u32 {
    let args = drm_panthor_bo_create { size: MIB, flags, ..zeroed() };
    c.must(DRM_IOCTL_PANTHOR_BO_CREATE, args).handle
}

fn offsets(cases: &mut Cases) {
    cases.add("of_a_bo", |c| {
        let bo = c.bo(MIB);
        offset_of(c, bo);
    });
    cases.add("twice", |c| {
        let (bo, other) = (c.bo(MIB), c.bo(MIB));
        for bo in [bo, other, bo] {
            offset_of(c, bo);
        }
    });
    cases.add("is_only_an_output", |c| {
        let handle = c.bo(MIB);
        let mut args = drm_panthor_bo_mmap_offset { handle, offset: 5, ..zeroed() };
        c.call(DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, &mut args);
    });
    for pad in [1, 1 << 31] {
        cases.add(format!("padding_{pad}"), move |c| {
            let handle = c.bo(MIB);
            let mut args = drm_panthor_bo_mmap_offset { handle, pad, ..zeroed() };
            c.call(DRM_IOCTL_PANTHOR_BO_MMAP_OFFSET, &mut args);
        });
    }
    for handle in [0, 1, u32::MAX] {
        cases.add(format!("unknown_handle_{handle}"), move |c| {
            offset_of(c, handle);
        });
    }
    cases.add("of_a_closed_bo", |c| {
        let bo = c.bo(MIB);
        c.close_bo(bo);
        offset_of(c, bo);
    });
    cases.add("of_a_bo_that_must_not_be_mapped", |c| {
        let bo = with_flags(c, DRM_PANTHOR_BO_NO_MMAP);
        let offset = offset_of(c, bo);
        if offset != 0 {
            let _ = c.map_node(MIB, true, offset);
            let _ = c.map_node(MIB, false, offset);
        }
    });
}

fn lengths(cases: &mut Cases) {
    let lengths = [
        ("a_byte", 1),
        ("a_page", PAGE),
        ("half_of_it", MIB / 2),
        ("a_byte_less_than_all", MIB - 1),
        ("all_of_it", MIB),
        ("a_byte_too_much", MIB + 1),
        ("twice_as_much", 2 * MIB),
        ("nothing", 0),
    ];
    for (name, len) in lengths {
        cases.add(name, move |c| {
            let bo = c.bo(MIB);
            let offset = c.mmap_offset(bo);
            for writable in [true, false] {
                let _ = c.map_node(len, writable, offset);
            }
        });
    }
    for (name, at, len) in [
        ("from_the_second_page_on", PAGE, PAGE),
        ("the_last_page", MIB - PAGE, PAGE),
        ("from_behind_it", MIB, PAGE),
        ("from_before_it", PAGE.wrapping_neg(), 2 * PAGE),
        ("from_the_middle_of_a_page", 512, PAGE),
    ] {
        cases.add(name, move |c| {
            let bo = c.bo(MIB);
            let offset = c.mmap_offset(bo);
            let mapped = c.map_node(len, true, offset.wrapping_add(at)).is_ok();
            c.note(format_args!("  {at:#x} from its start: {mapped}"));
        });
    }
    if size_of::<usize>() == 8 {
        cases.add("more_than_a_process_has", |c| {
            let bo = c.bo(MIB);
            let offset = c.mmap_offset(bo);
            let _ = c.map_node(1 << 62, true, offset);
        });
    }
    cases.add("with_cached_pages", |c| {
        let mut args =
            drm_panthor_bo_create { size: MIB, flags: DRM_PANTHOR_BO_WB_MMAP, ..zeroed() };
        if c.call(DRM_IOCTL_PANTHOR_BO_CREATE, &mut args) == 0 {
            let offset = c.mmap_offset(args.handle);
            let _ = c.map_node(MIB, true, offset);
        }
    });
}

fn not_there(cases: &mut Cases) {
    // From 4 GiB on there is what the driver has for itself.
    for (name, offset) in [("0", 0), ("1_mib", MIB), ("1_tib", 1 << 40)] {
        cases.add(format!("nothing_at_{name}"), move |c| {
            let _ = c.map_node(PAGE, true, offset);
        });
    }
    cases.add("of_another_file", |c| {
        let bo = c.bo(MIB);
        let offset = c.mmap_offset(bo);
        c.open();
        let _ = c.map_node(MIB, true, offset);
        c.bo(MIB);
        let _ = c.map_node(MIB, true, offset);
    });
    cases.add("of_a_closed_bo", |c| {
        let bo = c.bo(MIB);
        let offset = c.mmap_offset(bo);
        c.close_bo(bo);
        let _ = c.map_node(MIB, true, offset);
    });
    cases.add("of_a_closed_bo_that_a_mapping_keeps", |c| {
        let bo = c.bo(MIB);
        let offset = c.mmap_offset(bo);
        let kept = c.map_node(MIB, true, offset);
        c.close_bo(bo);
        let _ = c.map_node(MIB, true, offset);
        drop(kept);
        let _ = c.map_node(MIB, true, offset);
    });
    cases.add("of_a_closed_bo_that_a_vm_keeps", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        let offset = c.mmap_offset(bo);
        c.bind(vm, &[map(bo, 0, MIB, MIB, 0)]);
        c.close_bo(bo);
        let _ = c.map_node(MIB, true, offset);
        c.bind(vm, &[unmap(MIB, MIB)]);
        let _ = c.map_node(MIB, true, offset);
    });
    cases.add("of_a_bo_of_two_files", |c| {
        let bo = c.bo(MIB);
        let offset = c.mmap_offset(bo);
        let fd = c.export(bo);
        c.open();
        let _ = c.map_node(MIB, true, offset);
        let (_, other) = c.import(std::os::fd::AsRawFd::as_raw_fd(&fd));
        let _ = c.map_node(MIB, true, offset);
        c.close_bo(other);
        let _ = c.map_node(MIB, true, offset);
    });
}

fn contents(cases: &mut Cases) {
    cases.add("a_new_bo_is_zero", |c| {
        let bo = c.bo(64 * KIB);
        let map = c.cpu_map(bo, 64 * KIB);
        let zero = (0..64 * KIB).step_by(4).all(|at| map.load(at) == 0);
        c.note(format_args!("zero: {zero}"));
    });
    cases.add("two_mappings_are_of_the_same_memory", |c| {
        let bo = c.bo(64 * KIB);
        let (one, two) = (c.cpu_map(bo, 64 * KIB), c.cpu_map(bo, 64 * KIB));
        one.store(0x8000, 0x1234_5678);
        c.note(format_args!("read {:#x} and {:#x}", two.load(0x8000), two.load(0x8004)));
    });
    cases.add("a_part_is_the_start", |c| {
        let bo = c.bo(64 * KIB);
        let (all, part) = (c.cpu_map(bo, 64 * KIB), c.cpu_map(bo, PAGE));
        all.store(0x10, 7);
        c.note(format_args!("read {}", part.load(0x10)));
    });
    cases.add("contents_outlive_a_mapping", |c| {
        let bo = c.bo(64 * KIB);
        c.cpu_map(bo, 64 * KIB).store(0x4000, 99);
        let map = c.cpu_map(bo, 64 * KIB);
        c.note(format_args!("read {}", map.load(0x4000)));
    });
    cases.add("a_mapping_outlives_its_handle", |c| {
        let bo = c.bo(64 * KIB);
        let map = c.cpu_map(bo, 64 * KIB);
        map.store(0, 5);
        c.close_bo(bo);
        // What a new BO has must not be the same memory.
        let other = c.bo(64 * KIB);
        c.cpu_map(other, 64 * KIB).store(0, 6);
        c.note(format_args!("read {}", map.load(0)));
    });
}

fn registers(cases: &mut Cases) {
    for (name, len) in [("a_byte", 1), ("a_page", PAGE), ("two_pages", 2 * PAGE), ("nothing", 0)] {
        cases.add(format!("{name}_at_its_64_bit_offset"), move |c| {
            let _ = c.map_node(len, false, MMIO_64);
        });
    }
    cases.add("for_writing", |c| {
        let _ = c.map_node(PAGE, true, MMIO_64);
    });
    for (name, offset) in [
        ("its_32_bit_offset", MMIO_32),
        ("the_second_page", MMIO_64 + PAGE),
        ("the_page_before_it", MMIO_64 - PAGE),
        ("far_behind_it", MMIO_64 * 2),
    ] {
        cases.add(format!("at_{name}"), move |c| {
            let _ = c.map_node(PAGE, false, offset);
        });
    }
}

fn moved(cases: &mut Cases) {
    let set = |c: &mut Client<'_>, offset: u64| {
        let mut args = drm_panthor_set_user_mmio_offset { offset };
        c.call(DRM_IOCTL_PANTHOR_SET_USER_MMIO_OFFSET, &mut args)
    };
    for (name, offset) in [
        ("0", 0),
        ("1", 1),
        ("a_page", PAGE),
        ("32_bit", MMIO_32),
        ("a_byte_more_than_32_bit", MMIO_32 + 1),
        ("between", MMIO_32 * 2),
        ("64_bit", MMIO_64),
        ("a_page_more_than_64_bit", MMIO_64 + PAGE),
        ("both", MMIO_32 | MMIO_64),
        ("largest", u64::MAX),
    ] {
        cases.add(format!("offset_{name}"), move |c| {
            set(c, offset);
            for at in [MMIO_32, MMIO_64] {
                let _ = c.map_node(PAGE, false, at);
            }
        });
    }
    cases.add("moved_and_back", move |c| {
        for offset in [MMIO_32, MMIO_64] {
            set(c, offset);
            for at in [MMIO_32, MMIO_32 + PAGE, MMIO_64] {
                let _ = c.map_node(PAGE, false, at);
            }
        }
    });
    cases.add("moved_for_one_file_only", move |c| {
        set(c, MMIO_32);
        c.open();
        for at in [MMIO_32, MMIO_64] {
            let _ = c.map_node(PAGE, false, at);
        }
    });
    cases.add("bos_stay_when_it_is_moved", move |c| {
        let bo = c.bo(MIB);
        let offset = c.mmap_offset(bo);
        set(c, MMIO_32);
        let _ = c.map_node(MIB, true, offset);
        offset_of(c, bo);
    });
}
