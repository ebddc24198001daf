//! GROUP_DESTROY and GROUP_GET_STATE.

use panthor_sys::*;

use crate::case::Cases;
use crate::uapi::ops::*;

pub fn add(cases: &mut Cases) {
    cases.group("group_destroy");
    destroy(cases);
    cases.group("group_get_state");
    get_state(cases);
}

fn destroy(cases: &mut Cases) {
    cases.add("twice", |c| {
        let vm = c.vm();
        let group = c.group(vm, 1);
        c.destroy_group(group);
        c.destroy_group(group);
        c.until_mapped(0);
    });
    for handle in [0, 1, 2, 129, 0x1_0001, u32::MAX] {
        cases.add(format!("unknown_handle_{handle}"), move |c| {
            c.destroy_group(handle);
        });
    }
    cases.add("handle_with_high_bits", |c| {
        let vm = c.vm();
        let group = c.group(vm, 1);
        c.destroy_group(group | 1 << 16);
        c.destroy_group(group | 1 << 31);
    });
    cases.add("padding", |c| {
        let vm = c.vm();
        let group_handle = c.group(vm, 1);
        for pad in [1, 1 << 31] {
            let mut args = drm_panthor_group_destroy { group_handle, pad };
            c.call(DRM_IOCTL_PANTHOR_GROUP_DESTROY, &mut args);
        }
    });
    cases.add("of_another_file", |c| {
        let vm = c.vm();
        let group = c.group(vm, 1);
        c.open();
        c.destroy_group(group);
    });
    cases.add("handles_are_used_again", |c| {
        let vm = c.vm();
        for _ in 0..3 {
            c.group(vm, 1);
        }
        c.destroy_group(2);
        c.until_mapped(6);
        c.destroy_group(1);
        c.until_mapped(3);
        for _ in 0..3 {
            c.group(vm, 1);
        }
    });
    cases.add("after_its_vm", |c| {
        let vm = c.vm();
        let group = c.group(vm, 1);
        c.destroy_vm(vm);
        c.group_state(group);
        c.mappings();
        c.destroy_group(group);
        c.vm_state(vm);
        c.until_vms(0);
    });
    cases.add("its_vm_goes_first_and_the_id_is_used_again", |c| {
        let vm = c.vm();
        let group = c.group(vm, 1);
        c.destroy_vm(vm);
        let vm = c.vm();
        c.group(vm, 1);
        c.destroy_group(group);
        c.until_vms(1);
    });
}

fn get_state(cases: &mut Cases) {
    cases.add("new", |c| {
        let vm = c.vm();
        let group = c.group(vm, 3);
        c.group_state(group);
    });
    for handle in [0, 1, 129, u32::MAX] {
        cases.add(format!("unknown_handle_{handle}"), move |c| {
            c.group_state(handle);
        });
    }
    for pad in [1, 1 << 31] {
        cases.add(format!("padding_{pad}"), move |c| {
            let vm = c.vm();
            let group_handle = c.group(vm, 1);
            let mut args = drm_panthor_group_get_state { group_handle, pad, ..zeroed() };
            c.call(DRM_IOCTL_PANTHOR_GROUP_GET_STATE, &mut args);
        });
    }
    cases.add("all_but_the_handle_is_an_output", |c| {
        let vm = c.vm();
        let group_handle = c.group(vm, 1);
        let mut args =
            drm_panthor_group_get_state { group_handle, state: 7, fatal_queues: 7, pad: 0 };
        c.call(DRM_IOCTL_PANTHOR_GROUP_GET_STATE, &mut args);
    });
    cases.add("nothing_changes_when_it_fails", |c| {
        let mut args =
            drm_panthor_group_get_state { group_handle: 1, state: 7, fatal_queues: 7, pad: 0 };
        c.call(DRM_IOCTL_PANTHOR_GROUP_GET_STATE, &mut args);
    });
    cases.add("after_it_was_destroyed", |c| {
        let vm = c.vm();
        let group = c.group(vm, 1);
        c.destroy_group(group);
        c.group_state(group);
        c.until_mapped(0);
    });
    cases.add("of_another_file", |c| {
        let vm = c.vm();
        let group = c.group(vm, 1);
        c.open();
        c.group_state(group);
    });
    cases.add("handle_with_high_bits", |c| {
        let vm = c.vm();
        let group = c.group(vm, 1);
        c.group_state(group | 1 << 16);
    });
}
