//! BO_CREATE and GEM_CLOSE.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::client::Client;
use crate::uapi::ops::*;

const FLAGS: [(&str, u32); 4] = [
    ("no_mmap", DRM_PANTHOR_BO_NO_MMAP),
    ("wb_mmap", DRM_PANTHOR_BO_WB_MMAP),
    ("bit_2", 1 << 2),
    ("bit_31", 1 << 31),
];

pub fn add(cases: &mut Cases) {
    cases.group("bo_create");
    sizes(cases);
    flags(cases);
    fields(cases);
    exclusive(cases);
    cases.group("gem_close");
    close(cases);
}

fn create(c: &mut Client<'_>, args: drm_panthor_bo_create) -> u32 {
    let mut args = args;
    c.call(DRM_IOCTL_PANTHOR_BO_CREATE, &mut args);
    args.handle
}

fn sizes(cases: &mut Cases) {
    let sizes = [
        ("0", 0),
        ("1", 1),
        ("a_byte_less_than_a_page", PAGE - 1),
        ("a_page", PAGE),
        ("a_byte_more_than_a_page", PAGE + 1),
        ("2_mib", 2 * MIB),
        ("a_byte_more_than_2_mib", 2 * MIB + 1),
        ("half_of_all", 1 << 63),
        ("a_byte_less_than_half_of_all", (1 << 63) - 1),
        ("a_page_less_than_all", 0xffff_ffff_ffff_f000),
        ("a_byte_more_than_that", 0xffff_ffff_ffff_f001),
        ("largest", u64::MAX),
    ];
    for (name, size) in sizes {
        cases.add(format!("size_{name}"), move |c| {
            create(c, drm_panthor_bo_create { size, ..zeroed() });
        });
    }
}

fn flags(cases: &mut Cases) {
    for (index, (name, flag)) in FLAGS.into_iter().enumerate() {
        cases.add(format!("flag_{name}"), move |c| {
            create(c, drm_panthor_bo_create { size: PAGE, flags: flag, ..zeroed() });
        });
        for (other_name, other) in &FLAGS[index + 1..] {
            cases.add(format!("flags_{name}_and_{other_name}"), move |c| {
                create(c, drm_panthor_bo_create { size: PAGE, flags: flag | other, ..zeroed() });
            });
        }
    }
    cases.add("all_flags", |c| {
        create(c, drm_panthor_bo_create { size: PAGE, flags: u32::MAX, ..zeroed() });
    });
}

fn fields(cases: &mut Cases) {
    for pad in [1, 1 << 31] {
        cases.add(format!("padding_{pad}"), move |c| {
            create(c, drm_panthor_bo_create { size: PAGE, pad, ..zeroed() });
        });
    }
    cases.add("handle_is_only_an_output", |c| {
        create(c, drm_panthor_bo_create { size: PAGE, handle: 77, ..zeroed() });
    });
    cases.add("handle_stays_when_it_fails", |c| {
        create(c, drm_panthor_bo_create { size: PAGE, handle: 77, pad: 1, ..zeroed() });
    });
    cases.add("handles_in_their_order", |c| {
        for size in [PAGE, 3 * PAGE, MIB] {
            c.bo(size);
        }
        c.open();
        c.bo(PAGE);
    });
}

fn exclusive(cases: &mut Cases) {
    cases.add("exclusive_to_a_vm", |c| {
        let vm = c.vm();
        let bo = c.exclusive_bo(MIB, vm);
        c.bind(vm, &[map(bo, 0, MIB, MIB, 0)]);
    });
    cases.add("exclusive_to_another_vm", |c| {
        let (vm, other) = (c.vm(), c.vm());
        let bo = c.exclusive_bo(MIB, other);
        c.bind(vm, &[map(bo, 0, MIB, MIB, 0)]);
        c.bind(other, &[map(bo, 0, MIB, MIB, 0)]);
    });
    for vm in [1, 33, u32::MAX] {
        cases.add(format!("exclusive_to_unknown_vm_{vm}"), move |c| {
            create(c, drm_panthor_bo_create { size: PAGE, exclusive_vm_id: vm, ..zeroed() });
        });
    }
    cases.add("exclusive_to_a_vm_of_another_file", |c| {
        let vm = c.vm();
        c.open();
        create(c, drm_panthor_bo_create { size: PAGE, exclusive_vm_id: vm, ..zeroed() });
    });
    cases.add("exclusive_to_a_destroyed_vm", |c| {
        let vm = c.vm();
        c.destroy_vm(vm);
        create(c, drm_panthor_bo_create { size: PAGE, exclusive_vm_id: vm, ..zeroed() });
    });
    cases.add("outlives_the_vm_that_it_is_exclusive_to", |c| {
        let vm = c.vm();
        let bo = c.exclusive_bo(MIB, vm);
        c.bind(vm, &[map(bo, 0, MIB, MIB, 0)]);
        c.destroy_vm(vm);
        // The same id, and not the same VM.
        let vm = c.vm();
        c.bind(vm, &[map(bo, 0, MIB, MIB, 0)]);
    });
    cases.add("exclusive_and_a_wrong_size", |c| {
        let vm = c.vm();
        create(c, drm_panthor_bo_create { exclusive_vm_id: vm, ..zeroed() });
    });
}

fn close(cases: &mut Cases) {
    for handle in [0, 1, 77, i32::MAX as u32, 1 << 31, u32::MAX] {
        cases.add(format!("unknown_handle_{handle}"), move |c| {
            c.close_bo(handle);
        });
    }
    cases.add("twice", |c| {
        let bo = c.bo(PAGE);
        c.close_bo(bo);
        c.close_bo(bo);
    });
    cases.add("padding", |c| {
        let handle = c.bo(PAGE);
        c.call(DRM_IOCTL_GEM_CLOSE, &mut drm_gem_close { handle, pad: 7 });
        c.close_bo(handle);
    });
    cases.add("of_another_file", |c| {
        let bo = c.bo(PAGE);
        c.open();
        c.close_bo(bo);
        c.on(0);
        c.close_bo(bo);
    });
    cases.add("handles_are_used_again", |c| {
        for _ in 0..4 {
            c.bo(PAGE);
        }
        c.close_bo(3);
        c.close_bo(2);
        c.bo(PAGE);
        c.bo(PAGE);
        c.bo(PAGE);
    });
    cases.add("the_last_handle_is_used_again", |c| {
        c.bo(PAGE);
        c.bo(PAGE);
        c.close_bo(2);
        c.bo(PAGE);
    });
    cases.add("of_a_bo_that_is_mapped", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[map(bo, 0, MIB, MIB, 0)]);
        c.close_bo(bo);
        c.mappings();
        c.bind(vm, &[unmap(MIB, MIB)]);
    });
}
