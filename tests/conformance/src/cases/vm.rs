//! VM_CREATE, VM_DESTROY and VM_GET_STATE.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::memory::Bad;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    create(cases);
    destroy(cases);
    get_state(cases);
}

fn create(cases: &mut Cases) {
    cases.group("vm_create");
    let ranges = [
        ("default", 0),
        ("one_byte", 1),
        ("unaligned", 4 * GIB + 1),
        ("4_gib", 4 * GIB),
        ("half", 1 << 47),
        ("a_byte_more_than_half", (1 << 47) + 1),
        ("all_but_the_kernels_least", 0xffff_f000_0000),
        ("a_byte_too_much", 0xffff_f000_0001),
        ("all", 1 << 48),
        ("twice_as_much_as_there_is", 1 << 49),
        ("largest", u64::MAX),
    ];
    for (name, user_va_range) in ranges {
        cases.add(format!("range_{name}"), move |c| {
            let mut args = drm_panthor_vm_create { user_va_range, ..zeroed() };
            c.call(DRM_IOCTL_PANTHOR_VM_CREATE, &mut args);
        });
    }
    for bit in [0, 1, 15, 31] {
        cases.add(format!("unknown_flag_bit_{bit}"), move |c| {
            let mut args = drm_panthor_vm_create { flags: 1 << bit, ..zeroed() };
            c.call(DRM_IOCTL_PANTHOR_VM_CREATE, &mut args);
        });
    }
    cases.add("id_is_only_an_output", |c| {
        let mut args = drm_panthor_vm_create { id: 77, ..zeroed() };
        c.call(DRM_IOCTL_PANTHOR_VM_CREATE, &mut args);
    });
    cases.add("as_many_as_there_can_be", |c| {
        for _ in 0..34 {
            let mut args = zeroed::<drm_panthor_vm_create>();
            c.call(DRM_IOCTL_PANTHOR_VM_CREATE, &mut args);
        }
        c.destroy_vm(7);
        c.call(DRM_IOCTL_PANTHOR_VM_CREATE, &mut zeroed::<drm_panthor_vm_create>());
        c.call(DRM_IOCTL_PANTHOR_VM_CREATE, &mut zeroed::<drm_panthor_vm_create>());
    });
    for bad in [Bad::Null, Bad::Kernel, Bad::Unmapped, Bad::Ends(15), Bad::Ends(16), Bad::ReadOnly]
    {
        cases.add(format!("argument_at_{}", bad.name()), move |c| {
            c.memory.write_before_end(&[0; 16]);
            c.at(DRM_IOCTL_PANTHOR_VM_CREATE, bad);
        });
    }
}

fn destroy(cases: &mut Cases) {
    cases.group("vm_destroy");
    cases.add("twice", |c| {
        let vm = c.vm();
        c.destroy_vm(vm);
        c.destroy_vm(vm);
    });
    for id in [0, 1, 32, 33, u32::MAX] {
        cases.add(format!("unknown_id_{id}"), move |c| {
            c.destroy_vm(id);
        });
    }
    cases.add("padding", |c| {
        let id = c.vm();
        for pad in [1, 1 << 31] {
            c.call(DRM_IOCTL_PANTHOR_VM_DESTROY, &mut drm_panthor_vm_destroy { id, pad });
        }
    });
    cases.add("of_another_file", |c| {
        let vm = c.vm();
        c.open();
        c.destroy_vm(vm);
    });
    cases.add("with_mappings", |c| {
        let (vm, bo) = (c.vm(), c.bo(MIB));
        c.bind(vm, &[map(bo, 0, MIB, MIB, 0)]);
        c.mappings();
        c.destroy_vm(vm);
        c.close_bo(bo);
    });
}

fn get_state(cases: &mut Cases) {
    cases.group("vm_get_state");
    cases.add("usable", |c| {
        let vm = c.vm();
        c.vm_state(vm);
    });
    for vm_id in [0, 1, 33, u32::MAX] {
        cases.add(format!("unknown_id_{vm_id}"), move |c| {
            c.vm_state(vm_id);
        });
    }
    cases.add("state_is_only_an_output", |c| {
        let vm_id = c.vm();
        let mut args = drm_panthor_vm_get_state { vm_id, state: 99 };
        c.call(DRM_IOCTL_PANTHOR_VM_GET_STATE, &mut args);
    });
}
